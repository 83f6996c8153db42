"""The rules of the API without an API server: its schema, and its rules in CEL, read where the CRD is made."""

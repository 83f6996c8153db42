"""The contract with users: spec, status, conditions, names. Pure data."""

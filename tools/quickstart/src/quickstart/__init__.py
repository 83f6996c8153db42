"""Serin in one command: a cluster, a bucket of signed models, a good version promoted, a bad one rolled back, broken ones refused."""

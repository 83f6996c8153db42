"""Serin in one command: a cluster, a model, a good version promoted, a bad one rolled back, a broken one refused."""

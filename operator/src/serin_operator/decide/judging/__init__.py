"""Comparisons of two revisions: when a look is due, what it says, and what is remembered of it."""

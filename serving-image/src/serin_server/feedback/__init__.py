"""Judging the model, not only the server: predictions that are signed, and true labels that come back."""

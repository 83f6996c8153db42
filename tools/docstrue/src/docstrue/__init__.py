"""The documentation is true: what exists is documented, and what is documented exists."""

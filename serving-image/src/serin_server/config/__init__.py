"""What can be set, once: names, defaults, checks and the words of the documentation."""

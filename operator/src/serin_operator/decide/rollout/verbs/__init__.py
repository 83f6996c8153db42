"""What people can ask for with the annotation ``serin.dev/action``: one value a verb, each in the file of its subject."""

"""Programs that the tool needs and where they come from."""

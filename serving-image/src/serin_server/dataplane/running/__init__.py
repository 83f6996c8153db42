"""How the model is run: what waits, what shares a run, where it runs, and what comes of it."""

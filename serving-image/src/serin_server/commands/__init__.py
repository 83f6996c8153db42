"""The commands beside `serve`, each of which ends."""

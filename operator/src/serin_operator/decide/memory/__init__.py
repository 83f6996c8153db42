"""What is remembered from one reconcile to the next, and how it is read back from status, whatever became of it."""

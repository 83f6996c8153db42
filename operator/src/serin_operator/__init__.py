"""The Serin operator: progressive delivery for machine-learning models."""

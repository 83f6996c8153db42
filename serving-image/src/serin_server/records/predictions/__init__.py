"""A sample of predictions and their labels, for a collector that writes them down as tables."""

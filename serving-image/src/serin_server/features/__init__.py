"""What the data look like: histograms of features and predictions, counted behind the answers, never before them."""

"""Whether a model's rows are independent, so that rows of different requests may share a run: proven, or not."""

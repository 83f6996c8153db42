"""Predictions without a word about transports: requests in, tensors out, batched by turns of the event loop."""

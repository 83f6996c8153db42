"""What is written down of requests: an access log and a log of payloads, both sampled."""

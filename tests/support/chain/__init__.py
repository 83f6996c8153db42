"""Evidence by the way that it takes: servers count, Prometheus scrapes, looks are taken, and judged."""

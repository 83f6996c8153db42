"""Metrics that cost a fraction of a microsecond to count and are put into words only when somebody scrapes."""

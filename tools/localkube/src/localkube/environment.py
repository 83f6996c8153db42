"""What every program of a cluster finds in its environment."""

SELDOM = {"GOGC": "400"}
"""Programs in Go collect garbage a quarter as often as by default: clusters of tests are small, and lack processors before memory."""

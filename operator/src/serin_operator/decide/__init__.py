"""The functional core: from what is observed, and the time, to what should be done. No I/O, no clock."""

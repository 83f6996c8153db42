"""Where models come from over the network: one module for each kind of store, found by the scheme of the URI (registry.py)."""

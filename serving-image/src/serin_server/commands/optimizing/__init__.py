"""Variants of a model that may be quicker: made, tried beside the original, and served where they keep a promise."""

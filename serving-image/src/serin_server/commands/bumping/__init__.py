"""New versions by themselves: what a moving name points at now, written where people read it."""

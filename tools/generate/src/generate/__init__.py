"""Writes what Serin derives from its sources, and notices when a written file is stale."""

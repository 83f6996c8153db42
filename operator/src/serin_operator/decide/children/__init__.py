"""Which objects there should be, and the operations that make it so."""

"""A model: where its bytes come from, what they are, and a session that runs them."""

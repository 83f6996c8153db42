"""Embeddings in the words of OpenAI's interface."""

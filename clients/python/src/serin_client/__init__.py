"""Sends true labels back to models that Serin serves: remembers predictions, waits for labels, batches, tries again."""

from serin_client.feedback import Feedback, Outcome
from serin_client.sender import NotTaken

__all__ = ["Feedback", "NotTaken", "Outcome"]

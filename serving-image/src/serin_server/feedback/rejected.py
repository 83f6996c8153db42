"""A row of feedback that is not counted, and why."""


class Rejected(Exception):
    """A row that is not counted; `reason` is one of `FEEDBACK_REJECTIONS`."""

    def __init__(self, reason: str, error: str) -> None:
        super().__init__(error)
        self.reason = reason

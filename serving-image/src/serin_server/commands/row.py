"""One gate of the preflight and what came of it, as a row for everybody."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from serin_server.failures import Reason, one_line

OFF: Final = "off"
_SENTENCE: Final = 250
_SENTENCE_BYTES: Final = 600
"""Of its JSON: with several rows a termination message must stay below the 4 KiB at which Kubernetes cuts it."""


@dataclass(frozen=True, slots=True)
class Row:
    """One gate and what came of it."""

    name: str
    verdict: str
    """Pass, Warn, Fail, or Unknown where there is nothing to judge by."""
    message: str
    reason: Reason
    measured: Mapping[str, float] = field(default_factory=dict)
    """Numbers for the ledger: the next version is compared with them."""

    def told(self) -> dict[str, str]:
        """As the operator reads it."""
        return {"name": self.name, "verdict": self.verdict, "message": self.message}


def sentence(text: str) -> str:
    """As much of a text as fits into a row."""
    limit = _SENTENCE
    while len(json.dumps(one_line(text, limit))) > _SENTENCE_BYTES:  # characters beyond ASCII take six bytes and more
        limit = limit * 3 // 4
    return one_line(text, limit)

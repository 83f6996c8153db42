"""One batch of feedback over HTTP, and what came of it."""

import json
import ssl
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

_LATER = frozenset({408, 425, 429, 500, 502, 503, 504})


class NotTaken(Exception):
    """The server refuses feedback as such: a wrong address or key. What waits is kept; the message says what to do."""


@dataclass(frozen=True)
class Answered:
    """How many rows were counted, and why each of the others never will be."""

    accepted: int
    rejected: list[dict[str, Any]]


class Sender:
    """Posts to the feedback address of one model."""

    def __init__(
        self, model: str, headers: Mapping[str, str], timeout_seconds: float, context: ssl.SSLContext | None
    ) -> None:
        if not model.startswith(("http://", "https://")):
            raise ValueError(
                f"model={model!r}: give the model's address, like http://credit-risk/v2/models/credit-risk"
            )
        self._url = model.rstrip("/") + "/feedback"
        self._headers = {"Content-Type": "application/json", **headers}
        self._timeout = timeout_seconds
        self._context = context

    def post(self, rows: Sequence[Mapping[str, Any]]) -> Answered | None:
        """The server's answer; None where it could not take them now. Raises `NotTaken`."""
        body = json.dumps({"rows": rows}).encode()
        request = urllib.request.Request(self._url, body, self._headers, method="POST")  # noqa: S310 (checked above)
        try:
            with urllib.request.urlopen(request, timeout=self._timeout, context=self._context) as answer:  # noqa: S310
                told = json.loads(answer.read())
        except urllib.error.HTTPError as error:
            with error:
                if error.code in _LATER:
                    return None
                said = error.read(2000).decode(errors="replace")
            raise NotTaken(f"{self._url} answers {error.code}: {said}") from None
        except (OSError, ValueError):  # nobody there, or cut off in the middle
            return None
        return Answered(int(told["accepted"]), list(told["rejected"]))

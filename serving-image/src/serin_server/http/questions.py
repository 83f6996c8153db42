"""Questions of another version that came on one connection: answered side by side, told in their order, written together.

Clients' requests wait for one another; questions are sent many at once by who wants them cheap, so they share a run as
those of many clients do.
"""

from collections.abc import Sequence

from serin_server.http.messages import Request, Response, head

Ready = list[tuple[Request, Response]]


class Questions:
    """Those of one connection that are open, and the answers that wait for one before them."""

    __slots__ = ("_answers", "is_due")

    def __init__(self) -> None:
        self._answers: dict[Request, Response | None] = {}
        self.is_due = False
        """Whether somebody will look for answers at the end of this turn."""

    def __len__(self) -> int:
        return len(self._answers)

    def __contains__(self, request: Request) -> bool:
        return request in self._answers

    def open(self, request: Request) -> None:
        """One more, behind the others."""
        self._answers[request] = None

    def answer(self, request: Request, response: Response) -> bool:
        """Takes an answer; whether none is missing any more."""
        self._answers[request] = response
        return None not in self._answers.values()

    def take(self) -> Ready:
        """Takes away the answers before which none is missing."""
        ready: Ready = []
        for request, response in self._answers.items():
            if response is None:
                break
            ready.append((request, response))
        for request, _ in ready:
            del self._answers[request]
        return ready

    def drop(self) -> None:
        """Nobody reads them any more: lets the memory go that answers hold."""
        for request, response in self._answers.items():
            if response is not None and request.holding is not None:
                request.holding.release()
        self._answers.clear()


def text_of(ready: Sequence[tuple[Request, Response]], date: bytes, *, close: bool) -> bytes:
    """Answers as they go on the wire; `close` says that the connection ends behind them."""
    last = len(ready) - 1
    texts: list[bytes] = []
    for place, (_, response) in enumerate(ready):
        texts += (head(response, close and place == last, announce_keep_alive=False, date=date), response.body)
    return b"".join(texts)

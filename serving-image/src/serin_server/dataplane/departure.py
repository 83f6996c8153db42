"""When a server that was asked to stop may go: when no client comes to it any more."""

from collections.abc import Callable, Hashable, Sequence
from time import monotonic
from typing import Final

WATCHED_SECONDS: Final = 60
_GAPS: Final = 5.0
_BURSTS: Final = 1.5


def telling_silence(least_seconds: float, young_seconds: float, clients: Sequence[int]) -> float:
    """Seconds without a new client that tell that clients have learnt of the end.

    Silence of five mean gaps between clients is chance in e^-5 = 0.7 % of cases when they come independently (a Poisson
    process). Clients that started together come in bursts, so it is also more than their longest silence until now.

    Args:
        least_seconds: For a server to which clients come all the time, or none at all; 0 means not to wait.
        young_seconds: The least for a server that has not seen a whole `WATCHED_SECONDS` of its clients.
        clients: How many new clients came in each of the last `WATCHED_SECONDS` seconds, fewer on a young server.
    """
    if not least_seconds or not any(clients):
        return least_seconds
    silences = "".join("x" if came else "." for came in clients).split("x")
    burst_seconds = 1 + max(map(len, silences)) if len(clients) == WATCHED_SECONDS else young_seconds
    return max(least_seconds, _BURSTS * burst_seconds, _GAPS * len(clients) / sum(clients))


class Departure:
    """Watches who still comes while endpoints catch up.

    Who has learnt of a pod's end connects to another one. As long as *new* clients come, somebody between them and the
    pod (kube-proxy, a gateway, or an API server that is down and tells neither) has not; leaving now would lose their requests.

    Args:
        quiet_seconds: How long no new client may have come before the server goes; also the least that it waits.
        longest_seconds: When it goes though clients still come.
        clock: Seconds that only grow.
    """

    def __init__(self, quiet_seconds: float, longest_seconds: float, clock: Callable[[], float] = monotonic) -> None:
        self.quiet_seconds = quiet_seconds
        self._clock = clock
        self._last = clock()
        self._latest = self._last + longest_seconds
        self._known: set[Hashable] = set()

    def came(self, client: Hashable) -> None:
        """A request came on a client's connection. Only the first one counts."""
        if client not in self._known:
            self._known.add(client)
            self._last = self._clock()

    def seconds_left(self) -> float:
        """How long to wait before asking again; 0 when the server may go."""
        return max(0.0, min(self._last + self.quiet_seconds, self._latest) - self._clock())

    @property
    def is_cut_short(self) -> bool:
        """Whether clients came until the very end, so that somebody still believes in this server."""
        return self._last + self.quiet_seconds > self._latest

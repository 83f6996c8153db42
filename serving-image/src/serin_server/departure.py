"""When a server that was asked to stop may go: when no client comes to it any more."""

from collections.abc import Callable, Hashable
from time import monotonic


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
        self._quiet_seconds = quiet_seconds
        self._clock = clock
        self._last = clock()
        self._latest = self._last + longest_seconds
        self._known: set[Hashable] = set()

    def came(self, client: Hashable) -> None:
        """A request came on the client's connection. Only the first one counts: it is told to go elsewhere."""
        if client not in self._known:
            self._known.add(client)
            self._last = self._clock()

    def seconds_left(self) -> float:
        """How long to wait before asking again; 0 when the server may go."""
        return max(0.0, min(self._last + self._quiet_seconds, self._latest) - self._clock())

    @property
    def is_cut_short(self) -> bool:
        """Whether clients came until the very end, so that somebody still believes in this server."""
        return self._last + self._quiet_seconds > self._latest

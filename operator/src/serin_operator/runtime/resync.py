"""Now and then, list everything and compare: a watch that has missed something is dead, and is begun again.

Only metadata are listed, page by page, and compared with what the watches told; what differs gets a few seconds, because a
watch may be late. To begin a watch again is to list its objects anew, so this alone puts right what was missed.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Final

import structlog

from serin_operator.cluster.client import ApiClient
from serin_operator.cluster.errors import ApiError
from serin_operator.cluster.resources import Resource, Scope, scopes_if_there, scopes_of
from serin_operator.cluster.store import Mark, Store, mark_of, parent_of

_GRACE_SECONDS: Final = 5.0

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _Doubt:
    scope: Scope
    newer: tuple[Mark, ...]
    gone: tuple[Mark, ...]


class Resync:
    """Lists every watched kind in every watched namespace and compares with the store.

    Args:
        client: Calls the API server.
        store: What is known.
        namespaces: What is watched; none: the whole cluster.
        is_open: Whether a watch follows at all; who is refused anyway is not asked what it has missed.
        grace_seconds: How late a watch may be before what it has not told counts as missed.
        sleep: Waits so many seconds.
        asked: Kinds that are watched beside those that all installations watch.
    """

    def __init__(
        self,
        client: ApiClient,
        store: Store,
        namespaces: tuple[str, ...],
        *,
        is_open: Callable[[Scope], bool] = lambda _scope: True,
        grace_seconds: float = _GRACE_SECONDS,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        asked: tuple[Resource, ...] = (),
    ) -> None:
        self._client = client
        self._store = store
        self._scopes = (*scopes_of(namespaces), *scopes_if_there(namespaces, asked))
        self._is_open = is_open
        self._grace_seconds = grace_seconds
        self._sleep = sleep

    async def missed(self) -> list[Scope]:
        """The scopes whose watch has missed something; one that cannot be listed proves nothing, and the others go on."""
        doubts = []
        for scope in filter(self._is_open, self._scopes):
            try:
                doubt = await self._compare(scope)
            except ApiError as error:
                _log.debug("not compared", scope=str(scope), error=error.message)
                continue
            if doubt.newer or doubt.gone:
                doubts.append(doubt)
        self._store.sweep()
        if doubts:
            await self._sleep(self._grace_seconds)
        return [doubt.scope for doubt in doubts if self._remains(doubt)]

    async def _compare(self, scope: Scope) -> _Doubt:
        uids: set[str] = set()
        newer: list[Mark] = []

        def take(item: dict[str, Any]) -> None:
            uids.add(item["metadata"]["uid"])
            mark = mark_of(item)
            if not self._store.knows(mark) and parent_of(item) is not None:
                newer.append(mark)

        listed_at = await self._client.each(scope, take, only_metadata=True)
        gone = self._store.vanished(scope.resource, scope.namespace, uids, listed_at)
        return _Doubt(scope, tuple(newer), tuple(gone))

    def _remains(self, doubt: _Doubt) -> bool:
        return any(not self._store.knows(mark) for mark in doubt.newer) or any(
            self._store.has(mark) for mark in doubt.gone
        )


class ResyncLoop:
    """Repeats the resync, on time.

    Args:
        resync: What to repeat.
        interval_seconds: How often.
        on_dead_watch: Called with what a watch covers that turns out to be dead.
        on_round: Called after every round.
    """

    def __init__(
        self,
        resync: Resync,
        interval_seconds: float,
        on_dead_watch: Callable[[Scope], None],
        on_round: Callable[[], None] = lambda: None,
        *,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._resync = resync
        self._interval_seconds = interval_seconds
        self._on_dead_watch = on_dead_watch
        self._on_round = on_round
        self._sleep = sleep
        self.misses_in_a_row = 0
        """How many rounds one after the other found a watch that had missed something."""

    async def run(self) -> None:
        """Repeat for ever."""
        while True:
            await self._sleep(self._interval_seconds)
            await self.once()

    async def once(self) -> None:
        """One round."""
        try:
            missed = await self._resync.missed()
        except Exception:  # noqa: BLE001 - a bug of ours; the next round tries again
            _log.exception("the resync failed and is repeated")
            return
        self.misses_in_a_row = self.misses_in_a_row + 1 if missed else 0
        for scope in missed:
            _log.warning("a watch has missed something and is begun again", watch=str(scope))
            self._on_dead_watch(scope)
        self._on_round()

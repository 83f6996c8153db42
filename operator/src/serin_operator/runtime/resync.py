"""Now and then, list everything: repair what the watches missed, and notice a watch that is dead.

Bookmarks never reach kopf's handlers, so a silent watch looks like a quiet cluster. A LIST that knows something
which the watch has not told a few seconds later proves that it is dead.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Final

import structlog

from serin_operator.api.names import LABEL_MODEL_DEPLOYMENT
from serin_operator.cluster.client import ApiClient
from serin_operator.cluster.resources import MODEL_DEPLOYMENTS, WATCHED
from serin_operator.cluster.store import Key, Store

_GRACE_SECONDS: Final = 5.0

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Repaired:
    """What one resync put right."""

    keys: frozenset[Key] = frozenset()
    """ModelDeployments whose objects were not as the store had them."""
    missed: tuple[str, ...] = field(default=())
    """Kinds whose watch had missed something."""


class Resync:
    """Lists every watched kind in every watched namespace and compares with the store.

    Args:
        client: Calls the API server.
        store: What is known.
        namespaces: What is watched; none: the whole cluster.
        grace_seconds: How late a watch may be before what it has not told counts as missed.
        sleep: Waits so many seconds.
    """

    def __init__(
        self,
        client: ApiClient,
        store: Store,
        namespaces: tuple[str, ...],
        *,
        grace_seconds: float = _GRACE_SECONDS,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._client = client
        self._store = store
        self._namespaces: tuple[str | None, ...] = namespaces or (None,)
        self._grace_seconds = grace_seconds
        self._sleep = sleep

    async def fill(self) -> None:
        """Fill the store before the first reconcile, so that nothing that exists is taken for missing."""
        await self._compare(grace_seconds=0.0)

    async def repair(self) -> Repaired:
        """List everything once and put the store right.

        Raises:
            ApiError: The API server does not answer or does not allow it; the store is as it was, or better.
        """
        return await self._compare(grace_seconds=self._grace_seconds)

    async def _compare(self, *, grace_seconds: float) -> Repaired:
        doubts = []
        for resource in WATCHED:
            selector = "" if resource == MODEL_DEPLOYMENTS else LABEL_MODEL_DEPLOYMENT
            for namespace in self._namespaces:
                items, listed_at = await self._client.list_all(resource, namespace, label_selector=selector)
                difference = self._store.difference(resource, namespace, items, listed_at)
                if difference:
                    doubts.append((resource, difference, listed_at))
        if doubts and grace_seconds:
            await self._sleep(grace_seconds)
        keys: set[Key] = set()
        missed = []
        for resource, difference, listed_at in doubts:
            confirmed = self._store.confirm(difference, listed_at)
            if confirmed:
                missed.append(resource.plural)
                keys |= self._store.repair(confirmed, listed_at)
        self._store.sweep()
        return Repaired(frozenset(keys), tuple(missed))


class ResyncLoop:
    """Repeats the resync, on time or when asked to.

    Args:
        resync: What to repeat.
        interval_seconds: How often.
        on_repaired: Told what was put right, after every round.
        on_dead_watch: Called when a watch turns out to be dead.
    """

    def __init__(
        self,
        resync: Resync,
        interval_seconds: float,
        on_repaired: Callable[[Repaired], None],
        on_dead_watch: Callable[[], None],
    ) -> None:
        self._resync = resync
        self._interval_seconds = interval_seconds
        self._on_repaired = on_repaired
        self._on_dead_watch = on_dead_watch
        self._asked = asyncio.Event()
        self.misses_in_a_row = 0
        """How many rounds one after the other found a watch that had missed something."""

    def ask(self) -> None:
        """Do the next round soon: something may have been missed."""
        self._asked.set()

    async def run(self) -> None:
        """Repeat for ever."""
        while True:
            try:
                async with asyncio.timeout(self._interval_seconds):
                    await self._asked.wait()
            except TimeoutError:
                pass  # the ordinary case: it is time
            asked = self._asked.is_set()
            self._asked.clear()
            await self._round(excused=asked)

    async def _round(self, *, excused: bool) -> None:
        try:
            repaired = await self._resync.repair()
        except Exception as error:  # noqa: BLE001 - whatever it was, the next round tries again
            _log.warning("the resync failed and is repeated", error=str(error))
            return
        self._on_repaired(repaired)
        if not repaired.missed or excused:
            self.misses_in_a_row = 0
            return
        self.misses_in_a_row += 1
        _log.warning("watches have missed something and are begun again", kinds=repaired.missed)
        self._on_dead_watch()

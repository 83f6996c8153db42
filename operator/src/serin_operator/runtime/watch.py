"""One watch: list, then follow, again and again, whatever happens to it and to the others.

A watch belongs to one kind in one namespace (or in the cluster), and everything that goes wrong with it is its own affair:
a refusal, a kind that is not there, an error in the stream. It is begun again with growing patience, for ever.

That it lives is proven, not believed: whoever of us has changed an object, or has read one, says at which resourceVersion
it was, and up to there the watch has to come.
"""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Any, Final, Protocol

import structlog

from serin_operator.cluster.client import ApiClient
from serin_operator.cluster.errors import ApiError, Expired, NotFound, Transient
from serin_operator.cluster.resources import Scope
from serin_operator.cluster.stream import BOOKMARK, watch

LONGEST_PATIENCE_SECONDS: Final = 30.0
LONGEST_OUTAGE_PATIENCE_SECONDS: Final = 10.0
"""An API server that is away comes back any moment; a right that is missing takes a person."""
_SHORT_SECONDS: Final = 1.0
"""A stream that ends sooner, and told nothing, is begun again with patience."""

_FAILURES_BEFORE_LISTING: Final = 3
_ANY_VERSION: Final = str(2**63 - 1)
"""Of a listing that leaves nothing over."""

_log = structlog.get_logger(__name__)


class Sink(Protocol):
    """Where a watch takes what it sees."""

    def take(self, event_type: str | None, obj: Mapping[str, Any]) -> None:
        """An object with the type of its change; ``None``: seen in a listing."""
        ...

    def listed(self, scope: Scope, uids: AbstractSet[str], listed_at: str) -> None:
        """A listing is over; these objects were there."""
        ...


@dataclass(frozen=True, slots=True)
class Told:
    """What a watch tells whoever looks after it."""

    on_change: Callable[["Watch"], None] = lambda _watch: None
    """It sees now, or does not any more."""
    on_failure: Callable[[Scope], None] = lambda _scope: None
    """An attempt failed."""


@dataclass(frozen=True, slots=True)
class Clock:
    """Time, as an argument."""

    monotonic: Callable[[], float] = time.monotonic
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep


class Watch:
    """Follows one scope.

    Args:
        client: Calls the API server.
        scope: What to follow.
        sink: Gets what is seen.
        told: Gets what happens to the watch itself.
        clock: Time.
        may_be_absent: That the cluster does not know the kind is no failure: it is looked for now and then.
    """

    def __init__(
        self,
        client: ApiClient,
        scope: Scope,
        sink: Sink,
        told: Told | None = None,
        clock: Clock | None = None,
        *,
        may_be_absent: bool = False,
    ) -> None:
        self.scope = scope
        self._client = client
        self._sink = sink
        self._told = told or Told()
        self._clock = clock or Clock()
        self._since: str | None = None
        self._heard = 0
        self._expected: tuple[int, float] | None = None
        self._failures = 0
        self._moved_at = self._clock.monotonic()
        self._may_be_absent = may_be_absent
        self.is_absent = False
        """Whether the cluster does not know the kind, which is allowed."""
        self.is_listed = False
        """Whether everything that was there has been seen once since the watch was begun."""
        self.is_open = False
        """Whether the server tells changes."""
        self.problem: str | None = None
        """Why it does not, in words; ``None`` when it does, or when nothing is known yet."""
        self.is_outage = False
        """Whether that passes by itself: nobody refuses it, but the API server does not answer as it should."""
        self.broken_since: float | None = None
        """Since when that is so."""
        self.restarts_in_a_row = 0
        """How often it was begun again because it had not told our own changes, and has told nothing since."""

    async def run(self) -> None:
        """Follow for ever."""
        while True:
            self._moved_at = started = self._clock.monotonic()
            try:
                await self._round()
            except Expired as error:
                self._since = None
                if self._clock.monotonic() - started < _SHORT_SECONDS:
                    await self._be_patient(error.message)
            except ApiError as error:
                if self._may_be_absent and isinstance(error, NotFound):
                    await self._be_absent()
                    continue
                if not isinstance(error, Transient):
                    self._since = None  # what was refused or not there may have become something else meanwhile
                self.is_outage = outage = isinstance(error, Transient)
                longest = LONGEST_OUTAGE_PATIENCE_SECONDS if outage else LONGEST_PATIENCE_SECONDS
                await self._be_patient(error.message, longest)
            except Exception as error:  # noqa: BLE001 - a bug of ours, or a library's: the watch must come back
                _log.exception("a watch broke", watch=str(self.scope))
                self._since = None
                await self._be_patient(f"watch {self.scope}: {type(error).__name__}")

    def expect(self, resource_version: str) -> None:
        """Something in this scope was seen or made at this version: the watch has to come this far."""
        version = int(resource_version)
        if version > self._heard and self._expected is None:
            self._expected = (version, self._clock.monotonic())

    @property
    def overdue_seconds(self) -> float:
        """For how long it has not told what is known to have happened, though nothing refuses it."""
        if self._expected is None or not self.is_open:
            return 0.0
        return self._clock.monotonic() - self._expected[1]

    @property
    def still_seconds(self) -> float:
        """For how long nothing at all has happened, neither news nor a bookmark nor a failure."""
        return self._clock.monotonic() - self._moved_at

    def begin_again(self) -> None:
        """Forget what was seen: the next round lists."""
        self._since, self._expected, self._failures = None, None, 0
        self.is_listed = self.is_open = False
        self._told.on_change(self)

    async def _round(self) -> None:
        since = self._since if self._since is not None else await self._list()
        started = self._clock.monotonic()
        await watch(self._client, self.scope, since, self._take, self._opened)
        if self._clock.monotonic() - started < _SHORT_SECONDS and self._since == since:
            raise Transient(f"watch {self.scope}: the stream ended at once")

    async def _be_absent(self) -> None:
        """The kind is not there (any more): nothing of it is, and nobody is told of a failure."""
        self._since, self._expected, self.problem, self.broken_since = None, None, None, None
        if not self.is_absent:
            _log.info("the cluster does not know this kind; it is looked for now and then", watch=str(self.scope))
        self.is_absent, self.is_listed, self.is_open = True, True, False
        self._sink.listed(self.scope, frozenset(), _ANY_VERSION)
        self._told.on_change(self)
        await self._clock.sleep(LONGEST_PATIENCE_SECONDS)

    async def _list(self) -> str:
        uids: set[str] = set()

        def take(obj: dict[str, Any]) -> None:
            uids.add(obj["metadata"]["uid"])
            self._moved_at = self._clock.monotonic()
            self._hand_on(None, obj)

        listed_at = await self._client.each(self.scope, take)
        self._sink.listed(self.scope, uids, listed_at)
        self._since, self.is_listed, self.is_absent = listed_at, True, False
        self._come_to(listed_at)
        return listed_at

    def _opened(self) -> None:
        self._moved_at = self._clock.monotonic()
        if self.problem is not None:
            _log.info("a watch sees again", watch=str(self.scope))
        self.is_open, self.problem, self.broken_since = True, None, None
        if self._expected is not None:
            self._expected = (self._expected[0], self._moved_at)  # only now can it tell
        self._told.on_change(self)

    def _take(self, event_type: str, obj: dict[str, Any]) -> None:
        self._moved_at = self._clock.monotonic()
        self._failures = 0
        if event_type != BOOKMARK:
            self.restarts_in_a_row = 0
            self._hand_on(event_type, obj)
        self._since = obj["metadata"]["resourceVersion"]
        self._come_to(self._since)

    def _hand_on(self, event_type: str | None, obj: dict[str, Any]) -> None:
        try:
            self._sink.take(event_type, obj)
        except Exception:  # noqa: BLE001 - one object that we cannot take must not keep us from all the others
            _log.exception("an object could not be taken in", watch=str(self.scope), name=obj["metadata"].get("name"))

    def _come_to(self, resource_version: str) -> None:
        self._heard = max(self._heard, int(resource_version))
        if self._expected is not None and self._heard >= self._expected[0]:
            self._expected = None

    async def _be_patient(self, why: str, longest: float = LONGEST_PATIENCE_SECONDS) -> None:
        self._failures += 1
        now = self._clock.monotonic()
        self._moved_at, self._expected, self.restarts_in_a_row = now, None, 0
        was_open, self.is_open = self.is_open, False
        full = min(longest, 0.5 * 2.0 ** min(self._failures - 1, 10))
        pause = full * (0.75 + 0.25 * random.random())  # noqa: S311 - jitter, no secret
        if self.problem != why:
            _log.warning("a watch is begun again", watch=str(self.scope), error=why, after=round(pause, 1))
        if self.broken_since is None:
            self.broken_since = now
        if self._failures >= _FAILURES_BEFORE_LISTING:
            self._since = None  # perhaps it is the version that cannot be followed
        self.problem = why
        self._told.on_failure(self.scope)
        if was_open or self._failures == 1:
            self._told.on_change(self)
        await self._clock.sleep(pause)

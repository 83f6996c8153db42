"""All watches together: which namespaces can be seen, and whether every watch lives.

A namespace is looked after when all kinds in it have been listed, and as long as none of their watches has been broken for a
minute: who does not see the pods must not decide about them. The others go on meanwhile.
"""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Mapping
from collections.abc import Set as AbstractSet
from typing import Any, Final

import structlog

from serin_operator.api.names import LABEL_MODEL_DEPLOYMENT, ObjectRef
from serin_operator.cluster.client import ApiClient
from serin_operator.cluster.resources import HTTP_ROUTES, Resource, Scope, resource_of, scopes_if_there, scopes_of
from serin_operator.observe.gateways import Sight
from serin_operator.runtime.watch import Clock, Sink, Told, Watch

BLIND_SECONDS: Final = 60.0
OVERDUE_SECONDS: Final = 45.0
DEAD_SECONDS: Final = 120.0
STILL_SECONDS: Final = 300.0
"""A stream ends after 100 s without even a bookmark, and an attempt after 30 s of patience."""
DEAD_RESTARTS: Final = 3
_LOOK_AFTER_SECONDS: Final = 5.0

_log = structlog.get_logger(__name__)


class Nobody:
    """Takes nothing: the watch itself is what matters."""

    def take(self, event_type: str | None, obj: Mapping[str, Any]) -> None:
        """Drop it."""

    def listed(self, scope: Scope, uids: AbstractSet[str], listed_at: str) -> None:
        """Drop it."""


class Watches:
    """Watches of everything in some namespaces.

    Args:
        client: Calls the API server; streams stay open, so its session must not limit connections.
        namespaces: What to watch; none: the whole cluster.
        sink: Gets what is seen.
        on_sight: Called with a namespace (``None``: the whole cluster) that can be seen now and could not before.
        on_failure: Told of each attempt that failed.
        clock: Time.
        asked: Kinds that this installation makes beside those that all do.
    """

    def __init__(
        self,
        client: ApiClient,
        namespaces: tuple[str, ...],
        sink: Sink,
        *,
        on_sight: Callable[[str | None], None] = lambda _namespace: None,
        on_failure: Callable[[Scope], None] = lambda _scope: None,
        clock: Clock | None = None,
        asked: tuple[Resource, ...] = (),
    ) -> None:
        self._client = client
        self._on_sight = on_sight
        self._clock = clock or Clock()
        self._told = Told(self._changed, on_failure)
        self._places: tuple[str | None, ...] = namespaces or (None,)
        self._watches = {scope: Watch(client, scope, sink, self._told, self._clock) for scope in scopes_of(namespaces)}
        self._if_there = {
            scope: Watch(client, scope, sink, self._told, self._clock, may_be_absent=True)
            for scope in scopes_if_there(namespaces, asked)
        }
        self._scopes = {place: [s for s in self._watches if s.namespace == place] for place in self._places}
        self._watches |= self._if_there
        self._by_place: defaultdict[tuple[Resource, str | None], list[Watch]] = defaultdict(list)
        for scope, watch in self._watches.items():
            self._by_place[scope.resource, scope.namespace].append(watch)
        self._seen: set[str | None] = set()
        self._first_sight = asyncio.Event()
        self._tasks: dict[Scope, asyncio.Task[None]] = {}

    def add(self, scope: Scope, sink: Sink) -> Watch:
        """One watch more, which no namespace waits for; before ``run``."""
        watch = self._watches[scope] = Watch(self._client, scope, sink, self._told, self._clock)
        self._by_place[scope.resource, scope.namespace].append(watch)
        return watch

    async def run(self) -> None:
        """Watch until cancelled."""
        try:
            for scope in self._watches:
                self._begin(scope)
            while True:
                await self._clock.sleep(_LOOK_AFTER_SECONDS)
                self.look_after()
        finally:
            for task in self._tasks.values():
                task.cancel()

    def look_after(self) -> None:
        """Begin again what does not tell what it must know."""
        for scope, watch in self._watches.items():
            if watch.overdue_seconds > OVERDUE_SECONDS:
                _log.warning("a watch does not tell our own changes and is begun again", watch=str(scope))
                restarts = watch.restarts_in_a_row + 1
                self.restart(scope)
                watch.restarts_in_a_row = restarts

    def restart(self, scope: Scope) -> None:
        """Begin one watch anew: it has missed something. The old one is left behind, whether it ends or not."""
        self._watches[scope].begin_again()
        self._begin(scope)

    def expect(self, ref: ObjectRef, resource_version: str) -> None:
        """An object of ours was changed or read at this version: its watch has to come this far."""
        resource, place = resource_of(ref.api_version, ref.kind), self._place_of(ref.namespace)
        for watch in self._by_place.get((resource, place), ()):
            watch.expect(resource_version)

    async def first_sight(self) -> None:
        """Wait until something can be looked after."""
        await self._first_sight.wait()

    def blind_spot(self, namespace: str | None) -> str | None:
        """Why nothing may be decided in this namespace at the moment, or ``None``; who was told so hears of its end."""
        problem = self._blind_spot(namespace)
        if problem is not None:
            self._seen.discard(self._place_of(namespace))
        return problem

    def _blind_spot(self, namespace: str | None) -> str | None:
        now = self._clock.monotonic()
        for scope, watch in self._covering(namespace):
            if not watch.is_listed:
                return watch.problem or f"{scope} have not been listed yet"
            if watch.broken_since is not None and now - watch.broken_since > BLIND_SECONDS:
                return watch.problem
        return None

    def sight_of_routes(self, namespace: str | None) -> Sight:
        """How far HTTPRoutes can be seen in a namespace."""
        watch = self._if_there.get(Scope(HTTP_ROUTES, self._place_of(namespace), LABEL_MODEL_DEPLOYMENT))
        if watch is None:
            return Sight(is_known=False)
        broken_for = 0.0 if watch.broken_since is None else self._clock.monotonic() - watch.broken_since
        problem = watch.problem if not watch.is_listed or broken_for > BLIND_SECONDS else None
        return Sight(not watch.is_absent, watch.is_listed, problem, bool(problem) and watch.is_outage)

    def refusals(self) -> list[str]:
        """What is not seen at the moment, one line a watch."""
        return sorted({watch.problem for watch in self._watches.values() if watch.problem is not None})

    def dead(self) -> str | None:
        """What proves that a watch is dead though nothing refuses it; only a new process helps."""
        for scope, watch in self._watches.items():
            task = self._tasks.get(scope)
            if task is not None and task.done():
                return f"{scope}: its task has ended"
            if task is not None and watch.still_seconds > STILL_SECONDS:
                return f"{scope}: nothing has happened for {watch.still_seconds:.0f} s, not even a bookmark"
            if watch.overdue_seconds > DEAD_SECONDS:
                return f"{scope}: a change of our own has not been heard of for {watch.overdue_seconds:.0f} s"
            if watch.restarts_in_a_row >= DEAD_RESTARTS:
                return f"{scope}: begun again {watch.restarts_in_a_row} times, and still does not tell our own changes"
        return None

    @property
    def scopes(self) -> list[Scope]:
        """Everything that is watched."""
        return [*self._watches]

    def is_open(self, scope: Scope) -> bool:
        """Whether the API server tells changes in this scope."""
        return self._watches[scope].is_open

    def is_well(self, scope: Scope) -> bool:
        """Whether it does, or has none to tell because the cluster does not know the kind, which is allowed."""
        return self._watches[scope].is_open or self._watches[scope].is_absent

    def _begin(self, scope: Scope) -> None:
        if scope in self._tasks:
            self._tasks[scope].cancel()
        self._tasks[scope] = asyncio.create_task(self._watches[scope].run(), name=f"watch {scope}")

    def _covering(self, namespace: str | None) -> list[tuple[Scope, Watch]]:
        scopes = self._scopes.get(self._place_of(namespace), ())
        return [(scope, self._watches[scope]) for scope in scopes]

    def _place_of(self, namespace: str | None) -> str | None:
        return None if None in self._scopes else namespace

    def _changed(self, watch: Watch) -> None:
        place = watch.scope.namespace
        if place not in self._scopes or self.blind_spot(place) is not None or place in self._seen:
            return
        self._seen.add(place)
        self._first_sight.set()
        self._on_sight(place)

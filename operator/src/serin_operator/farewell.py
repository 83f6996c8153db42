"""What is put right after a ModelDeployment has been deleted: weights of ours in routes of people.

No finalizer holds the deletion up: the user's object stays as the user wrote it, and goes when the user wants it to go. So it
is known from what this process had seen before, it is tried for a minute at most, and nobody waits for it.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

import structlog

from serin_operator.api.names import ObjectRef
from serin_operator.api.traffic import Traffic
from serin_operator.cluster.errors import ApiError, NotFound, NotLeading, Transient
from serin_operator.decide.manifests.route import patch_of
from serin_operator.decide.traffic.beside import weights_back
from serin_operator.decide.traffic.wish import Reweigh
from serin_operator.observe.routes import Surroundings, route

LONGEST_SECONDS: Final = 60.0
"""An API server that refuses for so long keeps the weights as they are."""

Key = tuple[str, str]

_log = structlog.get_logger(__name__)


class Eyes(Protocol):
    """Sees routes."""

    async def surroundings(self, namespace: str, traffic: Traffic | None, lent: Iterable[str]) -> Surroundings:
        """The routes of these names."""
        ...


class Hands(Protocol):
    """Changes them."""

    async def json_patch(self, ref: ObjectRef, patch: Sequence[Mapping[str, Any]]) -> None:
        """JSON Patch, which tests what it relies on."""
        ...


@dataclass(slots=True)
class _Lent:
    uid: str
    routes: tuple[str, ...]
    since: float | None = None
    """When it was first tried to give them back."""


@dataclass(slots=True)
class Farewell:
    """Which routes of people have weights of which ModelDeployment, and how they are given back when that is gone."""

    eyes: Eyes
    hands: Hands
    monotonic: Callable[[], float]
    _lent: dict[Key, _Lent] = field(default_factory=dict)

    def note(self, key: Key, uid: str, status: Mapping[str, Any]) -> None:
        """What status says is lent."""
        routes = tuple((status.get("traffic") or {}).get("lent") or ())
        if routes:
            self._lent[key] = _Lent(uid, routes)
        else:
            self._lent.pop(key, None)

    async def bid(self, key: Key, uid: str | None) -> None:
        """Give back what was lent to another than ``uid``; None: to whoever had this name.

        Raises:
            Transient: The API server was away, or the route has changed meanwhile: try again, which has an end.
        """
        lent = self._lent.get(key)
        if lent is None or lent.uid == uid:
            return
        lent.since = self.monotonic() if lent.since is None else lent.since
        try:
            await self._give_back(key, lent)
        except NotLeading:
            raise
        except ApiError as error:
            if isinstance(error, Transient) and self.monotonic() - lent.since < LONGEST_SECONDS:
                raise
            named = {"namespace": key[0], "name": key[1], "routes": list(lent.routes)}
            _log.warning("weights in routes of people stay as they are", **named, reason=error.message)
        del self._lent[key]

    async def _give_back(self, key: Key, lent: _Lent) -> None:
        namespace, name = key
        around = await self.eyes.surroundings(namespace, None, lent.routes)
        if around.problem:
            raise NotFound(around.problem)
        for each in map(route, around.theirs):
            if weights := tuple(weights_back(name, each)):
                ref = ObjectRef(each.meta.api_version, each.meta.kind, namespace, each.meta.name)
                await self.hands.json_patch(ref, patch_of(Reweigh(each, weights)))
                _log.info("weights given back", namespace=namespace, name=name, route=each.meta.name)

"""One reconcile: observe, decide, act.

Status is the memory, so it is written first: a crash between any two lines below is made good by the next reconcile,
which finds in status what was intended and does the rest. A status that was written by somebody else meanwhile refuses
ours, and then nothing at all is done.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Protocol

import structlog
from pydantic import ValidationError

from serin_operator.act.executor import Executor, Finder, Writer
from serin_operator.act.made import Made
from serin_operator.api.reasons import EventReason
from serin_operator.decide.decision import Decision, decide, look_due
from serin_operator.decide.looks import LookResult
from serin_operator.decide.telling.invalid import status_of_invalid
from serin_operator.decide.world import Obstacle, OperatorConfig, World
from serin_operator.observe import looks, views
from serin_operator.observe.children import Children
from serin_operator.observe.desk import AtOnce, Desk

JsonObject = dict[str, Any]

AGAIN_SOON_SECONDS = 0.2
OBSTACLE_SECONDS = 10.0
LOOKING_SECONDS = 5.0
"""While a look is being taken there is nothing to hurry for: its result queues the key."""

_log = structlog.get_logger(__name__)


class Observer(Finder, Protocol):
    """The eyes."""

    async def model_deployment(self, namespace: str, name: str) -> JsonObject | None:
        """The user's object, live."""
        ...

    async def children(self, namespace: str, name: str, uid: str) -> Children:
        """Everything with our label."""
        ...


class Actor(Writer, Protocol):
    """The hands, for status and events too."""

    async def replace_status(self, obj: Mapping[str, Any]) -> JsonObject:
        """PUT of status, at the object's resourceVersion."""
        ...

    async def event(self, regarding: Mapping[str, Any], *, type_: str, reason: str, message: str) -> None:
        """An Event; never raises."""
        ...


@dataclass(frozen=True)
class Ports:
    """Everything outside that a reconcile touches."""

    observer: Observer
    actor: Actor
    prometheus: looks.Prometheus | None
    clock: Callable[[], datetime]
    config: OperatorConfig
    desk: Desk | None = None
    """Takes the looks; without one, each is taken by ``prometheus`` while its reconcile waits."""


class Reconciler:
    """Brings one ModelDeployment a little closer to its spec, each time it is called."""

    def __init__(self, ports: Ports) -> None:
        self._ports = ports
        self._desk = ports.desk or (AtOnce(ports.prometheus) if ports.prometheus is not None else None)
        self._obstacles: dict[tuple[str, str], tuple[Obstacle, ...]] = {}
        self._made: dict[tuple[str, str], Made] = {}

    async def reconcile(self, namespace: str, name: str) -> float | None:
        """Observe, decide, act. Returns the seconds after which to look again; None: only when something happens.

        Raises:
            Transient: The API server was away, or our view was stale. Try again.
        """
        obj = await self._ports.observer.model_deployment(namespace, name)
        if obj is None or obj["metadata"].get("deletionTimestamp"):
            self._obstacles.pop((namespace, name), None)
            self._made.pop((namespace, name), None)
            return None
        try:
            world, is_looking = await self._observe(obj)
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(str(part) for part in first["loc"])
            message = f"spec.{where}: {first['msg']}; correct it and apply again"
            await self._write_status(obj, status_of_invalid(obj, message, self._ports.clock()))
            return None
        decision = decide(world)
        _tell(world, decision)
        await self._write_status(obj, decision.status)
        again = await self._act(obj, world, decision)
        return max(again, LOOKING_SECONDS) if is_looking and again is not None else again

    async def _observe(self, obj: JsonObject) -> tuple[World, bool]:
        mdep = views.model_deployment(obj)
        children = await self._ports.observer.children(mdep.namespace, mdep.name, mdep.uid)
        world = World(
            now=self._ports.clock(),
            config=self._ports.config,
            mdep=mdep,
            client_service=views.client_service(children, mdep.name, mdep.uid),
            disruption_budget=views.disruption_budget(children, mdep.name, mdep.uid),
            revisions=views.revisions(children, mdep.name, mdep.uid),
            endpoints=views.endpoints(children, mdep.name),
            job_events=tuple(e.get("message") or "" for e in children.events_about_jobs),
            obstacles=self._obstacles.get((mdep.namespace, mdep.name), ()),
        )
        result, is_looking = await self._look(world)
        return replace(world, look=result), is_looking

    async def _look(self, world: World) -> tuple[LookResult | None, bool]:
        """What came of the look that is due, and whether it is still being taken."""
        look, analysis = look_due(world), world.mdep.spec.analysis
        if look is None or analysis is None or self._desk is None:
            return None, False
        key, scrape = (world.mdep.namespace, world.mdep.name), world.config.scrape_interval_seconds
        result = await self._desk.result(key, look, analysis, scrape, world.now)
        return result, result is None

    async def _write_status(self, obj: JsonObject, status: JsonObject) -> None:
        if status != (obj.get("status") or {}):
            written = await self._ports.actor.replace_status({**obj, "status": status})
            obj["metadata"]["resourceVersion"] = written["metadata"]["resourceVersion"]

    async def _act(self, obj: JsonObject, world: World, decision: Decision) -> float | None:
        key = (world.mdep.namespace, world.mdep.name)
        made = self._made.get(key)
        if made is None or made.owner_uid != world.mdep.uid:
            made = self._made[key] = Made(world.mdep.uid)
        executor = Executor(self._ports.actor, self._ports.observer, made)
        try:
            obstacles = await executor.carry_out(decision.operations)
        finally:  # a conflict further on does not undo what was repaired before it
            if executor.repairs:
                message = "; ".join(executor.repairs)
                await self._ports.actor.event(obj, type_="Warning", reason=EventReason.REPAIRED, message=message)
        for said in decision.announcements:
            kind = "Warning" if said.warning else "Normal"
            await self._ports.actor.event(obj, type_=kind, reason=said.reason, message=said.message)
        if obstacles != world.obstacles:
            self._obstacles[key] = obstacles
            return AGAIN_SOON_SECONDS
        return OBSTACLE_SECONDS if obstacles else decision.requeue_after


def _tell(world: World, decision: Decision) -> None:
    """One line a look, from which a history can be replayed; one line for each rollout that ends."""
    name = {"namespace": world.mdep.namespace, "name": world.mdep.name}
    if world.look is not None:
        canary = decision.status.get("canary") or {}
        _log.info(
            "look",
            **name,
            start=world.look.look.start.isoformat(),
            end=world.look.look.end.isoformat(),
            canary=world.look.look.canary,
            stable=world.look.look.stable,
            records=[record.to_dict() for record in decision.records],
            verdict=canary.get("verdict"),
        )
    for ended in decision.ended:
        _log.info(
            "rollout ended",
            **name,
            version=ended.candidate.version,
            outcome=ended.outcome.value,
            reason=ended.reason.value,
            message=ended.message,
        )

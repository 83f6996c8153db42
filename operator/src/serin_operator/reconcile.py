"""One reconcile: observe, decide, act.

Status is the memory, so it is written first: a crash between any two lines below is made good by the next reconcile,
which finds in status what was intended and does the rest. A status that was written by somebody else meanwhile refuses
ours, and then nothing at all is done.
"""

import hashlib
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Protocol

import orjson
from pydantic import ValidationError

from serin_operator.act.errors import Forbidden, Invalid, Transient
from serin_operator.act.executor import Executor, Finder, Writer
from serin_operator.act.letters import Recorder, Teller
from serin_operator.act.made import Made
from serin_operator.act.notices.office import Notices
from serin_operator.act.notices.telling import About
from serin_operator.api.mistyped import of_problem
from serin_operator.api.reasons import EventReason
from serin_operator.api.status import ModelDeploymentStatus
from serin_operator.api.traffic import Traffic
from serin_operator.cluster.errors import Blind
from serin_operator.decide.again import Again
from serin_operator.decide.decision import Decision, Opening, decide, look_due, opening_of
from serin_operator.decide.health.refusals import steady
from serin_operator.decide.rollout.clock import SKEW_SECONDS
from serin_operator.decide.telling.invalid import status_of_invalid
from serin_operator.decide.world import Obstacle, OperatorConfig, World
from serin_operator.farewell import Farewell
from serin_operator.observe import collectors, views
from serin_operator.observe.booking import AtOnce, Booked, Desk
from serin_operator.observe.children import Children
from serin_operator.observe.routes import Surroundings, routing
from serin_operator.observe.written import Prometheus
from serin_operator.tracing import note, step

JsonObject = dict[str, Any]

AGAIN_SOON_SECONDS = 0.2
OBSTACLE_SECONDS = 10.0
LOOKING_SECONDS = 5.0
"""While a look is being taken there is nothing to hurry for: its result queues the key."""


class Observer(Finder, Protocol):
    """The eyes."""

    async def model_deployment(self, namespace: str, name: str) -> JsonObject | None:
        """The user's object, live."""
        ...

    async def children(self, namespace: str, name: str, uid: str) -> Children:
        """Everything with our label."""
        ...

    async def surroundings(self, namespace: str, traffic: Traffic | None, lent: Iterable[str]) -> Surroundings:
        """What surrounds its routes."""
        ...


class Actor(Writer, Recorder, Protocol):
    """The hands, for status and events too."""

    async def replace_status(self, obj: Mapping[str, Any]) -> JsonObject:
        """PUT of status, at the object's resourceVersion."""
        ...


@dataclass(frozen=True)
class Ports:
    """Everything outside that a reconcile touches."""

    observer: Observer
    actor: Actor
    prometheus: Prometheus | None
    clock: Callable[[], datetime]
    config: OperatorConfig
    desk: Desk | None = None
    """Takes the looks; without one, each is taken by ``prometheus`` while its reconcile waits."""
    monotonic: Callable[[], float] = time.monotonic
    """Seconds on a clock that never jumps."""
    notices: Notices | None = None
    """Delivers notices beside the workers; without it none is sent, and they wait."""
    on_seen: Callable[[str, str, JsonObject | None], None] = lambda _namespace, _name, _obj: None
    """Told of each object with its new status; of ``None`` when it is gone."""


class Reconciler:
    """Brings one ModelDeployment a little closer to its spec, each time it is called."""

    def __init__(self, ports: Ports) -> None:
        self._ports = ports
        self._desk = ports.desk or (AtOnce(ports.prometheus) if ports.prometheus is not None else None)
        self._obstacles: dict[tuple[str, str], tuple[Obstacle, ...]] = {}
        self._made: dict[tuple[str, str], Made] = {}
        self._teller = Teller(ports.actor, ports.notices)
        self._carried: dict[tuple[str, str], tuple[str, ModelDeploymentStatus]] = {}
        self._seen_at: dict[tuple[str, str], tuple[datetime, float]] = {}
        self._farewell = Farewell(ports.observer, ports.actor, ports.monotonic)

    async def reconcile(self, namespace: str, name: str) -> float | None:
        """Observe, decide, act. Returns the seconds after which to look again; None: only when something happens.

        Raises:
            Transient: The API server was away, or our view was stale. Try again.
        """
        try:
            obj = await self._ports.observer.model_deployment(namespace, name)
        except Blind:
            self._seen_at.pop((namespace, name), None)
            raise
        if obj is None or obj["metadata"].get("deletionTimestamp"):
            for known in (self._obstacles, self._made, self._carried, self._seen_at):
                known.pop((namespace, name), None)
            if self._desk is not None:  # a reconcile that was under way may have booked a look since the watch told
                self._desk.forget((namespace, name))
            self._teller.forget(namespace, name)
            self._ports.on_seen(namespace, name, None)
            await self._farewell.bid((namespace, name), None)
            return None
        await self._farewell.bid((namespace, name), obj["metadata"]["uid"])
        note("serin.generation", obj["metadata"].get("generation") or 0)
        try:
            with step("observe"):
                world = await self._observe(obj)
        except ValidationError as error:
            message = f"{of_problem(error.errors()[0])}; correct it and apply again"
            await self._write_status(obj, status_of_invalid(obj, message, self._ports.clock()))
            return None
        opening = opening_of(world)
        world, is_looking = await self._look(world, opening)
        with step("decide"):
            decision = decide(world, opening)
        note("serin.phase", (decision.status.get("canary") or {}).get("phase") or "Steady")
        note("serin.operations", len(decision.operations))
        written = await self._write_status(obj, decision.status)
        self._keep(obj, written, decision.carried)
        self._seen_at[namespace, name] = (world.now, self._ports.monotonic())
        requeue_after = self._book(world, decision.again, is_looking=is_looking)
        self._farewell.note((namespace, name), world.mdep.uid, written)
        try:
            with step("act"):
                again = await self._act(obj, world, decision, requeue_after)
        finally:  # what was decided is told, whatever call fails
            await self._teller.tell(obj, written, decision.letters)
        return max(again, LOOKING_SECONDS) if is_looking and again is not None else again

    async def _observe(self, obj: JsonObject) -> World:
        mdep = views.model_deployment(obj)
        children = await self._ports.observer.children(mdep.namespace, mdep.name, mdep.uid)
        lent = mdep.status.traffic.lent or () if mdep.status.traffic else ()
        around = await self._ports.observer.surroundings(mdep.namespace, mdep.spec.traffic, lent)
        return World(
            now=self._ports.clock(),
            config=self._ports.config,
            mdep=mdep,
            client_service=views.client_service(children, mdep.name, mdep.uid),
            preview_service=views.preview_service(children, mdep.name, mdep.uid),
            control_service=views.control_service(children, mdep.name, mdep.uid),
            collector=collectors.deployment_of(children, mdep.name, mdep.uid),
            collecting=collectors.collecting(children, mdep.name),
            collector_service=collectors.service_of(children, mdep.name, mdep.uid),
            collector_policy=collectors.policy_of(children, mdep.name, mdep.uid),
            disruption_budget=views.disruption_budget(children, mdep.name, mdep.uid),
            revisions=views.revisions(children, mdep.name, mdep.uid),
            endpoints=views.endpoints(children, mdep.name),
            autoscalers=views.autoscalers(children),
            behind=views.behind(children),
            canary_service=views.canary_service(children, mdep.name, mdep.uid),
            routing=routing(around, children.http_routes, mdep.name, mdep.uid),
            foreign=views.foreign(children, mdep.name, mdep.uid),
            obstacles=self._obstacles.get((mdep.namespace, mdep.name), ()),
            told=self._teller.told(About(mdep.namespace, mdep.name, mdep.uid)),
            carried=self._carried_for(obj),
            seen_at=self._watched_since((mdep.namespace, mdep.name)),
        )

    async def _look(self, world: World, opening: Opening) -> tuple[World, bool]:
        """The world with what came of the look that is due, and whether it is still being taken."""
        look, analysis = look_due(world, opening), world.mdep.spec.analysis
        if look is None or analysis is None or self._desk is None:
            return world, False
        key, scrape = (world.mdep.namespace, world.mdep.name), world.config.scrape_interval_seconds
        result = await self._desk.result(key, look, analysis, scrape, world.now)
        return replace(world, look=result), result is None

    def _book(self, world: World, again: Again, *, is_looking: bool) -> float | None:
        """Have the look that comes next taken in its time; returns when to look again if nothing happens."""
        mdep, booked = world.mdep, None
        if self._desk is None:
            return again.after
        if again.look is not None and mdep.spec.analysis is not None and not is_looking:
            due = world.now + timedelta(seconds=again.look_after)
            scrape = world.config.scrape_interval_seconds
            booked = Booked(again.look, mdep.spec.analysis, scrape, due, again.look_after)
        return again.meanwhile if self._desk.book((mdep.namespace, mdep.name), booked) else again.after

    def _watched_since(self, key: tuple[str, str]) -> datetime | None:
        """The last observation of this process, unless the wall clock was set since, or the machine slept: nobody watched that time."""
        seen, at = self._seen_at.get(key, (None, 0.0))
        if seen is None:
            return None
        passed = (self._ports.clock() - seen).total_seconds()
        return seen if abs(passed - (self._ports.monotonic() - at)) <= SKEW_SECONDS else None

    def _carried_for(self, obj: JsonObject) -> ModelDeploymentStatus | None:
        """What was observed since status was written, unless somebody else has written since."""
        metadata = obj["metadata"]
        known = self._carried.get((metadata["namespace"], metadata["name"]))
        return known[1] if known and known[0] == _fingerprint(obj.get("status")) else None

    def _keep(self, obj: JsonObject, status: JsonObject, carried: JsonObject | None) -> None:
        metadata = obj["metadata"]
        key = (metadata["namespace"], metadata["name"])
        if carried is None:
            self._carried.pop(key, None)
        else:
            self._carried[key] = (_fingerprint(status), ModelDeploymentStatus.model_validate(carried))

    async def _write_status(self, obj: JsonObject, status: JsonObject) -> JsonObject:
        if status != (obj.get("status") or {}):
            try:
                written = await self._ports.actor.replace_status({**obj, "status": status})
            except (Forbidden, Invalid) as error:  # nothing can be told in status, and nothing is done without it
                raise Transient(f"status cannot be written: {error.message}") from error
            obj["metadata"]["resourceVersion"] = written["metadata"]["resourceVersion"]
        metadata = obj["metadata"]
        self._ports.on_seen(metadata["namespace"], metadata["name"], {**obj, "status": status})
        return status

    async def _act(
        self, obj: JsonObject, world: World, decision: Decision, requeue_after: float | None
    ) -> float | None:
        key = (world.mdep.namespace, world.mdep.name)
        made = self._made.get(key)
        if made is None or made.owner_uid != world.mdep.uid:
            made = self._made[key] = Made(world.mdep.uid)
        executor = Executor(self._ports.actor, self._ports.observer, made, monotonic=self._ports.monotonic)
        try:
            obstacles = await executor.carry_out(decision.operations)
        finally:  # a conflict further on does not undo what was repaired before it, nor unsay what was refused
            self._obstacles[key] = executor.obstacles
            if executor.repairs:
                message = "; ".join(executor.repairs)
                await self._ports.actor.event(obj, type_="Warning", reason=EventReason.REPAIRED, message=message)
        if _meant(obstacles) != _meant(world.obstacles):
            return AGAIN_SOON_SECONDS
        return OBSTACLE_SECONDS if obstacles else requeue_after


def _fingerprint(status: Mapping[str, Any] | None) -> str:
    return hashlib.blake2b(orjson.dumps(status or {}, option=orjson.OPT_SORT_KEYS), digest_size=12).hexdigest()


def _meant(obstacles: Iterable[Obstacle]) -> list[tuple[str, str]]:
    """What refusals say, without what changes from one attempt to the next."""
    return [(each.reason, steady(each.message)) for each in obstacles]

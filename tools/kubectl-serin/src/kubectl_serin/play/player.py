"""Plays a rollout: the operator's decide, again and again, until it has ended or waits for a person."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from kubectl_serin.play.cluster import IdealCluster
from kubectl_serin.play.traffic import MadeUp, Traffic
from kubectl_serin.problems import Problem
from serin_operator.api import names
from serin_operator.api.spec import ModelDeploymentSpec
from serin_operator.api.status import ModelDeploymentStatus
from serin_operator.decide.decision import decide, look_due, opening_of
from serin_operator.decide.memory.outbox import Announcement
from serin_operator.decide.wanted.revision import revision_of
from serin_operator.decide.world import ModelDeployment, OperatorConfig, World

START: Final = datetime(2026, 1, 1, tzinfo=UTC)
TICK_SECONDS: Final = 1.0
LONGEST_TICK_SECONDS: Final = 5.0
"""Where the operator need not look again so soon."""
CALM_SECONDS: Final = 120.0
"""The old version serves so long before the new one comes."""
OLD: Final = "the-old-one"


@dataclass(frozen=True)
class Told:
    """A line of the story."""

    seconds: float
    """Since the new version was applied."""
    reason: str
    message: str


@dataclass(frozen=True)
class Ending:
    """What became of it."""

    outcome: str
    """As the ledger has it; InProgress: it still waited when the time was over."""
    seconds: float
    message: str
    story: tuple[Told, ...]
    status: Mapping[str, Any]
    requests: int
    """That the new version answered while it was tried."""
    labels: int


@dataclass
class Player:
    """One ModelDeployment, its cluster and its clients."""

    spec: ModelDeploymentSpec
    name: str
    world: MadeUp
    scrape_seconds: float = 15.0
    now: datetime = START
    generation: int = 1
    status: dict[str, Any] = field(default_factory=dict)
    told: frozenset[str] = frozenset()
    carried: ModelDeploymentStatus | None = None
    tick_seconds: float = TICK_SECONDS
    story: list[tuple[datetime, Announcement]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.cluster = IdealCluster(timedelta(seconds=self.world.ready_after))
        self.traffic = Traffic(self.world, revision_of(self.spec))
        self.applied = self._old()

    def _old(self) -> ModelDeploymentSpec:
        model = self.spec.model.model_copy(update={"version": OLD, "uri": f"{self.spec.model.uri}.old", "sha256": None})
        return self.spec.model_copy(update={"model": model, "paused": None, "replicas": self.spec.replicas or 1})

    def play(self, limit_seconds: float) -> Ending:
        """From a version that serves to the end of the new one's rollout.

        Raises:
            Problem: Even the old version would not come to serve.
        """
        self._until(lambda: self._is_stable(OLD), 3600)
        if not self._is_stable(OLD):
            raise Problem(
                f"this cannot be played: {self._message()}", "kubectl serin lint says what the API server thinks of it"
            )
        self._until(lambda: False, CALM_SECONDS)
        began = self.now
        self.applied, self.generation = (
            self.spec.model_copy(update={"replicas": self.spec.replicas or 1}),
            self.generation + 1,
        )
        self._until(self._has_ended, limit_seconds)
        return self._ending(began)

    def _until(self, is_so: Any, limit_seconds: float) -> None:  # noqa: ANN401 - a question without arguments
        end = self.now + timedelta(seconds=limit_seconds)
        while self.now < end and not is_so():
            self.now += timedelta(seconds=self.tick_seconds)
            self._tick(self.tick_seconds)

    def _tick(self, passed: float) -> None:
        world = self._observed()
        reached = {r.revision: world.reached(r.revision) for r in world.revisions.values()}
        self.traffic.flow({revision: pods for revision, pods in reached.items() if pods}, passed, self.now)
        opening, analysis = opening_of(world), world.mdep.spec.analysis
        look = look_due(world, opening)
        if look is not None and analysis is not None:
            world = replace(world, look=self.traffic.answer(look, analysis))
        decision = decide(world, opening)
        self.status = dict(decision.status)
        self.carried = ModelDeploymentStatus.model_validate(decision.carried) if decision.carried else None
        self.cluster.carry_out(decision.operations, self.now)
        again = decision.requeue_after or LONGEST_TICK_SECONDS
        self.tick_seconds = min(LONGEST_TICK_SECONDS, max(TICK_SECONDS, round(again)))
        new = [letter for letter in decision.letters if letter.key not in self.told]
        self.story += [(self.now, letter.content) for letter in new if isinstance(letter.content, Announcement)]
        self.told = frozenset(letter.key for letter in decision.letters)

    def _observed(self) -> World:
        revisions = self.cluster.revisions(self.now)
        behind = self.cluster.behind(revisions)
        mdep = ModelDeployment(
            namespace="here",
            name=self.name,
            uid="it",
            generation=self.generation,
            resource_version="1",
            annotations={},
            spec=self.applied,
            status=ModelDeploymentStatus.model_validate(self.status),
        )
        config = OperatorConfig("serin-server", prometheus_configured=True, scrape_interval_seconds=self.scrape_seconds)
        return World(
            now=self.now,
            config=config,
            mdep=mdep,
            client_service=self.cluster.service(self.name),
            preview_service=self.cluster.service(names.preview_service(self.name)),
            control_service=self.cluster.service(names.control_service(self.name)),
            disruption_budget=self.cluster.budget(self.name),
            revisions=revisions,
            endpoints=behind.get(self.name, frozenset()),
            behind=behind,
            carried=self.carried,
            told=self.told,
        )

    # ---- what has become of it -------------------------------------------------------------------------------------

    def _is_stable(self, version: str) -> bool:
        return (self.status.get("stable") or {}).get("version") == version and not self.status.get("canary")

    def _entry(self) -> Mapping[str, Any]:
        revision = self.traffic.new
        return next((one for one in self.status.get("versions") or () if one["revision"] == revision), {})

    def _has_ended(self) -> bool:
        is_over = self._entry().get("outcome", "InProgress") != "InProgress" and not self.status.get("canary")
        return is_over or self._condition("Stalled").get("status") == "True"

    def _condition(self, kind: str) -> Mapping[str, Any]:
        return next((one for one in self.status.get("conditions") or () if one["type"] == kind), {})

    def _message(self) -> str:
        return str(self._condition("Ready").get("message", "nothing was decided"))

    def _ending(self, began: datetime) -> Ending:
        entry = self._entry()
        mine = [one for one in self.traffic.counted if one.revision == self.traffic.new]
        outcome = str(entry.get("outcome", "InProgress"))
        return Ending(
            outcome=outcome,
            seconds=(self.now - began).total_seconds(),
            message=str(entry.get("message") or self._message()),
            story=tuple(Told((at - began).total_seconds(), a.reason, a.message) for at, a in self.story if at > began),
            status=self.status,
            requests=sum(one.requests for one in mine),
            labels=sum(one.labels for one in mine),
        )

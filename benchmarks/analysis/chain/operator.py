"""The operator's part, by its own code: from observed shares to looks, from queries to counts, and from those to a judgement.

Kubernetes is left out: which pods clients reach is told, and stages last as long as they should, whatever is judged.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from benchmarks.analysis.chain.cluster import SCRAPE_SECONDS
from benchmarks.analysis.chain.made import CANARY, STABLE
from benchmarks.analysis.chain.pods import MODEL, NAMESPACE
from benchmarks.analysis.chain.targets import names_in

from serin_operator.api.spec import ModelDeploymentSpec
from serin_operator.api.status import ModelDeploymentStatus
from serin_operator.api.status_of_rollouts import MetricStatus
from serin_operator.decide.analysis import Reason
from serin_operator.decide.judging.due import due_look, look_ahead, pace_of
from serin_operator.decide.judging.shares import observed
from serin_operator.decide.judging.verdict import judged
from serin_operator.decide.looks import Look
from serin_operator.decide.memory.guard import Guard
from serin_operator.decide.memory.memory import Memory, Stable
from serin_operator.decide.memory.states import Candidate, Clock, Holding, Kind
from serin_operator.decide.traffic.split import Arms
from serin_operator.decide.wanted.settings import settings_of
from serin_operator.decide.world import ModelDeployment, OperatorConfig, World
from serin_operator.observe.looks import take
from serin_operator.observe.prometheus_client import Series
from serin_operator.observe.written import Prometheus

_CONFIG = OperatorConfig("serin-server", prometheus_configured=True, scrape_interval_seconds=SCRAPE_SECONDS)

_ROUNDED_SECONDS = 0.001


@dataclass
class Operator:
    """What it remembers, and what it does with it.

    Args:
        spec: As people applied it.
        prometheus: Whom it asks.
        now: Unix seconds at which it observes for the first time.
    """

    spec: ModelDeploymentSpec
    prometheus: Prometheus
    now: float
    memory: Memory = field(init=False)
    arms: Arms = field(default_factory=lambda: Arms(1, 0))
    looks: int = 0
    ends_with: frozenset[str] = frozenset({"Fail"})
    """Verdicts with which there is nothing more to look at."""

    def __post_init__(self) -> None:
        self._settings = settings_of(self.spec)
        mdep = ModelDeployment(NAMESPACE, MODEL, "uid", 1, "1", {}, self.spec, ModelDeploymentStatus())
        self._world = World(moment(self.now), _CONFIG, mdep)
        begun = self._world.now
        candidate = Candidate(CANARY, "v2", "s3://models/v2", Kind.CANARY, begun)
        self.memory = Memory(Stable("v1", STABLE, "0" * 64), Holding(candidate, Clock(begun), 0, begun))

    def guard(self) -> None:
        """The canary has been promoted, and is watched from now on."""
        now = self._world.now
        self.memory = Memory(Stable("v2", CANARY, "1" * 64), guard=Guard(CANARY, "v2", STABLE, "v1", now, now))

    def observe(self, now: float, arms: Arms) -> None:
        """How requests are shared, at a moment."""
        before, self.arms = self._world.now, arms
        self._world = replace(self._world, now=moment(now), seen_at=before)
        comparison = observed(self.memory.comparison, arms, before, self._world.now, pace_of(self._world, before))
        self.memory = replace(self.memory, comparison=comparison)

    def enter(self, stage: int) -> None:
        """The weight of a stage is in force."""
        now, rollout = self._world.now, self.memory.rollout
        if not isinstance(rollout, Holding):
            raise TypeError(rollout)
        comparison = replace(self.memory.comparison, stage_from=now, stage_weight=self._settings.stages[stage].weight)
        self.memory = replace(
            self.memory, rollout=Holding(rollout.candidate, Clock(now), stage, now), comparison=comparison
        )

    def next_look(self) -> float | None:
        """When the next look can be asked for, in unix seconds, as things stand."""
        ahead = look_ahead(self._world, self.memory)
        return None if ahead is None else self._world.now.timestamp() + ahead[1] + _ROUNDED_SECONDS

    def look(self, now: float) -> bool:
        """Take the look that is due, and judge it. Whether that was the last one."""
        self.observe(now, self.arms)
        look = due_look(self._world, self.memory)
        if look is None or self.spec.analysis is None:
            raise LookupError(f"no look is due at {now:.3f}")
        self.looks += 1
        result = asyncio.run(take(self.prometheus, look, self.spec.analysis, SCRAPE_SECONDS, self._world.now))
        verdict = judged(replace(self._world, look=result), self.memory, self._settings)
        self.memory = verdict.memory
        return self.has_found or any(row.verdict in self.ends_with for row in self.rows)

    @property
    def has_found(self) -> bool:
        """Whether something was found: a failure, a warning, or a mean that holds for a person."""
        return any(row.verdict == "Fail" or row.reason == Reason.MEANS_ONLY_WARN.value for row in self.rows)

    @property
    def rows(self) -> tuple[MetricStatus, ...]:
        """What status says of each metric."""
        return self.memory.comparison.results


def moment(seconds: float) -> datetime:
    """A moment from unix seconds."""
    return datetime.fromtimestamp(seconds, UTC)


def asked_of(spec: ModelDeploymentSpec) -> frozenset[str]:
    """Names of all series that looks of a spec ask for."""
    recorder, now = _Recorder(), moment(1e9)
    before = (now - timedelta(seconds=60), now - timedelta(seconds=30))
    look = Look(NAMESPACE, MODEL, STABLE, CANARY, now, now + timedelta(seconds=30), now, before=before)
    if spec.analysis is not None:
        asyncio.run(take(recorder, look, spec.analysis, SCRAPE_SECONDS, now))
    return names_in(recorder.queries)


class _Recorder:
    """A Prometheus that has nothing."""

    def __init__(self) -> None:
        self.queries: list[str] = []

    async def query(self, promql: str, at: float) -> list[Series]:  # noqa: ARG002
        self.queries.append(promql)
        return []


def spec_of(metric: Mapping[str, Any], **more: Any) -> ModelDeploymentSpec:
    """README's resource with one metric, m; what is given beside stands in spec, and that of `analysis` there."""
    analysis = {"metrics": [{"name": "m", **metric}], **more.pop("analysis", {})}
    return ModelDeploymentSpec.model_validate(
        {
            "model": {"uri": "s3://models/v2", "version": "v2"},
            "replicas": 3,
            "rollout": {"steps": [{"weight": 25, "seconds": 300}, {"weight": 50, "seconds": 600}]},
            "analysis": analysis,
            **more,
        }
    )

"""What the spec says about a candidate's way."""

from dataclasses import dataclass

from serin_operator.api.reasons import Reason
from serin_operator.api.spec import OnDeadline
from serin_operator.decide.memory.memory import Memory
from serin_operator.decide.memory.states import Holding, Idle, Kind, Order, Waiting
from serin_operator.decide.wanted.settings import Settings
from serin_operator.decide.wanted.stages import Evidence, Stage


@dataclass(frozen=True)
class Plan:
    """The stages ahead, and how patient to be."""

    stages: tuple[Stage, ...]
    replicas: int
    """0: nothing is to serve."""
    progress_deadline_seconds: float
    deadline_seconds: float
    on_deadline: OnDeadline
    bake_seconds: float
    paused: bool = False
    analysed: bool = False
    resumes_at: int = 0
    """The stage at which the candidate gets its first traffic: the one that was in force before it was scaled to zero."""
    pauser: str = "spec.paused holds"
    """Who or what has paused, with its verb."""
    gathered: frozenset[Evidence] = frozenset(Evidence)
    """What the metrics of spec.analysis are made of."""

    def held_by_people(self, what: str) -> Waiting:
        """What somebody holds."""
        return Waiting(Reason.PAUSED, f"{self.pauser} {what}", is_moving=False)

    def waits_for_person(self, state: Holding) -> bool:
        """Whether the stage does not end before a person says so."""
        return self.stages[state.stage].pause and state.candidate.order is not Order.GO_ON

    def place(self, stage: int) -> str:
        """For people: step 2 of 3 at its weight."""
        return f"{stage + 1}/{len(self.stages)} ({self.stages[stage].words})"

    def is_judged(self, stage: int) -> bool:
        """Whether evidence decides about a stage, beside time, pods and crashes."""
        return self.analysed and stage < len(self.stages) and bool(self.stages[stage].evidence & self.gathered)


def plan_of(memory: Memory, settings: Settings) -> Plan:
    """The plan for the candidate under way. A weight that is in force is not taken back when the steps are edited."""
    weight = memory.comparison.stage_weight
    return Plan(
        stages=stages_of(memory, settings),
        replicas=settings.replicas,
        progress_deadline_seconds=settings.progress_deadline_seconds,
        deadline_seconds=settings.deadline_seconds,
        on_deadline=settings.on_deadline,
        bake_seconds=settings.bake_seconds,
        paused=settings.paused or memory.pause is not None,
        analysed=settings.analysed,
        pauser=_pauser(memory, settings),
        gathered=frozenset(settings.metrics.values()),
        resumes_at=settings.stage_of(weight) if weight is not None and settings.stages else 0,
    )


def _pauser(memory: Memory, settings: Settings) -> str:
    if memory.pause is None:
        return "spec.paused holds"
    return f"spec.paused and {memory.pause.told} hold" if settings.paused else f"{memory.pause.told} holds"


def stages_of(memory: Memory, settings: Settings) -> tuple[Stage, ...]:
    """The stages of the candidate under way; none for one that takes over at once."""
    rollout = memory.rollout
    if isinstance(rollout, Idle) or rollout.candidate.kind is not Kind.CANARY:
        return ()
    least = memory.comparison.stage_weight or 0
    return tuple(stage.at_least(least) for stage in settings.stages)

"""``spec.analysis``: what is compared between two versions, and how sure a rollback has to be."""

from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field, create_model

from serin_operator.api.base import ApiModel
from serin_operator.api.kinds.kind import Compared, Kind, Mode, Paired, Proof
from serin_operator.api.kinds.registry import KINDS
from serin_operator.api.kinds.slices import Slices


class AnyMetric(ApiModel):
    """One thing that is compared between canary and stable. Exactly one kind."""

    name: Annotated[str, Field(min_length=1, max_length=63, description="Name in status and messages, unique here.")]
    mode: Annotated[
        Mode | None,
        Field(
            description="Gate: it holds a step until it passes, and rolls back when it fails. Warn: it is told in status and"
            " holds nothing up. Default Gate; Warn for inputDrift, resourceUse and cost. A failing gate of resourceUse or cost"
            " only holds: a person decides."
        ),
    ] = None
    min_samples: Annotated[
        int | None,
        Field(
            ge=1,
            le=100_000_000,
            description="Canary samples that this metric needs in each step, whatever the step or the analysis says.",
        ),
    ] = None
    share: Annotated[
        float | None,
        Field(
            gt=0,
            lt=0.5,
            description="How much of falseRollbackRate this metric may spend. Gates without it have equal parts of the rest.",
        ),
    ] = None

    slices: Annotated[
        Slices | None,
        Field(
            description="Judge it in each slice of the traffic, too: the worst decides. Half of its share is the whole's, slices"
            " divide the rest. Counted by pods of the next version on."
        ),
    ] = None
    evidence: Annotated[
        Proof | None,
        Field(
            description="What it needs to pass a step. NoHarm: its samples, and nothing that speaks against the new version."
            " NonInferior: evidence that its margin is kept; with spec.analysis.pairing two versions that agree on nearly all"
            " requests are that without any label. Default NoHarm."
        ),
    ] = None

    @property
    def slice_names(self) -> tuple[str, ...]:
        """What its slices are called in status: region=north, or age <=30."""
        if self.slices is None:
            return ()
        between = " " if self.slices.cuts else "="
        return tuple(f"{self.slices.by}{between}{name}" for name in self.slices.names)

    @property
    def asked(self) -> tuple[Kind, Any] | None:
        """Its kind and what is said of it; None for a kind that this release does not know."""
        found = ((kind, getattr(self, kind.field)) for kind in KINDS)
        return next(((kind, said) for kind, said in found if said is not None), None)

    @property
    def warns_only(self) -> bool:
        """Whether a failure is told and no more."""
        asked = self.asked
        return (self.mode or (asked[0].mode if asked else Mode.GATE)) is Mode.WARN


def _of_kinds() -> dict[str, Any]:
    """A field for each kind."""
    return {kind.field: (Annotated[kind.spec | None, Field(description=kind.says)], None) for kind in KINDS}


if TYPE_CHECKING:
    Metric = AnyMetric
else:
    Metric = create_model("Metric", __base__=AnyMetric, __doc__=AnyMetric.__doc__, **_of_kinds())


class Pairing(ApiModel):
    """Requests that two versions answer: each label then judges both, and agreement needs no label at all."""

    sample: Annotated[
        float,
        Field(
            gt=0,
            le=1,
            description="Share of its requests that the new version asks the Service <name>-control as well, 0.1 = a tenth."
            " That Service leads to what it is compared with. Needs spec.serving.feedback.signing. Like every setting of a"
            " pod it is in force from the next version on.",
        ),
    ]
    max_per_second: Annotated[
        float | None,
        Field(gt=0, le=100_000, description="Most requests a second that one pod asks the control. Default 50."),
    ] = None
    timeout_seconds: Annotated[
        float | None,
        Field(
            gt=0,
            le=5,
            description="Longest that the control may take, and that an answer waits for it. Default 0.05.",
        ),
    ] = None


class Analysis(ApiModel):
    """When a rollout may go on, and when it must go back. Absent: steps are held for their time only."""

    interval_seconds: Annotated[
        int | None, Field(ge=2, le=86400, description="Time between two looks at the metrics. Default 30.")
    ] = None
    false_rollback_rate: Annotated[
        float | None,
        Field(
            gt=0,
            lt=0.5,
            description="Probability that a version as good as stable is rolled back by the evidence over the whole"
            " rollout, shared by all metrics. Default 0.01.",
        ),
    ] = None
    false_promotion_rate: Annotated[
        float | None,
        Field(
            gt=0,
            lt=0.5,
            description="Probability that a version outside a margin is taken for one within it, for each metric with"
            " evidence: NonInferior. Default 0.05.",
        ),
    ] = None
    min_samples: Annotated[
        int | None,
        Field(ge=1, le=100_000_000, description="Canary samples that each metric needs in each step. Default 100."),
    ] = None
    pairing: Annotated[
        Pairing | None, Field(description="A share of the requests is answered by both versions. Absent: none.")
    ] = None
    metrics: Annotated[list[Metric], Field(min_length=1, max_length=20, description="What is compared.")]

    def paired(self, metric: AnyMetric) -> Paired:
        """Whether a metric is judged in pairs, too."""
        if metric.asked is None or metric.asked[0].pairs is None:
            return Paired.OFF
        if not isinstance(metric.asked[0].judged(metric.asked[1]), Compared):  # a version against a number
            return Paired.OFF
        default = Paired.OFF if self.pairing is None else Paired.AUTO
        return getattr(metric.asked[1], "paired", None) or default

"""``spec.guard``: how the comparison goes on after a promotion."""

from enum import StrEnum
from typing import Annotated, Final

from pydantic import Field

from serin_operator.api.base import ApiModel
from serin_operator.api.preflight import MustBeat
from serin_operator.api.rule import Rule


class OnFailure(StrEnum):
    """What happens when the evidence speaks against a version that was promoted."""

    ROLLBACK = "Rollback"
    NOTIFY = "Notify"


class Guard(ApiModel):
    """How a version is watched after its promotion."""

    seconds: Annotated[
        int,
        Field(ge=60, le=31_536_000, description="How long after the promotion, 604800 = a week."),
    ]
    keep_previous: Annotated[
        int | None,
        Field(
            ge=0,
            le=1000,
            description="Pods that the version before keeps meanwhile, without requests of clients, to answer those that are"
            " asked of both. Default 1 with spec.analysis.pairing, which needs one, and 0 without. Never more than replicas.",
        ),
    ] = None
    on_failure: Annotated[
        OnFailure | None,
        Field(
            description="Rollback (default): the version before comes back at once, and this one is rejected. Notify: it is"
            " said, and people decide."
        ),
    ] = None
    metrics: Annotated[
        list[Annotated[str, Field(min_length=1, max_length=63)]] | None,
        Field(
            min_length=1,
            max_length=20,
            description="Names of metrics of spec.analysis that go on; they share falseRollbackRate once more, for the whole"
            " life of the guard. Default: all gates.",
        ),
    ] = None
    must_beat: Annotated[
        MustBeat | None,
        Field(description="As in preflight.baseline, by the labels of a metric accuracy."),
    ] = None


SIMPLE_BASELINE: Final = "mustBeat"
"""What its metric is called in status."""

GUARD_RULES: Final = (
    Rule(
        "spec",
        "!has(self.guard) || has(self.analysis)",
        "The guard goes on with the comparison of spec.analysis: add that, or remove guard.",
        field=".guard",
    ),
    Rule(
        "spec",
        "!has(self.guard) || !has(self.guard.metrics) || !has(self.analysis)"
        " || self.guard.metrics.all(name, self.analysis.metrics.exists(m, m.name == name))",
        "guard.metrics names a metric that spec.analysis.metrics does not have: write names of those.",
        field=".guard.metrics",
    ),
    Rule(
        "spec",
        "!has(self.guard) || !has(self.guard.mustBeat) || (has(self.preflight) && has(self.preflight.baseline))",
        "mustBeat needs spec.preflight.baseline, which reads baseline.json: add it.",
        field=".guard.mustBeat",
    ),
    Rule(
        "spec",
        "!has(self.guard) || !has(self.guard.mustBeat) || !has(self.analysis)"
        " || self.analysis.metrics.exists(m, has(m.accuracy))",
        "mustBeat is judged by the labels of a metric of kind accuracy: add one.",
        field=".guard.mustBeat",
    ),
    Rule(
        "spec",
        "!has(self.guard) || !has(self.guard.mustBeat) || !has(self.analysis)"
        " || !self.analysis.metrics.exists(m, m.name == 'mustBeat')",
        "mustBeat is what the guard calls its own metric: give yours another name.",
        field=".guard.mustBeat",
    ),
)

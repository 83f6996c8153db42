"""Kinds that count requests and their inputs."""

from itertools import pairwise
from typing import Annotated, Final

from pydantic import Field

from serin_operator.api.base import ApiModel
from serin_operator.api.kinds.kind import AT, Compared, Kind, Phrase
from serin_operator.api.kinds.of_pairs import CONTROL
from serin_operator.api.kinds.reading import REQUESTS, Counter, PairReading, Shares, above, quoted, spellings
from serin_operator.api.rule import Rule

LATENCY_BOUNDS: Final = (
    0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5,
    0.75, 1.0, 2.5, 5.0, 10.0,
)  # fmt: skip
"""Bounds in seconds of the servers' histogram of latencies: only slower than one of these can be counted."""


def one_of(path: str, bounds: tuple[float, ...], what: str) -> Rule:
    """The rule that a bound is one of a histogram; the message has the nearest."""
    # Literals alone: what CEL computes has no bound on its length, and may not cost much.
    nearest = "".join(f"self < {above_it!r} ? '{below:g} and {above_it:g}' : " for below, above_it in pairwise(bounds))
    return Rule(
        path,
        f"self in [{', '.join(map(repr, bounds))}]",
        f"Give a bound at which pods count {what}, as the description lists them.",
        f"'pods do not count {what} at this bound; the nearest: ' + (self < {bounds[0]!r} ? '{bounds[0]:g}' : {nearest}'{bounds[-1]:g}')",
    )


class ErrorRate(ApiModel):
    """Share of failed requests, canary against stable in the same minutes."""

    max_increase: Annotated[
        float | None,
        Field(
            gt=0, lt=1, description="How much higher the canary's share may be, 0.005 = half a point. Default 0.005."
        ),
    ] = None


class Latency(ApiModel):
    """Share of answers that are slower than a bound, canary against stable in the same minutes."""

    slower_than_seconds: Annotated[
        float,
        Field(
            gt=0,
            le=LATENCY_BOUNDS[-1],
            description="From which time on an answer is slow, one of the bounds at which pods count:"
            f" {', '.join(f'{bound:g}' for bound in LATENCY_BOUNDS)}.",
        ),
    ]
    max_increase: Annotated[
        float | None,
        Field(
            gt=0,
            lt=1,
            description="How much higher the canary's share of slow answers may be. Default 0.01, one point.",
        ),
    ] = None


class InvalidInputs(ApiModel):
    """Share of values of one feature that the version's baseline does not know, canary against stable."""

    feature: Annotated[
        str, Field(min_length=1, max_length=253, description="Name of the feature in the model's baseline.json.")
    ]
    max_increase: Annotated[
        float | None,
        Field(gt=0, lt=1, description="How much higher the canary's share may be. Default 0.01, one point."),
    ] = None


def _invalid(asked: InvalidInputs) -> Shares:
    where = (f"feature={quoted(asked.feature)}",)
    # A category may be the empty text, so nothing is told by the bin: Prometheus has no empty labels.
    values = Counter("serin_feature_values_total", where=where, comes_late=True, summed=("bin",))
    invalid = Counter("serin_feature_invalid_total", "kind", where, comes_late=True)
    return Shares(
        (values, invalid),
        # A value that is no number is in no bin; one that is out of range or unknown is in one as well.
        lambda told: (round(sum(told[1].values())), round(sum(told[0].values()) + told[1].get("nan", 0))),
        noun="values",
        lacks=f"the baseline.json of a version has no feature {asked.feature!r}, or a version has no baseline",
    )


KINDS: Final = (
    Kind(
        field="errorRate",
        usual=0.005,
        spec=ErrorRate,
        says="Share of failed requests: 5xx, time-outs, tensors of the wrong shape.",
        question="Does it fail more often?",
        rests_on="Requests of both versions in the same minutes.",
        example={"maxIncrease": 0.005},
        reads=lambda _asked: Shares(
            (REQUESTS,),
            lambda told: (round(told[0].get("true", 0)), round(sum(told[0].values()))),
            clients=Counter("serin_client_sums_total", "sum"),
        ),
        judged=lambda asked: Compared(asked.max_increase or 0.005, Phrase("errors", "requests", "errors")),
        pairs=PairReading(
            Counter("serin_error_pairs_total", "outcome", comes_late=True, against=CONTROL),
            "only_canary_failed",
            "only_control_failed",
            unknown="no_answer",
        ),
        tells_outages=True,
    ),
    Kind(
        field="latency",
        usual=0.01,
        spec=Latency,
        says="Share of answers slower than a bound, as the pods measure them.",
        question="Is it slower?",
        rests_on="The pods' own clocks, from a whole request read to its answer; a network in between is not in it. One pod"
        " on a slow node is slow whatever it serves.",
        example={"slowerThanSeconds": 0.25, "maxIncrease": 0.01},
        reads=lambda asked: Shares(
            (
                Counter(
                    "serin_request_duration_seconds",
                    "le",
                    (f'le=~"{spellings(asked.slower_than_seconds)}"',),
                    is_bound=True,
                ),
            ),
            above(asked.slower_than_seconds),
        ),
        judged=lambda asked: Compared(asked.max_increase or 0.01, Phrase("slow", "answers", "slow")),
        rules=(one_of(f"{AT}.latency.slowerThanSeconds", LATENCY_BOUNDS, "latencies"),),
    ),
    Kind(
        field="invalidInputs",
        usual=0.01,
        spec=InvalidInputs,
        says="Share of values of a feature that are no number, out of the range of training, or unknown.",
        question="Is it given inputs that it was not trained for, more than stable is?",
        rests_on="A baseline.json with that feature beside the models of both versions. Both see the same traffic, so a"
        " difference says that their training data differ.",
        example={"feature": "age", "maxIncrease": 0.01},
        reads=_invalid,
        judged=lambda asked: Compared(asked.max_increase or 0.01, Phrase("invalid", "values", "invalid")),
    ),
)

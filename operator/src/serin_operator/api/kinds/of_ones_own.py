"""Kinds that read what people export themselves."""

from collections.abc import Sequence
from typing import Annotated, Final

from pydantic import Field

from serin_operator.api.base import ApiModel
from serin_operator.api.kinds.kind import AT, Compared, Kind, Limited, Phrase
from serin_operator.api.kinds.reading import Counter, Expression, Shares, Told
from serin_operator.api.rule import Rule

_SELECTOR: Final = "self.matches('^[a-zA-Z_:][a-zA-Z0-9_:]*([{][^{}]*[}])?$')"
PLACEHOLDERS: Final = ("canary", "stable", "window", "namespace", "name")
"""What may stand in double braces in a query."""

Selector = Annotated[str, Field(min_length=1, max_length=1024)]


class Outcome(ApiModel):
    """Share of good outcomes among all, from your own counters, canary against stable in the same minutes."""

    good: Annotated[
        Selector,
        Field(description='Counter of good outcomes, with matchers if need be: shop_offers_total{outcome="accepted"}.'),
    ]
    total: Annotated[
        Selector,
        Field(
            description="Counter of all outcomes. Count an outcome in both at the moment at which it is known, or the one"
            " runs ahead of the other."
        ),
    ]
    revision_label: Annotated[
        str | None,
        Field(
            min_length=1,
            max_length=253,
            description="Label of both counters that holds the revision that made the prediction: model_version of the"
            " response. Default model_revision.",
        ),
    ] = None
    max_decrease: Annotated[
        float | None,
        Field(gt=0, lt=1, description="How much lower the canary's share may be, 0.01 = one point. Default 0.01."),
    ] = None


class Query(ApiModel):
    """A number of your own, against fixed limits. It carries no error rate: a noisy number crosses any limit one day."""

    promql: Annotated[
        str,
        Field(
            min_length=1,
            max_length=4096,
            description="PromQL that gives one number at the end of each look. {{ .canary }} and {{ .stable }} are the"
            " revisions, {{ .window }} the look's length as a duration, {{ .namespace }} and {{ .name }} this object's.",
        ),
    ]
    max: Annotated[float | None, Field(description="A larger number is out of bounds.")] = None
    min: Annotated[float | None, Field(description="A smaller number is out of bounds.")] = None
    consecutive_failures: Annotated[
        int | None,
        Field(ge=1, le=1000, description="So many looks in a row out of bounds make it fail. Default 3."),
    ] = None


def _outcomes(asked: Outcome) -> Shares:
    label = asked.revision_label or "model_revision"

    def arm(told: Sequence[Told]) -> tuple[int, int]:
        good, total = (round(sum(each.values())) for each in told)
        if good > total:
            raise LookupError(
                f"{good} good outcomes of {total}: count an outcome in good and in total at the same moment, when it is"
                " known"
            )
        return total - good, total

    return Shares(
        (_foreign(asked.good, label), _foreign(asked.total, label)),
        arm,
        noun="outcomes",
        lacks=f"look whether Prometheus has the two counters with the label {label}, and the revision as its value",
    )


def _foreign(selector: str, label: str) -> Counter:
    name, _, matchers = selector.partition("{")
    inner = matchers.rstrip("}").strip().rstrip(",")
    return Counter(name, where=(inner,) if inner else (), arm=label, is_foreign=True)


def _only_known_placeholders() -> str:
    known = "self"
    for word in PLACEHOLDERS:
        known += f".replace('{{{{ .{word} }}}}', '')"
    return f"!{known}.contains('{{{{')"


KINDS: Final = (
    Kind(
        field="outcome",
        needs_clients=True,
        spec=Outcome,
        says="Share of good outcomes, from your own counters: conversion, acceptance.",
        question="Does the business get less of what it wants?",
        rests_on="Two counters of yours with the revision as a label. An outcome that is known much later than a look lasts"
        " is compared across changes of the weight: keep steps long, or send it as a label instead.",
        example={
            "good": 'shop_offers_total{outcome="accepted"}',
            "total": "shop_offers_total",
            "revisionLabel": "model_version",
            "maxDecrease": 0.01,
        },
        reads=_outcomes,
        judged=lambda asked: Compared(
            asked.max_decrease or 0.01, Phrase("outcome", "outcomes", "good", tells_good=True)
        ),
        rules=(
            *(
                Rule(
                    f"{AT}.outcome.{field}",
                    _SELECTOR,
                    "Write the name of a counter, with matchers if need be:"
                    ' shop_offers_total{outcome="accepted"}. No functions: counts are taken from the counter itself.',
                )
                for field in ("good", "total")
            ),
            Rule(
                f"{AT}.outcome.revisionLabel",
                "self.matches('^[a-zA-Z_][a-zA-Z0-9_]*$') && !self.startsWith('__')",
                "Write a label's name: letters, digits and '_'.",
            ),
        ),
    ),
    Kind(
        field="query",
        spec=Query,
        says="A number of your own against fixed limits; it carries no error rate.",
        question="Does a number that I watch anyway stay within limits?",
        rests_on="Nothing: no error rate is promised. It must give one number; none at all is never a pass.",
        example={
            "promql": 'sum(increase(revenue_total{model_version="{{ .canary }}"}[{{ .window }}]))',
            "min": 100,
            "consecutiveFailures": 3,
        },
        reads=lambda asked: Expression(asked.promql),
        judged=lambda asked: Limited(asked.max, asked.min, asked.consecutive_failures or 3),
        rules=(
            Rule(f"{AT}.query", "has(self.max) || has(self.min)", "Give max, min or both: without them nothing fails."),
            Rule(
                f"{AT}.query",
                "!has(self.max) || !has(self.min) || self.min < self.max",
                "min must lie below max: no number is within these limits.",
                field=".min",
            ),
            Rule(
                f"{AT}.query.promql",
                _only_known_placeholders(),
                "In double braces stand .canary, .stable, .window, .namespace and .name only: {{ .canary }}.",
            ),
            Rule(
                f"{AT}.query.promql",
                "self.contains('{{ .canary }}')",
                "Name the version with {{ .canary }}: a number that does not tell versions apart can blame none.",
            ),
        ),
    ),
)

"""Kinds that count requests which both versions answered; no label is needed."""

from typing import Annotated, Final

from pydantic import Field

from serin_operator.api.base import ApiModel
from serin_operator.api.kinds.kind import Bounded, Kind, Phrase
from serin_operator.api.kinds.reading import Counter, Shares
from serin_operator.api.rule import Rule

CONTROL: Final = "control_revision"
"""The label that holds the revision of what a version is compared with."""
AGREEMENT: Final = Counter("serin_pairs_total", "outcome", comes_late=True, against=CONTROL)
ANSWERS: Final = (
    Counter("serin_pair_answers_total", "prediction", ('answered="true"',), comes_late=True, against=CONTROL),
    Counter("serin_pair_answers_total", "prediction", ('answered="false"',), comes_late=True, against=CONTROL),
)
"""Classes only: servers do not count the numbers of a regression one by one."""


class Disagreement(ApiModel):
    """Share of requests to which the new version gives another answer than stable, of those that both were asked."""

    max: Annotated[
        float,
        Field(
            gt=0,
            lt=1,
            description="How many may have another answer, 0.02 = two of a hundred; numbers count as the same within"
            " serving.prediction.tolerance.",
        ),
    ]


KINDS: Final = (
    Kind(
        field="disagreement",
        spec=Disagreement,
        says="Share of requests that both versions were asked and answered differently.",
        question="Does it decide otherwise than stable, more often than was expected?",
        rests_on="spec.analysis.pairing: a share of the requests goes to both. Another answer need not be a worse one.",
        example={"max": 0.02},
        beside=("serving: {feedback: {signing: Managed}}",),
        within=("pairing: {sample: 0.1}",),
        reads=lambda _asked: Shares(
            (AGREEMENT,),
            lambda told: (
                round(told[0].get("disagree", 0)),
                round(told[0].get("agree", 0) + told[0].get("disagree", 0)),
            ),
            noun="pairs",
            lacks="the new version asks <name>-control with spec.analysis.pairing only, and gets no answer perhaps"
            " (serin_pair_troubles_total tells why)",
        ),
        judged=lambda asked: Bounded(asked.max, Phrase("disagreement", "pairs", "answered differently")),
        rules=(
            Rule(
                "spec.analysis",
                "has(self.pairing) || !self.metrics.exists(m, has(m.disagreement))",
                "disagreement is counted where both versions answer the same requests: add spec.analysis.pairing:"
                " {sample: 0.1}.",
                field=".metrics",
            ),
        ),
    ),
)

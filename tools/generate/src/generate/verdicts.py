"""What each reason of a verdict means, and what to do where there is something to do."""

from collections.abc import Iterator, Mapping
from typing import Final

from serin_operator.decide.analysis import Reason

_MEANINGS: Final[Mapping[Reason, tuple[str, str]]] = {
    Reason.NO_EVIDENCE_AGAINST: ("Pass", "Enough samples, and nothing speaks against the new version."),
    Reason.NON_INFERIOR: ("Pass", "`evidence: NonInferior`: it is shown that the margin is kept."),
    Reason.WITHIN_BOUND: ("Pass", "The number of a query, or the drift, keeps its bound."),
    Reason.WORSE_THAN_STABLE: ("Fail", "The evidence says that it is worse than the margin allows."),
    Reason.WORSE_THAN_BOUND: ("Fail", "The same against a fixed share (`disagreement`)."),
    Reason.THRESHOLD_CROSSED: ("Fail", "A query was out of its limits in `consecutiveFailures` looks in a row."),
    Reason.DRIFTED: ("Fail", "The population stability index lies beyond its bound."),
    Reason.NO_DATA: (
        "Inconclusive",
        (
            "Nothing to compare in this look: no requests, labels or pairs of both versions, or a query that says nothing; the"
            " message says which."
        ),
    ),
    Reason.NOTHING_TO_COMPARE: (
        "Inconclusive",
        (
            "Of a guard: the version before gets no request of clients any more, so only pairs, labels of predictions made"
            " during the rollout, and bounds can judge, and none has come yet."
        ),
    ),
    Reason.QUERY_FAILED: ("Inconclusive", "The query failed; the message has the answer."),
    Reason.NOT_ENOUGH_SAMPLES: (
        "Inconclusive",
        "Fewer samples of the new version in this step than `minSamples`: wait.",
    ),
    Reason.LEANS_AGAINST: (
        "Inconclusive",
        "Enough samples, and half of the evidence that rolls back, on a logarithmic scale: it is held until that is settled.",
    ),
    Reason.NOT_ENOUGH_EVIDENCE: (
        "Inconclusive",
        "`evidence: NonInferior`, and it is not shown yet: wait, or add pairs.",
    ),
    Reason.MARGIN_IMPOSSIBLE: (
        "Inconclusive",
        "Stable's share of bad answers and the margin are 100 % or more together, so nothing could fail: a smaller margin.",
    ),
    Reason.MOSTLY_ERRORS: (
        "Fail",
        "The version has all requests, while the one before is kept, and most of them fail; before it hardly any did.",
    ),
    Reason.SELECTIVE_LABELS: (
        "Inconclusive",
        (
            "Labels come for unequal shares of the two versions' predictions: label a random share of both, or judge by pairs."
            " Or those of pairs come sooner where only the new version was wrong: wait for the others."
        ),
    ),
    Reason.PODS_MAY_DIFFER: (
        "Inconclusive",
        (
            "Worse than the margin allows, by no more than one of stable's pods may differ from the others: it is held until"
            " they are known better. More traffic or more replicas tell a pod from a version sooner."
        ),
    ),
    Reason.SELECTIVE_CONTROL: (
        "Inconclusive",
        (
            "The control answers less often for some answers than for others, so its pairs are no fair sample: a longer"
            " `pairing.timeoutSeconds`, or more pods of stable."
        ),
    ),
    Reason.MEANS_ONLY_WARN: (
        "Inconclusive",
        (
            "`resourceUse` or `cost` lies beyond its margin, and no test of means may roll back: a person decides (`promote` or"
            " `abort`)."
        ),
    ),
    Reason.ABOVE_THRESHOLD: (
        "Inconclusive",
        "A query was out of its limits, not yet in `consecutiveFailures` looks in a row.",
    ),
}


def rows() -> Iterator[tuple[str, str, str]]:
    """Reason, verdict and meaning, in the order of the code; a reason without a meaning is a `KeyError`."""
    for reason in Reason:
        verdict, meaning = _MEANINGS[reason]
        yield f"`{reason}`", f"`{verdict}`", meaning

"""What the evidence says: pass, fail or not yet, each with a reason a program can match and a sentence for people."""

from dataclasses import dataclass
from enum import StrEnum


class Reason(StrEnum):
    """Why a verdict is what it is. The values are part of the API: they stand in status."""

    # Pass
    NO_EVIDENCE_AGAINST = "NoEvidenceAgainst"  # enough samples and no Fail: what a canary passes by default
    NON_INFERIOR = "NonInferior"  # the mirrored test is sure that the margin is kept
    WITHIN_BOUND = "WithinBound"  # a threshold or a drift bound is kept
    # Fail
    WORSE_THAN_STABLE = "WorseThanStable"
    WORSE_THAN_BOUND = "WorseThanBound"
    THRESHOLD_CROSSED = "ThresholdCrossed"
    MOSTLY_ERRORS = (
        "MostlyErrors"  # of a version that has all requests: most of them fail, and before it hardly any did
    )
    DRIFTED = "Drifted"
    # Inconclusive
    NO_DATA = "NoData"
    NOTHING_TO_COMPARE = (
        "NothingToCompare"  # of a guard: the version before has no requests of clients, and no pair came
    )
    QUERY_FAILED = "QueryFailed"
    NOT_ENOUGH_SAMPLES = "NotEnoughSamples"
    LEANS_AGAINST = "LeansAgainst"  # enough samples, and not enough evidence to fail, but too much to pass
    NOT_ENOUGH_EVIDENCE = "NotEnoughEvidence"  # non-inferiority is asked for and not shown yet
    MARGIN_IMPOSSIBLE = "MarginImpossible"  # stable's rate plus the margin is 100 % or more: nothing could fail
    SELECTIVE_LABELS = "SelectiveLabels"  # the versions get labels for unequal shares of their predictions
    PODS_MAY_DIFFER = (
        "PodsMayDiffer"  # the canary is worse by no more than one of stable's pods may differ from the others
    )
    SELECTIVE_CONTROL = (
        "SelectiveControl"  # the control fails to answer for some answers of the canary more than others
    )
    MEANS_ONLY_WARN = "MeansOnlyWarn"  # a mean lies beyond its margin, and no test of means may roll back
    ABOVE_THRESHOLD = "ThresholdCrossedNotYetOften"


@dataclass(frozen=True, slots=True)
class Pass:
    """The metric lets the step end."""

    reason: Reason
    message: str


@dataclass(frozen=True, slots=True)
class Fail:
    """The metric says that the canary is worse. Once said it stays said until fresh evidence is begun."""

    reason: Reason
    message: str


@dataclass(frozen=True, slots=True)
class Inconclusive:
    """Neither; the message says what is missing."""

    reason: Reason
    message: str


Verdict = Pass | Fail | Inconclusive

"""All kinds of metrics, and the rules that follow from which there are."""

from typing import Final

from serin_operator.api.kinds import (
    of_distributions,
    of_labels,
    of_ones_own,
    of_pairs,
    of_requests,
    of_resources,
    of_scores,
)
from serin_operator.api.kinds.kind import AT, Kind, Mode
from serin_operator.api.kinds.slices import SLICE_RULES
from serin_operator.api.rule import Rule

KINDS: Final[tuple[Kind, ...]] = (
    *of_requests.KINDS,
    *of_labels.KINDS,
    *of_scores.KINDS,
    *of_pairs.KINDS,
    *of_ones_own.KINDS,
    *of_distributions.KINDS,
    *of_resources.KINDS,
)

_GIVEN: Final = f"[{', '.join(f'has(self.{kind.field})' for kind in KINDS)}].filter(kind, kind).size()"


def _is_any(kinds: tuple[Kind, ...], of: str = "self") -> str:
    return f"({' || '.join(f'has({of}.{kind.field})' for kind in kinds)})"


_WARN_UNLESS_TOLD: Final = tuple(kind for kind in KINDS if kind.mode is Mode.WARN)


def _warns(of: str = "self") -> str:
    return f"(has({of}.mode) ? {of}.mode == 'Warn' : {_is_any(_WARN_UNLESS_TOLD, of)})"


_WITHOUT_RATE: Final = tuple(kind for kind in KINDS if not kind.has_rate)
_MEANS: Final = tuple(kind for kind in _WITHOUT_RATE if kind.may_gate and kind.mode is Mode.WARN)
"""Gates of these took a share once, so that one is still taken, and ignored."""
_SHARELESS: Final = tuple(kind for kind in _WITHOUT_RATE if kind not in _MEANS)
_NEVER_GATES: Final = tuple(kind for kind in KINDS if not kind.may_gate)
_NO_PROOF: Final = tuple(kind for kind in KINDS if not kind.can_prove)
_SLICED: Final = tuple(kind for kind in KINDS if kind.slices)
_RATE: Final = "(has(self.falseRollbackRate) ? self.falseRollbackRate : 0.01)"
_SHARING: Final = f"has(m.share) && !(has(m.mode) && m.mode == 'Warn') && !{_is_any(_MEANS, 'm')}"
_SHARES: Final = f"self.metrics.filter(m, {_SHARING}).map(m, m.share).sum()"

KIND_RULES: Final = (
    Rule(
        AT,
        f"{_GIVEN} == 1",
        "Give exactly one kind: add errorRate: {}, accuracy: {} or another one; of two kinds make them two metrics.",
        "'metric ' + self.name + ': give exactly one kind: add errorRate: {}, accuracy: {} or another one; of two kinds make"
        " them two metrics with a name each'",
    ),
    Rule(
        AT,
        f"!has(self.mode) || self.mode != 'Gate' || !{_is_any(_NEVER_GATES)}",
        f"{' and '.join(kind.field for kind in _NEVER_GATES)} cannot blame a version, because stable sees the same:"
        " remove mode, or say Warn.",
        field=".mode",
    ),
    Rule(
        AT,
        f"!has(self.share) || !({_warns()} || {_is_any(_SHARELESS)})",
        f"Warnings, and {', '.join(kind.field for kind in _SHARELESS)}, take no share of the rate: remove share.",
        field=".share",
    ),
    Rule(
        AT,
        f"!has(self.evidence) || self.evidence != 'NonInferior' || !{_is_any(_NO_PROOF)}",
        f"Nothing shows non-inferiority of {', '.join(kind.field for kind in _NO_PROOF)}: remove evidence.",
        field=".evidence",
    ),
    Rule(
        "spec.analysis",
        f"{_SHARES} <= {_RATE} + 0.000000001",
        "The shares of all metrics are at most falseRollbackRate together: give less, or raise falseRollbackRate.",
        field=".metrics",
    ),
    Rule(
        "spec.analysis",
        f"self.metrics.all(m, has(m.share) || {_warns('m')} || {_is_any(_WITHOUT_RATE, 'm')})"
        f" || {_SHARES} < {_RATE} - 0.000000001",
        "The shares that are given leave nothing of falseRollbackRate to the gates without one: give less, or a share to each.",
        field=".metrics",
    ),
    Rule(
        AT,
        f"!has(self.slices) || {_is_any(_SLICED)}",
        f"Pods count {', '.join(kind.field for kind in _SLICED)} by slice and nothing else: remove slices.",
        field=".slices",
    ),
    *SLICE_RULES,
    *(rule for kind in KINDS for rule in kind.rules),
)

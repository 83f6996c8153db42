"""What the evidence about shares of bad answers amounts to: fail, pass, or what is missing."""

from typing import Final

from serin_operator.decide.analysis import eprocess, pods, points, selection, timing, wording
from serin_operator.decide.analysis.config import Bound, Comparison, Evidence, Paired
from serin_operator.decide.analysis.margins import Points
from serin_operator.decide.analysis.proportions import base_rate, comparable, log_against
from serin_operator.decide.analysis.samples import Proportions
from serin_operator.decide.analysis.state import MetricState
from serin_operator.decide.analysis.verdicts import Fail, Inconclusive, Pass, Reason, Verdict
from serin_operator.decide.analysis.words import Words

DOUBT: Final = 0.5
"""A metric does not pass while the log evidence against the canary is this share of what rolls it back: the square root,
14 where 200 are needed. Holding spends nothing of the false-rollback rate, and an equal canary's evidence falls again."""


def failed(rule: Comparison | Bound, state: MetricState, error_rate: float) -> Fail | None:
    """Whether the evidence against the canary ever reached what its share of the error rate asks for."""
    needed = eprocess.needed(error_rate)
    if not state.failed and (
        state.worst < needed or chosen(state) or selection.may_explain(state.labels_excess, _lost(state))
    ):
        return None
    reason = Reason.WORSE_THAN_BOUND if isinstance(rule, Bound) else Reason.WORSE_THAN_STABLE
    return Fail(reason, f"{_counts(rule, state)}; {wording.evidence(state.worst, needed)}")


def chosen(state: MetricState, *, is_worse: bool = False) -> Inconclusive | None:
    """Why nothing may be said at all: what is missing seems to be missing by choice. Who is to be blamed has the doubt's benefit."""
    if selection.is_suspected(state.labels_differ) or (
        is_worse and selection.may_explain(state.labels_excess, _lost(state))
    ):
        return Inconclusive(
            Reason.SELECTIVE_LABELS,
            "labels come for unequal shares of the two versions' predictions of the same age, so those that came cannot be"
            " compared; label a random share of both, or judge by pairs",
        )
    if selection.is_suspected(state.control_differs):
        return Inconclusive(
            Reason.SELECTIVE_CONTROL,
            "the control leaves requests unanswered for some answers of the canary more often than for others, so the pairs"
            " that are left cannot be compared; give the control more time, or more pods",
        )
    return None


def _doubted(rule: Comparison | Bound, state: MetricState, leaning: int, needed: int) -> Inconclusive | None:
    """Why a version is not blamed although there is evidence enough."""
    if leaning < needed or state.worst >= needed:
        return None
    counts = _counts(rule, state)
    if pods.may_explain(state):
        return Inconclusive(
            Reason.PODS_MAY_DIFFER,
            f"{counts}: worse than the margin allows, and by no more than one of stable's pods may differ from the others, so it may be the"
            " pod and not the version; held until stable's pods are known better: with more traffic, or more replicas",
        )
    if not timing.is_doubted(state):
        return None
    missing = timing.outstanding(state).only_control_bad
    still = (
        f"{missing:,} pairs on which they differ have none yet" if state.made else "nobody knows how many are to come"
    )
    return Inconclusive(
        Reason.SELECTIVE_LABELS,
        f"{counts}: labels may come sooner where only the canary was wrong than where only stable was, and {still}, so those that came"
        " cannot be compared; held until the others tell",
    )


def _lost(state: MetricState) -> float:
    """How many more of the canary's answers were bad than if it were as good as what it is compared with."""
    if not state.stable_total:
        only_canary, only_control, _ = state.pairs or (0, 0, 0)
        return only_canary - only_control
    return state.canary_bad - state.canary_total * state.stable_bad / state.stable_total


def standing(
    rule: Comparison | Bound,
    state: MetricState,
    seen: Proportions,
    *,
    samples_needed: int,
    false_alarm_rate: float,
    false_promotion_rate: float,
    is_slice: bool = False,
    because: str = "",
    stumbled: int = 0,
) -> Verdict:
    """Pass or Inconclusive, of a metric that has not failed, at a look that saw `seen`.

    Of a slice not each look sees something: what it has seen in this step counts, while the whole goes on being seen.
    `stumbled` is the log evidence that the look would have been if new pods might not stumble: nothing passes by what they are allowed.
    """
    is_worse = state.worst >= eprocess.needed(false_alarm_rate)
    missing = chosen(state, is_worse=is_worse) or _nothing_to_judge(rule, state, seen)
    if missing and not (is_slice and missing.reason is Reason.NO_DATA):
        return missing
    leaning = log_against(rule, state)
    if doubted := _doubted(rule, state, leaning, eprocess.needed(false_alarm_rate)):
        return doubted
    counts = _counts(rule, state)
    if state.step_samples < samples_needed:
        have = f"{state.step_samples:,} of {samples_needed:,} {wording.noun(rule.words)} in this step{because}"
        return Inconclusive(Reason.NOT_ENOUGH_SAMPLES, f"{have}; {counts}")
    against = wording.evidence(leaning, eprocess.needed(false_alarm_rate))
    if leaning >= eprocess.needed(false_alarm_rate) * DOUBT:
        return Inconclusive(Reason.LEANS_AGAINST, f"{counts}; {against} against it: held until this is settled")
    if stumbled >= eprocess.needed(false_alarm_rate) * DOUBT:
        new = "too many for pods that were not new, as some may be in the first look after a change of the shares"
        return Inconclusive(Reason.LEANS_AGAINST, f"{counts}; in this look {new}: held until the next one tells")
    if rule.evidence is Evidence.NO_FAIL:
        return Pass(Reason.NO_EVIDENCE_AGAINST, f"{counts}; {against} against it")
    needed = eprocess.needed(false_promotion_rate)
    shown = f"{counts}; {wording.evidence(state.best, needed)} that the margin is kept"
    if state.best >= needed:
        return Pass(Reason.NON_INFERIOR, shown + _without_labels(state))
    return Inconclusive(Reason.NOT_ENOUGH_EVIDENCE, shown)


def _without_labels(state: MetricState) -> str:
    """Why nobody had to wait for labels, where none had come."""
    if state.canary_total or state.pairs or not state.differing:
        return ""
    return "; proven by agreement, without a label: versions that differ on so few requests cannot be further apart"


def _nothing_to_judge(rule: Comparison | Bound, state: MetricState, seen: Proportions) -> Inconclusive | None:
    if isinstance(rule, Bound):
        if any(one.canary.total for one in seen.strata):
            return None
        return Inconclusive(Reason.NO_DATA, f"no {wording.noun(rule.words)} in this look")
    if _has_pairs(rule, seen):
        return None
    if not comparable(seen) or rule.paired is Paired.REQUIRE:
        return Inconclusive(
            Reason.NO_DATA,
            f"no {wording.noun(rule.words)} of canary and stable under the same conditions in this look; "
            f"so far {_counts(rule, state)}",
        )
    if isinstance(rule.margin, Points):
        rate = points.guessed_base(base_rate(state), rule.margin.increase)
        if points.is_impossible(rate, rule.margin.increase):
            return Inconclusive(Reason.MARGIN_IMPOSSIBLE, _impossible(rate, rule.margin.increase, rule.words))
    return None


def _impossible(rate: float, margin: float, words: Words) -> str:
    told = f"({wording.level(rate, words)}) plus the margin ({wording.difference(margin, words)})"
    if words.scale is None:
        return f"stable's bad answers {told} are 100 % or more, so no canary could fail; give a smaller margin or mend stable first"
    told = told.replace("plus", "less") if words.tells_good else told
    end = words.scale[0] if words.tells_good else words.scale[1]
    return (
        f"stable's mean {told} is at the end of its range ({end:g}) or beyond, so no canary could fail; give a smaller margin,"
        " or a wider range"
    )


def _has_pairs(rule: Comparison, seen: Proportions) -> bool:
    if rule.paired is Paired.OFF:
        return False
    alike = seen.differing.total if rule.evidence is Evidence.NON_INFERIOR else 0
    return bool(seen.pairs.total or alike)


def _counts(rule: Comparison | Bound, state: MetricState) -> str:
    canary = f"canary {wording.share(state.canary, rule.words)}"
    if isinstance(rule, Bound):
        return f"{canary}, {wording.limit(rule.max_bad_rate, rule.words)}"
    told = (
        [f"{canary}, stable {wording.share(state.stable, rule.words)} in the same minutes"]
        if state.canary_total
        else []
    )
    if state.pairs:
        only_canary, only_control, total = state.pairs
        told.append(f"of {total:,} pairs {only_canary:,} where only the canary was wrong, {only_control:,} only stable")
    if state.differing:
        differing, total = state.differing
        told.append(f"different answers in {wording.percent(differing / total)} of {total:,} pairs")
    return "; ".join(told) or f"no {wording.noun(rule.words)} yet"

"""Whether evidence that was written down can be gone on with."""

from math import inf

from serin_operator.decide.analysis import AnalysisState, Arm, Clients, Pairs, PodScatter
from serin_operator.decide.analysis.pods import MOST_TOLD
from serin_operator.decide.analysis.state import MetricState
from serin_operator.decide.memory.comparison import Comparison


def readable(comparison: Comparison) -> Comparison:
    """The same, if its evidence can be gone on with; raises for evidence of another release, which begins anew."""
    state = AnalysisState.from_dict(comparison.evidence)
    for one in state.metrics.values():
        all_of = (
            *one.against,
            *one.for_it,
            *one.pairs_against,
            *one.pairs_for_it,
            *one.alike,
            one.worst,
            one.best,
            one.canary_bad,
            one.canary_total,
            one.stable_bad,
        )
        if not all(isinstance(number, int) for number in (*all_of, one.stable_total, one.step_samples, *one.base)):
            raise ValueError("evidence that is no number")
        _counts(one)
    float(state.taken_at or 0.0)
    spread = comparison.evidence.get("spread", {})
    for chi2, degrees in spread.values():
        float(chi2), int(degrees)
    until, spent = comparison.evidence.get("renewed", (0.0, 0.0))
    float(until), float(spent)
    for excess, worth, pods in comparison.evidence.get("pods", {}).values():
        PodScatter(float(excess), float(worth), int(pods))
    for counts in comparison.evidence.get("eachPod", {}).values():
        if len(counts) > 2 * MOST_TOLD:
            raise ValueError("more pods than are told")
        PodScatter(each=tuple(int(one) for one in counts)).apart()
    for sums in comparison.evidence.get("clients", {}).values():
        Clients(*sums)
    return comparison


def _counts(one: MetricState) -> None:
    """Raise for counts that no look can be added to."""
    canary_bad, canary, stable_bad, stable = one.latest or (0, 0, 0, 0)
    Arm(canary_bad, canary), Arm(stable_bad, stable), Arm(*one.made), Arm(*one.differing), Pairs(*one.pairs)
    for told in zip(one.pair_ages[0::3], one.pair_ages[1::3], one.pair_ages[2::3], strict=True):
        Pairs(*told)
    counts = (*one.latest, *one.made, *one.differing, *one.pairs, *one.pair_ages)
    if not all(isinstance(number, int) for number in counts) or not 0 <= one.apart < inf:
        raise ValueError("counts that cannot be")

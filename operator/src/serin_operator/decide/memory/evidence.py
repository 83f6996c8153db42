"""Whether evidence that was written down can be gone on with."""

from serin_operator.decide.analysis import AnalysisState, Clients, PodScatter
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
    float(state.taken_at or 0.0)
    spread = comparison.evidence.get("spread", {})
    for chi2, degrees in spread.values():
        float(chi2), int(degrees)
    until, spent = comparison.evidence.get("renewed", (0.0, 0.0))
    float(until), float(spent)
    for excess, worth, pods in comparison.evidence.get("pods", {}).values():
        PodScatter(float(excess), float(worth), int(pods))
    for counts in comparison.evidence.get("eachPod", {}).values():
        PodScatter(each=tuple(int(one) for one in counts)).apart()
    for sums in comparison.evidence.get("clients", {}).values():
        Clients(*sums)
    return comparison

"""Which share of each version's predictions got a label, in one look.

The labels that are compared are of predictions made while the shares of the traffic were as they are in the look. So whichever
version a prediction falls on, labels of a look and predictions of a look are dealt in the same proportion, unless getting a label
depends on the version. Labels of one look may be of the predictions of another: that does not matter for proportions.
"""

from collections.abc import Sequence
from dataclasses import replace

from serin_operator.api.kinds.reading import Counter
from serin_operator.decide.analysis import Arm, NoData, Proportions, QueryFailed, Sample, Stratum, Value
from serin_operator.decide.looks import Look
from serin_operator.observe.counts import counted, told_of
from serin_operator.observe.prometheus_client import Series


def with_label_share(sample: Sample, predictions: Counter, series: Sequence[Series], look: Look) -> Sample:
    """The sample with predictions beside its labels; as it is where servers of a version count none, or a scrape was missed."""
    if not isinstance(sample, Value) or not isinstance(sample.observed, Proportions) or not sample.observed.strata:
        return sample
    counts = counted(predictions, None, series, look.start)
    if isinstance(counts, NoData | QueryFailed):
        return sample
    made = [round(sum(told_of(counts, arm).values())) for arm in (look.canary, look.stable)]
    strata = sample.observed.strata
    labels = (sum(one.canary.total for one in strata), sum(one.stable.total for one in strata))
    if not all((*made, *labels)):  # as of copies, which no client sees
        return sample
    arms = (Arm(number, number + label) for number, label in zip(made, labels, strict=True))
    return replace(sample, observed=replace(sample.observed, unlabelled=(Stratum(*arms),)))

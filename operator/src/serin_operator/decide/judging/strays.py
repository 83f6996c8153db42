"""Whether the versions' own counts follow what a gateway says that it does. Conditions lie at times; counts do not."""

from math import sqrt
from typing import Final

from serin_operator.api.kinds.reading import Shares
from serin_operator.api.spec import Analysis, AnyMetric
from serin_operator.decide.analysis import Proportions, Value
from serin_operator.decide.looks import LookResult

_SIGMAS: Final = 6.0
"""A false alarm once in a billion looks: pods count up to the last scrape, so ends of looks blur a little, too."""
_LEAST: Final = 50
"""Requests of a look with which something can be said; below them nobody is accused."""
_LEAST_EXPECTED: Final = 15
"""Requests that the canary should have had; that by chance it has none then, happens once in three million looks."""


def stray(look: LookResult, wanted: Analysis, share: int, mirror: int = 0) -> str | None:
    """What is odd about the counts of a look in which the canary should have had ``share`` percent; None: nothing.

    Clients inside the cluster that use the Service go to stable, so less than the share proves nothing, as long as some
    requests reach the canary.

    Args:
        look: With its counts.
        wanted: The metrics, of which one may count requests.
        share: Of all requests.
        mirror: Percent of stable's requests of which it should have had copies; then its own are none of clients'.
    """
    canary, stable = _requests(look, wanted)
    if mirror and not share:
        return _stray_copies(canary, stable, mirror)
    total = canary + stable
    if total < _LEAST or not 0 < share < 100:
        return None
    expected = total * share / 100
    if canary == 0 and expected >= _LEAST_EXPECTED:
        return (
            f"no request of {total} in the last look reached the canary, whose weight is {share} %: nobody comes by the"
            " route, or the gateway does not do what it says"
        )
    if canary > expected + _SIGMAS * sqrt(expected * (1 - share / 100)) + 0.02 * total:
        return (
            f"the canary answered {canary} of {total} requests in the last look, and its weight is {share} %: the gateway"
            " does not do what it says"
        )
    return None


def _stray_copies(copies: int, answered: int, mirror: int) -> str | None:
    """The same of copies. Both versions count by scrapes of their own, so even copies of all requests scatter a little."""
    expected = answered * mirror / 100
    if answered < _LEAST:
        return None
    if copies == 0 and expected >= _LEAST_EXPECTED:
        return (
            f"no copy of {answered} requests in the last look reached the canary, though {mirror} % are to be copied: nobody"
            " comes by the route, or the gateway does not do what it says"
        )
    if copies > expected + _SIGMAS * sqrt(expected) + 0.02 * answered:
        return (
            f"the canary answered {copies} requests in the last look beside {answered} of stable, and copies of {mirror} % are"
            " all that it should get: the gateway does not do what it says"
        )
    return None


def _requests(look: LookResult, wanted: Analysis) -> tuple[int, int]:
    """Requests of canary and stable, where a metric counts them."""
    for metric in wanted.metrics:
        sample = look.samples.get(metric.name)
        if not _counts_requests(metric):
            continue
        if isinstance(sample, Value) and isinstance(sample.observed, Proportions):
            strata, alone = sample.observed.strata, sample.observed.stable_alone
            return sum(s.canary.total for s in strata), sum(s.stable.total for s in strata) + alone.total
    return 0, 0


def _counts_requests(metric: AnyMetric) -> bool:
    """Whether every request is one of its events, and no label."""
    if metric.asked is None:
        return False
    kind, said = metric.asked
    reading = kind.reads(said)
    return isinstance(reading, Shares) and reading.age is None and reading.noun == "requests"

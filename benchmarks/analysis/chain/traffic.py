"""What clients ask and what versions make of it: all requests of some seconds at once."""

from dataclasses import dataclass
from math import log

import numpy as np

BASE_WRONG = 0.08
"""Of rows, on which the version before is wrong."""
_POSITIVE = 0.4
_CLIENTS = 20
_SPREAD = 0.8
"""Standard deviation of the logarithm of a latency."""
_CPU_SHAPE = 4.0
_SCORES_TOGETHER = 12.0
REGIONS = np.array(["north", "south", "west"])
_OF_REGIONS = (0.5, 0.3, 0.2)


@dataclass(frozen=True)
class Version:
    """What a version does.

    Args:
        fails: Share of requests.
        seconds: Median latency.
        mends: Share of rows on which it is right and the version before is not.
        breaks: The other way round.
        of_region: The one region in which it breaks any; empty: in all.
        off: Standard deviation of a regression's error.
        score: Mean of the scores of its predictions, between 0 and 1.
        moved: How far its predictions are moved, in their standard deviations.
        cpu: Seconds for a request.
        accepted: Share of its offers.
        knows: Largest input that it was trained with, in standard deviations.
    """

    fails: float = 0.005
    seconds: float = 0.05
    mends: float = 0.0
    breaks: float = 0.0
    of_region: str = ""
    off: float = 5.1
    score: float = 0.8
    moved: float = 0.0
    cpu: float = 0.002
    accepted: float = 0.3
    knows: float = 3.5


@dataclass(frozen=True)
class Traffic:
    """How clients ask.

    Args:
        a_second: Requests.
        labelled: Share of predictions that get a label, or a score.
        delay: Mean seconds until then.
        is_regression: Whether labels are numbers that predictions come near to.
        has_labels: Whether anybody sends labels.
        sees_inputs: Whether pods have a baseline, and count inputs and predictions.
        offers: Whether predictions become offers that somebody else counts.
        inputs_moved: How far inputs are moved from those of training, whoever is asked.
    """

    a_second: float = 6.0
    labelled: float = 0.5
    delay: float = 20.0
    is_regression: bool = False
    has_labels: bool = False
    sees_inputs: bool = False
    offers: bool = False
    inputs_moved: float = 0.0


class Requests:
    """Requests of one stretch of time, in order; every attribute is an array with an element for each."""

    def __init__(self, rng: np.random.Generator, traffic: Traffic, start: float, end: float) -> None:
        number = rng.poisson(traffic.a_second * (end - start))
        self.moments = np.sort(rng.uniform(start, end, number))
        self.clients = rng.integers(_CLIENTS, size=number)
        self.slowness = rng.normal(0, _SPREAD, number)
        self.hardness = rng.random(number)
        """What makes one version wrong makes the other wrong, but for the rows that are mended or broken."""
        self.labels = rng.normal(50, 20, number) if traffic.is_regression else rng.random(number) < _POSITIVE
        self.noise = rng.normal(0, 1, number)
        self.regions = rng.choice(REGIONS, number, p=_OF_REGIONS)
        is_labelled = rng.random(number) < traffic.labelled
        self.labelled_at = np.where(is_labelled, self.moments + rng.exponential(traffic.delay, number), np.inf)
        self.inputs = rng.normal(traffic.inputs_moved, 1, number)

    def __len__(self) -> int:
        return len(self.moments)

    def seconds(self, version: Version) -> np.ndarray:
        """How long a version takes."""
        return np.exp(log(version.seconds) + self.slowness)

    def predicted(self, version: Version, *, is_regression: bool) -> np.ndarray:
        """A number, or one of the classes 0 and 1."""
        if is_regression:
            return self.labels + version.off * self.noise
        broken = (self.hardness >= BASE_WRONG) & (self.hardness < BASE_WRONG + version.breaks)
        if version.of_region:
            broken &= self.regions == version.of_region
        is_wrong = (self.hardness < BASE_WRONG - version.mends) | broken
        return np.where(is_wrong, ~self.labels, self.labels).astype(int)

    def scored(self, rng: np.random.Generator, version: Version) -> np.ndarray:
        """What a label says how good each prediction was, between 0 and 1."""
        mean = np.full(len(self), version.score)
        if version.of_region:
            mean[self.regions != version.of_region] = Version().score
        return rng.beta(_SCORES_TOGETHER * mean, _SCORES_TOGETHER * (1 - mean))

    def outputs(self, version: Version) -> np.ndarray:
        """The predictions whose distribution is counted."""
        return (self.noise + version.moved).astype(np.float32)

    def cpu(self, rng: np.random.Generator, version: Version) -> np.ndarray:
        """CPU seconds."""
        return rng.gamma(_CPU_SHAPE, version.cpu / _CPU_SHAPE, len(self))

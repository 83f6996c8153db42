"""Times of a model on a machine that has other things to do: what is clear is told from what is near a limit.

Noise only ever adds, and comes in bursts. So a p99 is taken in rounds, which may disagree; and two models are compared in
pairs of short blocks, one after the other, so that both live through the same burst.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from math import ceil, comb
from statistics import median
from time import perf_counter
from typing import Final

PASS, NEAR, FAIL = "pass", "near", "fail"

_ROUNDS, _MOST_ROUNDS = 3, 7
_RUNS, _MOST_RUNS, _LEAST_RUNS = 200, 5000, 3
_ROUND_SECONDS: Final = (0.1, 1.0)
"""At least and at most."""
_NEAR: Final = 1.25
_BLOCK_SECONDS, _BLOCK_RUNS = 0.005, 200
_PAIRS: Final = (15, 31, 63)
"""After so many pairs it is looked whether more are needed."""
_DOUBT: Final = 0.001
_FEWEST_PAIRS: Final = 11
"""Of fewer no interval holds the true median with that little doubt."""
Run = Callable[[], object]
Clock = Callable[[], float]


@dataclass(frozen=True, slots=True)
class Timed:
    """Seconds that single runs took, in rounds."""

    rounds: tuple[tuple[float, ...], ...]

    @property
    def runs(self) -> int:
        """In all rounds."""
        return sum(map(len, self.rounds))

    @property
    def p99(self) -> float:
        """The median of the rounds' p99, in seconds."""
        return median(self.p99s)

    @property
    def p99s(self) -> tuple[float, ...]:
        """Of each round: by rank, so of few runs the longest."""
        return tuple(sorted(each)[ceil(0.99 * len(each)) - 1] for each in self.rounds)

    def within(self, limit: float) -> str:
        """`fail` when every round was over the limit, `pass` when hardly one was, else `near`."""
        over = sum(each > limit for each in self.p99s)
        if over == len(self.rounds):
            return FAIL
        return PASS if 4 * over <= len(self.rounds) else NEAR


def timed(run: Run, limit: float = 0.0, seconds: float = 10.0, clock: Clock = perf_counter) -> Timed:
    """The times of a run, in three rounds of 200 runs and more; in seven where one comes within a quarter of the limit.

    Args:
        run: What is timed.
        limit: Seconds that its p99 is compared with; 0 for none.
        seconds: After which no round begins any more; of slow runs there are fewer.
        clock: Gives seconds.
    """
    run()
    until = clock() + seconds
    rounds = [_round(run, until, clock)]
    while clock() < until and len(rounds) < (_MOST_ROUNDS if _is_near(rounds, limit) else _ROUNDS):
        rounds.append(_round(run, until, clock))
    return Timed(tuple(rounds))


def _is_near(rounds: Sequence[tuple[float, ...]], limit: float) -> bool:
    return bool(limit) and any(limit / _NEAR < p99 < limit * _NEAR for p99 in Timed(tuple(rounds)).p99s)


def _round(run: Run, until: float, clock: Clock) -> tuple[float, ...]:
    least, most = _ROUND_SECONDS
    began, took = clock(), list[float]()
    while True:
        before = clock()
        run()
        now = clock()
        took.append(now - before)
        is_enough = len(took) >= _RUNS and now - began >= least
        is_slow = now - began >= most and len(took) >= _LEAST_RUNS
        if is_enough or is_slow or now >= until or len(took) == _MOST_RUNS:
            return tuple(took)


@dataclass(frozen=True, slots=True)
class Ratio:
    """How many times as long one takes as another: the middle of all pairs, and an interval that holds the true one."""

    low: float
    middle: float
    high: float
    pairs: int = 0
    """0: not measured side by side."""

    def within(self, limit: float) -> str:
        """`fail` when the whole interval is above the limit, `pass` when it is below, else `near`; of few pairs none is sure."""
        if self.low > limit:
            return NEAR if 0 < self.pairs < _FEWEST_PAIRS else FAIL
        return PASS if self.high <= limit else NEAR


def compared(
    new: Run,
    old: Run,
    limits: Iterable[float] = (),
    seconds: float = 20.0,
    clock: Clock = perf_counter,
    now: Clock = perf_counter,
) -> Ratio:
    """How many times as long `new` takes as `old`, from pairs of blocks, until no limit lies in the interval any more.

    Args:
        new: One run of the one.
        old: One run of the other.
        limits: What the ratio is to be told from.
        seconds: After which no pair begins any more.
        clock: Gives seconds: of CPU where one thread does it all, so that neighbours do not count.
        now: Gives seconds that pass.
    """
    new()
    old()
    until = now() + seconds
    ratios: list[float] = []
    while True:
        # Whoever is second finds the caches of the other: so they take turns.
        if len(ratios) % 2:
            before = _block(old, clock)
            ratios.append(_block(new, clock) / before)
        else:
            after = _block(new, clock)
            ratios.append(after / _block(old, clock))
        is_late = now() >= until or len(ratios) == _PAIRS[-1]
        if is_late or len(ratios) in _PAIRS:
            found = interval(ratios)
            if is_late or all(not found.low <= limit < found.high for limit in limits):
                return found


def typical(run: Run, clock: Clock = perf_counter, seconds: float = 2.0, now: Clock = perf_counter) -> float:
    """Seconds that a run usually takes: the median of a few blocks."""
    until, blocks = now() + seconds, [_block(run, clock)]
    while len(blocks) < _PAIRS[0] and now() < until:
        blocks.append(_block(run, clock))
    return median(blocks)


def _block(run: Run, clock: Clock) -> float:
    began, took = clock(), list[float]()
    while not took or (clock() - began < _BLOCK_SECONDS and len(took) < _BLOCK_RUNS):
        before = clock()
        run()
        took.append(clock() - before)
    return max(median(took), 1e-9)


def interval(ratios: Sequence[float]) -> Ratio:
    """The median with an interval from order statistics, whatever the distribution: 99.9 % from eleven pairs on.

    The true median is below the k-th of n with probability P(Bin(n, 1/2) < k) (David and Nagaraja 2003, *Order statistics*,
    7.1); of fewer pairs it is their whole range.
    """
    ordered, n, below, k = sorted(ratios), len(ratios), 0.0, 0
    while k < n // 2 and below + comb(n, k) / 2**n <= _DOUBT / 2:
        below += comb(n, k) / 2**n
        k += 1
    k = max(k, 1)
    return Ratio(ordered[k - 1], median(ordered), ordered[n - k], n)

"""What servers count of requests that they ask the control as well, and of the clients that they know."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from random import Random

from tests.support.simulation.behaviour import Behaviour

Amount = tuple[str, str, str, float]
"""Metric, labels, their values, and how much more."""
Due = Callable[[str, float], int]
WINDOW_SECONDS = 30
CLASSES = ("0", "1")
"""Answers; each is given to half of the requests."""
SUMS = ("clients", "all", "bad", "all_squared", "bad_squared", "all_times_bad")


@dataclass
class Control:
    """How the version that is compared with answers the questions of the other."""

    unanswered: dict[str, float] = field(default_factory=dict)
    """Share of questions without an answer, by the class that the other version answered."""


def of_pairs(
    revision: str, behaviours: tuple[Behaviour, Behaviour], asked: float, control: Control, due: Due, *, labels: bool
) -> Iterator[Amount]:
    """Counts of so many questions, of which ``revision`` is asked; ``behaviours`` are the asking version's and its."""
    own, other = behaviours

    def each(metric: str, label: str, shares: dict[str, float], of: float) -> Iterator[Amount]:
        for value, share in shares.items():
            amount = due(f"{metric} {value}", of * share)
            yield metric, f"control_revision,{label}", f"{revision},{value}", amount

    both = min(own.error_rate, other.error_rate)
    errors = {
        "both_failed": both,
        "only_canary_failed": own.error_rate - both,
        "only_control_failed": other.error_rate - both,
        "neither_failed": 1 - max(own.error_rate, other.error_rate),
    }
    yield from each("serin_error_pairs_total", "outcome", errors, asked)
    left = {name: control.unanswered.get(name, 0.0) / len(CLASSES) for name in CLASSES}
    answered = 1 - sum(left.values())
    answers = {f"{name},true": 1 / len(CLASSES) - left[name] for name in CLASSES}
    answers |= {f"{name},false": share for name, share in left.items()}
    yield from each("serin_pair_answers_total", "prediction,answered", answers, asked)
    worse = other.accuracy - own.accuracy
    differs = max(own.differs, abs(worse))
    said = {"agree": answered * (1 - differs), "disagree": answered * differs, "no_answer": 1 - answered}
    yield from each("serin_pairs_total", "outcome", said, asked)
    if not labels:
        return
    only_canary, only_control = (differs + worse) / 2, (differs - worse) / 2
    right = {
        "only_canary_wrong": only_canary,
        "only_control_wrong": only_control,
        "both_wrong": max(0.0, 1 - own.accuracy - only_canary),
        "both_right": min(own.accuracy - only_control, 1 - differs),
    }
    yield from each("serin_paired_feedback_total", "pair", right, asked * answered)


@dataclass
class Client:
    """Somebody with one connection, which leads to another pod every now and then."""

    requests_a_second: float
    error_rate: float = 0.0

    def pod(self, number: int, moment: float, pods: int) -> int:
        """Which of so many pods it is connected to: drawn anew in every window."""
        return Random(f"{number}/{int(moment // WINDOW_SECONDS)}").randrange(pods)


@dataclass
class ClientBook:
    """What one process knows of its clients in the present window."""

    window: int = -1
    counts: dict[int, tuple[int, int]] = field(default_factory=dict)

    def count(self, client: int, total: int, bad: int, moment: float) -> Iterator[Amount]:
        """So many more requests of one client, as increments of the sums over clients and windows."""
        window = int(moment // WINDOW_SECONDS)
        if window != self.window:
            self.window, self.counts = window, {}
        n, b = self.counts.get(client, (0, 0))
        self.counts[client] = after = (n + total, b + bad)
        for name, more in zip(SUMS, _grown((n, b), after), strict=True):
            yield "serin_client_sums_total", "sum", name, more


def _grown(before: tuple[int, int], after: tuple[int, int]) -> Sequence[int]:
    (n, b), (m, c) = before, after
    return (int(not n and bool(m)), m - n, c - b, m * m - n * n, c * c - b * b, m * c - n * b)

"""Many rollouts as arrays, and what the engine is shown of each."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from benchmarks.analysis.rollout import LOOK_SECONDS, Seen

from serin_operator.decide.analysis import Arm, Clients, Pairs, Proportions, Stratum, Value

Array = np.ndarray


@dataclass(frozen=True)
class Batch:
    """Rollouts as arrays (rollout, look, …), whole numbers; `None` where nothing of the kind is counted.

    `canary` and `stable` end in (bad, total). `pods` are stable's by pod, `clients` the six sums of `Clients` without the stretches, each of one look.
    `pair_ages` are `pairs` by age, (rollout, look, age, 3). What was seen before the canary came is `before` (bad, total), `pods_before` and `clients_before`, of `stretches_before` looks.
    """

    canary: Array | None = None
    stable: Array | None = None
    before: Array | None = None
    pods: Array | None = None
    pods_before: Array | None = None
    clients: Array | None = None
    clients_before: Array | None = None
    stretches_before: int = 8
    begins_stage: Array | None = None
    seconds: Array | None = None
    pairs: Array | None = None
    differing: Array | None = None
    unlabelled: Array | None = None
    unanswered: Array | None = None
    pair_ages: Array | None = None

    @property
    def shape(self) -> tuple[int, int]:
        """Rollouts and looks."""
        return next(one for one in (self.canary, self.pairs, self.differing) if one is not None).shape[:2]


def seen_of(batch: Batch, row: int) -> tuple[Seen | None, list[Seen]]:
    """What the engine is shown of one rollout."""
    looks = [_look(batch, row, number) for number in range(batch.shape[1])]
    if batch.before is None:
        return None, looks
    told = tuple(_arms(batch.pods_before[row])) if batch.pods is not None else ()
    known = _clients(batch.clients_before[row], batch.stretches_before) if batch.clients is not None else None
    return Seen(Value(Proportions((), Arm(*batch.before[row].tolist()))), told, known), looks


def _look(batch, row, number):
    def of(name, make: Callable = Arm):
        one = getattr(batch, name)
        return None if one is None else make(*one[row, number].tolist())

    strata = () if batch.canary is None else (Stratum(of("canary"), of("stable")),)
    two = lambda a, b, c, d: (Stratum(Arm(a, b), Arm(c, d)),)  # noqa: E731
    seen = Proportions(
        strata,
        pairs=of("pairs", Pairs) or Pairs(),
        differing=of("differing") or Arm(),
        unlabelled=of("unlabelled", two) or (),
        unanswered=of("unanswered", two) or (),
        pair_ages=()
        if batch.pair_ages is None
        else tuple(Pairs(*one) for one in batch.pair_ages[row, number].tolist()),
    )
    told = tuple(_arms(batch.pods[row, number])) if batch.pods is not None else ()
    sums = _clients(batch.clients[row, number], 1) if batch.clients is not None else None
    begins = batch.begins_stage is not None and bool(batch.begins_stage[number])
    return Seen(
        Value(seen), told, sums, begins, LOOK_SECONDS if batch.seconds is None else float(batch.seconds[number])
    )


def _arms(counts):
    return [Arm(*one) for one in counts.tolist()]


def _clients(sums, stretches):
    clients, *rest = sums.tolist()
    return Clients(clients, stretches, *rest)

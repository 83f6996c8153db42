"""What became of the mutants, told by rooms."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from enum import StrEnum
from math import sqrt

from tests.mutation.forks import BROKEN
from tests.mutation.killing import UNNOTICED
from tests.mutation.mutants import Mutant

Z_95 = 1.96


class Fate(StrEnum):
    """Of a mutant."""

    KILLED = "killed"
    SURVIVED = "survived"
    NOT_COVERED = "not covered"
    """No test executes it: it survives."""
    EQUIVALENT = "equivalent"
    BROKEN = "broken"
    """It could not be tried; counted nowhere."""


def fate_of(code: int) -> Fate:
    """By the exit code of who tried it: one that hangs or fills the memory is killed."""
    if code == BROKEN:
        return Fate.BROKEN
    return Fate.SURVIVED if code == UNNOTICED else Fate.KILLED


def interval(killed: int, of: int) -> tuple[float, float]:
    """Wilson's, of 95 %."""
    if not of:
        return 0.0, 1.0
    share, z2 = killed / of, Z_95 * Z_95
    middle, half = share + z2 / (2 * of), Z_95 * sqrt(share * (1 - share) / of + z2 / (4 * of * of))
    return (middle - half) / (1 + z2 / of), (middle + half) / (1 + z2 / of)


def table(fates: Mapping[Mutant, Fate]) -> str:
    """A row for each room, and one for all."""
    rooms: dict[str, Counter[Fate]] = defaultdict(Counter)
    for mutant, fate in fates.items():
        rooms[mutant.room][fate] += 1
    head = f"{'room':12}" + "".join(f"{fate:>13}" for fate in Fate) + f"{'score':>9}  95 % interval"
    rows = [_row(room, counts) for room, counts in sorted(rooms.items())]
    return "\n".join([head, *rows, _row("all", sum(rooms.values(), Counter()))])


def _row(room: str, counts: Counter[Fate]) -> str:
    killed = counts[Fate.KILLED]
    of = killed + counts[Fate.SURVIVED] + counts[Fate.NOT_COVERED]
    low, high = interval(killed, of)
    score = f"{100 * killed / of:7.1f} %" if of else f"{'-':>9}"
    return (
        f"{room:12}"
        + "".join(f"{counts[fate]:13}" for fate in Fate)
        + f"{score}  {100 * low:.1f} to {100 * high:.1f} %"
    )


def survivors(fates: Mapping[Mutant, Fate], tests: Mapping[Mutant, Sequence[str]]) -> str:
    """Each as what it was and what it became, with how many tests have seen it."""
    rows = []
    for mutant, fate in fates.items():
        if fate in {Fate.KILLED, Fate.EQUIVALENT}:
            continue
        file, function, before, after = mutant.key
        rows.append(
            f"{fate}: {file}:{mutant.line} {function} ({len(tests.get(mutant, ()))} tests)\n- {before}\n+ {after}\n"
        )
    return "\n".join(rows)

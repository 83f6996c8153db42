"""Tries on the loaded model whether rows answered together get what each gets alone.

Three things are compared with each row's answer when it is alone: random rows in batches of several sizes, a row whose
neighbours are poisoned (NaN, infinities, huge numbers, the largest integers that the model takes), and the number of
rows that come out. It cannot prove that rows are independent, since random rows need not reach every branch; the graph
does that. It notices where the graph or its rules say something else than what runs.
"""

from collections.abc import Iterator, Mapping, Sequence
from time import perf_counter
from typing import Final, Protocol

import numpy as np

from serin_server.failures import one_line
from serin_server.model.rows.feeds import LEAST_ROWS, Feed, made_up, poisons, rows_of
from serin_server.model.rows.randomness import Randomness
from serin_server.model.rows.states import NotProven, Reason
from serin_server.model.tensors import Array, Signature

LONGEST_SECONDS: Final = 2.0
"""After this no further run begins, so that probing costs at most this and one run of a few rows."""
LAST_DIGITS: Final = 1000
"""How many units of a float's last digit, measured on the largest answer, may differ.

Kernels for one row and for many add up in another order; over the thousands of terms and dozens of layers of a real
model that makes a few hundred units. What leaks from a poisoned neighbour is larger by many powers of ten.
"""
MOST: Final = 0.03
"""The most that half precision may differ, whose last digits are coarse."""
ROUNDINGS: Final = 64
"""How many roundings of a device may differ: it picks another kernel for another number of rows, and each rounds in its own way."""
_PARTS: Final = ((3, 5), (33, 34))
"""Rows of two requests that run together; the larger ones fill more than the widest vector register.

They are left out where rows are so large that they fill it by themselves (`rows_of`).
"""


class Runs(Protocol):
    """What can be probed: a session."""

    @property
    def signature(self) -> Signature:
        """What goes in and what comes out."""

    def run(self, feed: Mapping[str, Array]) -> list[Array]:
        """The outputs for one feed."""


def probe(
    session: Runs,
    words: Sequence[Sequence[str]] = (),
    samples: Sequence[Mapping[str, Array]] = (),
    rounding: float = 0.0,
) -> None:
    """Returns when rows were answered alike alone and together. Raises `NotProven` with what differed.

    `rounding` is how far a device rounds the factors of products, relative to them, where that is coarser than their type.
    """
    _Probe(session, words, samples, rounding).run()


class _Probe:
    def __init__(
        self, session: Runs, words: Sequence[Sequence[str]], samples: Sequence[Mapping[str, Array]], rounding: float
    ) -> None:
        self._rounding = rounding
        self._session = session
        self._words = words
        self._samples = samples
        self._deadline = perf_counter() + LONGEST_SECONDS

    def run(self) -> None:
        rows = self._rows()
        if rows is None:
            raise NotProven(
                Reason.NOT_PROBED,
                "the model takes none of the rows that were made up to try it: give golden samples or a warm-up file",
            )
        with np.errstate(all="ignore"):
            if not self._is_alike_in_small(rows):
                raise NotProven(
                    Reason.NOT_PROBED,
                    f"the model is too slow to be tried on a few rows within {LONGEST_SECONDS:g} s",
                )

    def _is_alike_in_small(self, rows: Feed) -> bool:
        """Whether there was time for the smallest batches; what else is tried is tried while there is time."""
        alone: list[list[Array]] = []
        for size in (2, LEAST_ROWS):
            while len(alone) < size and self._is_time_left():
                alone.append(self._answers(_taken(rows, [len(alone)])))
            if len(alone) < size or not self._is_time_left():
                return False
            together = self._answers(_taken(rows, range(size)))
            for place in range(size):
                self._compare(alone[place], together, slice(place, place + 1), f"{size} rows together")
        self._poison(rows, alone, LEAST_ROWS, is_of_one_kind=True)
        count = len(next(iter(rows.values())))
        for first, second in _PARTS:
            if first + second <= count and self._is_time_left():
                self._join(rows, first, second)
        if count > LEAST_ROWS:
            self._poison(rows, alone, count, is_of_one_kind=False)
        return True

    def _join(self, rows: Feed, first: int, second: int) -> None:
        """Two requests of several rows, alone and together."""
        size = first + second
        together = self._answers(_taken(rows, range(size)))
        for part in (range(first), range(first, size)):
            answers = self._answers(_taken(rows, part))
            self._compare(answers, together, slice(part.start, part.stop), f"{size} rows together")

    def _is_time_left(self) -> bool:
        return perf_counter() < self._deadline

    def _rows(self) -> Feed | None:
        """Rows of which the model takes the first two; fewer than the largest batch needs where rows are large."""
        for sample in self._samples:
            if self._takes(_taken(dict(sample), [0, 0])):
                elements = sum(array[:1].size for array in sample.values())
                return _taken(dict(sample), range(max(LEAST_ROWS, rows_of(elements))))
        return made_up(self._session.signature, self._words, self._takes, Randomness())

    def _takes(self, feed: Feed) -> bool:
        if not self._is_time_left():
            return False
        try:
            self._session.run(_taken(feed, [0, 1]))
        except Exception:  # noqa: BLE001 (whatever the model raises: it does not take these rows)
            return False
        return True

    def _answers(self, feed: Feed) -> list[Array]:
        try:
            outputs = self._session.run(feed)
        except Exception as error:
            told = one_line(error, 200)
            raise NotProven(
                Reason.NOT_PROBED, f"the model raises on some of the rows that were tried ({told})"
            ) from error
        self._check_rows(outputs, len(next(iter(feed.values()))))
        return outputs

    def _check_rows(self, outputs: Sequence[Array], rows: int) -> None:
        for spec, output in zip(self._session.signature.outputs, outputs, strict=True):
            if not np.shape(output) or len(output) != rows:
                raise NotProven(
                    Reason.PROBE_DIFFERS,
                    f"output {spec.name!r} has the shape {list(np.shape(output))} for {rows} rows of input",
                )

    def _compare(self, alone: Sequence[Array], together: Sequence[Array], places: slice, what: str) -> None:
        for spec, own, all_of_them in zip(self._session.signature.outputs, alone, together, strict=True):
            if not is_same(own, all_of_them[places], self._rounding):
                raise NotProven(
                    Reason.PROBE_DIFFERS,
                    f"output {spec.name!r} of a row differs between the row alone and {what} (row {places.start + 1})",
                )

    def _poison(self, rows: Feed, alone: Sequence[list[Array]], size: int, *, is_of_one_kind: bool) -> None:
        """Surrounds rows with poisoned ones, at the beginning, in the middle and at the end of a batch."""
        for poisoned in self._poisoned(rows, size, is_of_one_kind=is_of_one_kind):
            for own, place in enumerate((0, size // 2, size - 1)):
                if not self._is_time_left():
                    return
                batch = {name: array.copy() for name, array in poisoned.items()}
                for name, array in batch.items():
                    array[place] = rows[name][own]
                try:
                    outputs = self._session.run(batch)
                except Exception:  # noqa: BLE001 (poison that is refused reaches nobody)
                    break
                self._check_rows(outputs, size)
                told = "the row beside NaN, infinite or extreme ones"
                self._compare(alone[own], outputs, slice(place, place + 1), told)

    def _poisoned(self, rows: Feed, size: int, *, is_of_one_kind: bool) -> Iterator[Feed]:
        """Batches of nothing but poison: in the floats, then in the integers, then in the rest."""
        specs = self._session.signature.inputs
        batch = _taken(rows, range(size))
        for kinds in ("f", "iu", "bO"):
            chosen = [spec for spec in specs if spec.dtype.kind in kinds]
            count = max((len(poisons(spec)) for spec in chosen), default=0)
            for step in range(count) if is_of_one_kind else range(min(count, 1)):
                feed = dict(batch)
                for spec in chosen:
                    values = poisons(spec)
                    array = np.empty_like(batch[spec.name])
                    for place in range(size):
                        array[place] = values[(step if is_of_one_kind else place) % len(values)]
                    feed[spec.name] = array
                yield feed


def _taken(feed: Feed, places: Sequence[int]) -> Feed:
    return {name: array[[place % len(array) for place in places]] for name, array in feed.items()}


def is_same(one: Array, other: Array, rounding: float = 0.0) -> bool:
    """Equal; floats up to their last digits on the scale of the largest, NaN like NaN, an infinity like itself."""
    if np.shape(one) != np.shape(other):
        return False
    if getattr(one, "dtype", None) is None or one.dtype.kind != "f":
        return bool(np.array_equal(one, other))
    are_finite = np.isfinite(one)
    if not np.array_equal(are_finite, np.isfinite(other)):
        return False
    if not np.array_equal(one[~are_finite], other[~are_finite], equal_nan=True):
        return False
    first, second = one[are_finite].astype(np.float64), other[are_finite].astype(np.float64)
    if not first.size:
        return True
    scale = max(float(np.abs(first).max()), float(np.abs(second).max()))
    own = min(LAST_DIGITS * float(np.finfo(one.dtype).eps), MOST)
    return bool(np.abs(first - second).max() <= max(own, ROUNDINGS * rounding) * scale)

"""Rows to try a model with: given ones, or made up so that the model takes them; and rows that poison a batch."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final

import numpy as np

from serin_server.model.rows.randomness import Randomness
from serin_server.model.tensors import Array, Signature, TensorSpec

Feed = dict[str, Array]
FREE_SIZES: Final = (3, 8, 32, 64, 1, 2, 16, 128, 224)
"""What a free dimension other than the first is tried with, the likeliest to tell rows apart at little cost first."""
LARGEST_INTEGERS: Final = (2, 1000, 100, 10, 1)
"""Integers below these are tried: the first must be taken at all, then each input gets the largest that it takes."""
_MOST_WORDS: Final = 64
LEAST_ROWS: Final = 3
MOST_ROWS: Final = 67
_MOST_ELEMENTS: Final = {MOST_ROWS: 1 << 20, 8: 1 << 22, LEAST_ROWS: 1 << 25}
"""Elements that so many rows may have."""
_HUGE: Final = {"FP16": 6e4, "FP32": 1e30, "FP64": 1e300}


def made_up(
    signature: Signature,
    words: Sequence[Sequence[str]],
    takes: Callable[[Feed], bool],
    numbers: Randomness,
) -> Feed | None:
    """Random rows that the model takes; None when it takes none of those that were tried."""
    for free in FREE_SIZES if any(-1 in spec.shape[1:] for spec in signature.inputs) else (1,):
        for below in (LARGEST_INTEGERS[0], LARGEST_INTEGERS[-1]):
            for vocabulary in _vocabularies(signature, words):
                limits = {spec.name: below for spec in signature.inputs}
                rows = rows_of(sum(_row_size(spec, free) for spec in signature.inputs))
                if not rows:
                    continue
                feed = _random(signature, rows, free, limits, vocabulary, numbers)
                if takes(feed):
                    return _with_larger_integers(signature, feed, takes, numbers)
    return None


def _row_size(spec: TensorSpec, free: int) -> int:
    return math.prod(free if size == -1 else size for size in spec.shape[1:])


def rows_of(elements: int) -> int:
    """How many rows of so many elements are made: a large batch of large rows would cost memory that is never given back.

    0 for rows that are too large to be tried at all.
    """
    return next((rows for rows in (MOST_ROWS, 8, LEAST_ROWS) if rows * elements <= _MOST_ELEMENTS[rows]), 0)


def _with_larger_integers(signature: Signature, feed: Feed, takes: Callable[[Feed], bool], numbers: Randomness) -> Feed:
    """Ids of a table tell rows apart better than zeros and ones: each input gets the widest range that is taken."""
    for spec in signature.inputs:
        if spec.dtype.kind not in "iu":
            continue
        for below in LARGEST_INTEGERS[1:-1]:
            if below > np.iinfo(spec.dtype).max:
                continue
            wider = {**feed, spec.name: numbers.below(below, feed[spec.name].shape).astype(spec.dtype)}
            if takes(wider):
                feed = wider
                break
    return feed


def _vocabularies(signature: Signature, words: Sequence[Sequence[str]]) -> Iterator[Sequence[Sequence[str]]]:
    """Lists of words by column: in the order of the graph's lists, then one list for all, then the empty word."""
    if not any(spec.datatype == "BYTES" for spec in signature.inputs):
        yield [[""]]
        return
    lists = [list(each)[:_MOST_WORDS] for each in words if each]
    if lists:
        yield lists
        yield from ([each] for each in lists[:8])
    yield [["a", "b", "c d"]]
    yield [[""]]


def _random(
    signature: Signature,
    rows: int,
    free: int,
    limits: Mapping[str, int],
    vocabulary: Sequence[Sequence[str]],
    numbers: Randomness,
) -> Feed:
    feed: Feed = {}
    column = 0
    for spec in signature.inputs:
        shape = (rows, *(free if size == -1 else size for size in spec.shape[1:]))
        if spec.datatype == "BYTES":
            feed[spec.name], column = _words(shape, vocabulary, column, numbers)
        elif spec.dtype.kind == "f":
            feed[spec.name] = numbers.uniform(shape).astype(spec.dtype)
        else:
            feed[spec.name] = numbers.below(limits[spec.name], shape).astype(spec.dtype)
    return feed


def _words(
    shape: tuple[int, ...], vocabulary: Sequence[Sequence[str]], column: int, numbers: Randomness
) -> tuple[Array, int]:
    """Text; each place in a row takes its words from the list whose turn it is."""
    width = int(np.prod(shape[1:]))
    table = np.empty((shape[0], width), dtype=object)
    for place in range(width):
        known = vocabulary[(column + place) % len(vocabulary)]
        table[:, place] = [known[choice] for choice in numbers.below(len(known), shape[:1])]
    return table.reshape(shape), column + width


def poisons(spec: TensorSpec) -> list[Any]:
    """Values of one input that would show in other rows' answers if anything of a row got there."""
    match spec.dtype.kind:
        case "f":
            huge = _HUGE[spec.datatype]
            return [float("nan"), huge, -huge, float("inf"), float("-inf")]
        case "i" | "u":
            limits = np.iinfo(spec.dtype)
            return [int(limits.max), int(limits.min), min(1000, int(limits.max)), 100]
        case "b":
            return [True, False]
        case _:
            return ["", "\N{SNOWMAN} no such word"]

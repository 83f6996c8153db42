"""A first inference, which proves that a model runs and lets it allocate what it needs.

With real samples (recorded requests beside the model) it is a proof: a model that fails on one of them is refused.
Without, inputs are made up: values from the middle of the baseline's bins, zeros, ones, several sizes, and for text the words that
the graph itself holds. Whatever a model makes of an invention says nothing about it: if none fits, it is served all the
same, and says that it was not warmed up.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import partial
from time import monotonic
from typing import Final

import numpy as np

from serin_server.failures import LoadFailure, Reason, one_line
from serin_server.model.deadline import RunOptions, TookTooLong, within
from serin_server.model.session import Session
from serin_server.model.tensors import DTYPES, Array, Signature, TensorSpec

REFUSALS_OF_VALUES: Final = ("InvalidArgument", "Fail", "AnotherLength")
"""What ONNX Runtime raises when a kernel cannot take its inputs: an unknown category, an index outside its table; and what
we do when a list of tensors is no longer as long as clients were told."""
_MOST_WORDS: Final = 32
_SIZES: Final = (1, 2, 32, 64)
"""Sizes of free dimensions other than the first; graphs that shrink images want some that halve a few times."""
_MOST_BYTES: Final = 64 << 20
Feed = Mapping[str, Array]


@dataclass(frozen=True, slots=True)
class RealSample:
    """A recorded request: where it stands, its inputs by name, or why it does not even fit the model's inputs."""

    where: str
    feed: Feed
    problem: str = ""


class WarmUp(StrEnum):
    """What a model's first inference was made on."""

    SAMPLES = "samples"
    MADE_UP = "made-up"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Warmed:
    """A session after its first inference (labels of maps are learnt from it)."""

    session: Session
    kind: WarmUp
    message: str
    feeds: tuple[Feed, ...] = field(default=())
    """What it always takes, of all real samples, or of the one that was made up and that it took."""


def warm_up(
    session: Session,
    samples: Sequence[RealSample] = (),
    made_up: Sequence[Feed] = (),
    words: Sequence[str] = (),
    seconds: float = 0.0,
) -> Warmed:
    """Runs a model for the first time, for so many seconds at most (0 for no limit).

    Args:
        session: The model.
        samples: Recorded requests; if there are any, nothing is made up.
        made_up: Inputs that are likely to be taken, tried before those made of nothing.
        words: Texts that the model may know.
        seconds: The longest time for everything.

    Raises:
        LoadFailure: ModelFailedWarmup, when it fails on a real sample.
    """
    if samples:
        return _with_samples(session, samples, seconds)
    return _with_made_up(session, (*made_up, *synthetic_feeds(session.signature, words)), seconds)


def _with_samples(session: Session, samples: Sequence[RealSample], seconds: float) -> Warmed:
    until = monotonic() + seconds
    learnt = session
    for sample in samples:
        problem = sample.problem
        try:
            if not problem:
                left = max(0.001, until - monotonic()) if seconds else 0.0
                learnt = within(left, partial(_learnt, learnt, sample.feed))
        except TookTooLong:
            problem = (
                f"no answer within {seconds:g} s: give it longer with SERIN_WARMUP_SECONDS, or make the graph faster"
            )
        except Exception as error:  # noqa: BLE001 (whatever the graph raises is its verdict on this sample)
            problem = one_line(error)
        if problem:
            raise LoadFailure(Reason.MODEL_FAILED_WARMUP, f"the model loads, but fails on {sample.where}: {problem}")
    count = f"{len(samples)} samples" if len(samples) > 1 else "a sample"
    return Warmed(
        learnt, WarmUp.SAMPLES, f"warmed up with {count}", tuple(_required(session, each.feed) for each in samples)
    )


def _required(session: Session, feed: Feed) -> Feed:
    return {spec.name: feed[spec.name] for spec in session.signature.inputs}


def _with_made_up(session: Session, feeds: Sequence[Feed], seconds: float) -> Warmed:
    until = monotonic() + seconds
    problem = "no inputs could be made up"
    for feed in feeds:
        # Half of what is left each: a graph may loop for ever on zeros, and take ones.
        left = max(0.001, (until - monotonic()) / 2) if seconds else 0.0
        try:
            learnt = within(left, partial(_learnt, session, feed))
        except TookTooLong:
            problem = f"on made-up inputs it did not end within {left:g} s"
        except Exception as error:  # noqa: BLE001 (whatever the graph raises, the next feed may pass)
            problem = one_line(error, 200)
        else:
            return Warmed(learnt, WarmUp.MADE_UP, "warmed up with made-up inputs", (feed,))
    message = (
        f"not warmed up: no sample fits ({problem}); put requests beside the model in warmup.jsonl or golden.jsonl"
    )
    return Warmed(session, WarmUp.NONE, message)


def _learnt(session: Session, feed: Feed, options: RunOptions) -> Session:
    learnt = session.with_labels(feed, options)
    learnt.run(feed, options=options)
    return learnt


def synthetic_feeds(signature: Signature, words: Sequence[str] = ()) -> list[dict[str, Array]]:
    """Inputs that fit a signature, the likeliest to be taken first."""
    tries = [(1, 1, 0, ""), (1, 1, 1, "1"), (2, 2, 0, ""), (2, 2, 1, "1")]
    if any(-1 in spec.shape[1:] for spec in signature.inputs):
        tries += [(1, size, value, "") for size in _SIZES for value in (0, 1)]
    if any(spec.datatype == "BYTES" for spec in signature.inputs):
        tries += [(1, 1, 0, word) for word in words[:_MOST_WORDS]]
    feeds = []
    for rows, size, value, word in tries:
        shapes = [_shape(spec, rows, size) for spec in signature.inputs]
        if sum(int(np.prod(shape, dtype=float)) for shape in shapes) * 8 <= _MOST_BYTES:
            each = zip(signature.inputs, shapes, strict=True)
            feeds.append({spec.name: _filled(spec, shape, value, word) for spec, shape in each})
    return feeds


def _shape(spec: TensorSpec, rows: int, size: int) -> tuple[int, ...]:
    return tuple((size if place else rows) if given == -1 else given for place, given in enumerate(spec.shape))


def _filled(spec: TensorSpec, shape: tuple[int, ...], value: int, word: str) -> Array:
    if spec.datatype == "BYTES":
        return np.full(shape, word, dtype=object)
    return np.full(shape, value, dtype=DTYPES[spec.datatype])

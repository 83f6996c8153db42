"""A first inference, which proves that a model runs and lets it allocate what it needs.

Nobody gave inputs for it, so they are made up: zeros, ones, two rows, and for text the words that the graph itself
holds (the categories of an encoder). A model that raises on all of them is refused, with one exception: a model that
takes text may rightly refuse every word that was tried, so it is believed.
"""

from collections.abc import Sequence
from functools import partial
from typing import Final

import numpy as np

from serin_server.failures import LoadFailure, Reason, one_line
from serin_server.model.deadline import RunOptions, TookTooLong, within
from serin_server.model.session import Session
from serin_server.model.tensors import DTYPES, Array, Signature, TensorSpec

REFUSALS_OF_VALUES: Final = ("InvalidArgument", "Fail")
"""What ONNX Runtime raises when a kernel cannot take its inputs: an unknown category, an index outside its table."""
_MOST_WORDS: Final = 32


def synthetic_feeds(signature: Signature, words: Sequence[str] = ()) -> list[dict[str, Array]]:
    """Inputs that fit a signature, the likeliest to be taken first."""
    tries: list[tuple[int, int, str]] = [(1, 0, ""), (1, 1, "1"), (2, 0, ""), (2, 1, "1")]
    if any(spec.datatype == "BYTES" for spec in signature.inputs):
        tries += [(1, 0, word) for word in words[:_MOST_WORDS]]
    return [{spec.name: _filled(spec, rows, value, word) for spec in signature.inputs} for rows, value, word in tries]


def _filled(spec: TensorSpec, free: int, value: int, word: str) -> Array:
    shape = tuple(free if size == -1 else size for size in spec.shape)
    if spec.datatype == "BYTES":
        return np.full(shape, word, dtype=object)
    return np.full(shape, value, dtype=DTYPES[spec.datatype])


def _learnt(session: Session, feed: dict[str, Array], options: RunOptions) -> Session:
    learnt = session.with_labels(feed, options)
    learnt.run(feed, options=options)
    return learnt


def warm_up(session: Session, words: Sequence[str] = (), seconds: float = 0.0) -> Session:
    """Runs the model once, in its time (0 for no limit). Raises `LoadFailure` (ModelFailedWarmup) when it raises on everything."""
    errors: list[Exception] = []
    for feed in synthetic_feeds(session.signature, words):
        try:
            return within(seconds, partial(_learnt, session, feed))
        except TookTooLong as error:
            raise LoadFailure(
                Reason.MODEL_FAILED_WARMUP,
                f"a first inference on made-up inputs did not end within {error.seconds:g} s: see whether the graph loops for "
                "ever on zeros, or give it longer with SERIN_WARMUP_SECONDS",
            ) from None
        except Exception as error:  # noqa: BLE001 (whatever the graph raises, the next feed may pass)
            errors.append(error)
    takes_text = any(spec.datatype == "BYTES" for spec in session.signature.inputs)
    if takes_text and all(type(error).__name__ in REFUSALS_OF_VALUES for error in errors):
        return session
    raise LoadFailure(
        Reason.MODEL_FAILED_WARMUP, f"the model loads, but raises on a first inference: {one_line(errors[0])}"
    ) from errors[0]

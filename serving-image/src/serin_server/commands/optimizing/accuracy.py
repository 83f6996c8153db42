"""What a variant gets wrong that the original gets right, row by row, on golden samples.

Right is a row whose prediction is that of the sample's `labels`, where it has them, and else that of its recorded outputs.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, exp, log, log1p
from typing import Final

from serin_server.config.settings import Settings
from serin_server.dataplane.elements import array_of
from serin_server.dataplane.optional import reader_of
from serin_server.dataplane.samples import Sample, UnreadableSamples, feed_of
from serin_server.failures import LoadFailure
from serin_server.feedback.matching import matches
from serin_server.model.deadline import RunOptions
from serin_server.model.load import Model
from serin_server.model.predictions import Prediction, PredictionReader
from serin_server.model.tensors import TensorSpec
from serin_server.refusals import Refusal

_DOUBT: Final = 0.05


@dataclass(frozen=True, slots=True)
class Questions:
    """Rows with what is right of them, in samples that the original answers."""

    samples: tuple[Sample, ...]
    right: tuple[tuple[bool, ...], ...]
    """Of each sample, whether the original gets its rows right."""

    @property
    def rows(self) -> int:
        """In all samples."""
        return sum(map(len, self.right))

    def lost_by(self, settings: Settings, variant: Model, options: RunOptions = None) -> int:
        """How many rows a variant gets wrong that the original gets right. Raises what the variant raises on a sample."""
        given = [_right(settings, variant, sample, options) for sample in self.samples]
        pairs = [pair for before, now in zip(self.right, given, strict=True) for pair in zip(before, now, strict=True)]
        return sum(before and not now for before, now in pairs)


def questions(settings: Settings, model: Model, samples: Sequence[Sample]) -> Questions:
    """What variants are asked. Raises `UnreadableSamples` where nothing says what is right."""
    try:
        return Questions(tuple(samples), tuple(_right(settings, model, sample) for sample in samples))
    except Refusal as refusal:
        raise UnreadableSamples(f"a golden sample is no request that the model takes ({refusal.logged})") from None
    except LoadFailure as failure:
        raise UnreadableSamples(failure.message) from None
    except UnreadableSamples:
        raise
    except Exception as error:
        raise UnreadableSamples(f"a golden sample cannot be asked ({type(error).__name__})") from error


def _right(settings: Settings, model: Model, sample: Sample, options: RunOptions = None) -> tuple[bool, ...]:
    reader = PredictionReader(model.signature, settings.prediction_output)
    if reader.position is None:
        raise UnreadableSamples(
            "no output holds the prediction of a row: name it in spec.serving.prediction.output (SERIN_PREDICTION_OUTPUT)"
        )
    predicted = reader.read(model.session.run(feed_of(reader_of(model.signature), sample), options=options))
    truths = sample.labels or _recorded(model, reader, sample)
    if len(truths) != len(predicted):
        raise UnreadableSamples(
            f"a golden sample of {len(predicted)} rows has {len(truths)} labels: give each row its own"
        )
    return tuple(_is_right(settings, prediction, truth) for prediction, truth in zip(predicted, truths, strict=True))


def _recorded(model: Model, reader: PredictionReader, sample: Sample) -> Sequence[Prediction]:
    """The predictions in what was recorded."""
    position = reader.position or 0
    name = model.signature.outputs[position].name
    output = next((each for each in sample.outputs if each.name == name), None)
    if output is None:
        raise UnreadableSamples(
            f"a golden sample has neither labels nor the output {name!r}, which holds the prediction"
        )
    array = array_of(TensorSpec(name, output.datatype, tuple(output.shape)), output)
    return reader.read([array] * len(model.signature.outputs))


def _is_right(settings: Settings, prediction: Prediction, truth: Prediction) -> bool:
    if settings.feedback_kind != "regression":
        return bool(matches(prediction, truth))
    if isinstance(prediction, str) or isinstance(truth, str):
        return False
    return abs(prediction - truth) <= settings.feedback_tolerance


def most_lost(rows: int, share: float) -> int:
    """How many of so many rows may be lost so that with 95 % certainty no more than this share is; -1: not even none.

    The largest b with P(Bin(rows, share) ≤ b) ≤ 5 % (Clopper and Pearson 1934). Of a share of 0 nothing is certain: 0.
    """
    if share == 0:
        return 0
    lost, below, logarithm = -1, 0.0, rows * log1p(-share)
    while lost < rows:
        below += exp(logarithm)
        if below > _DOUBT:
            break
        lost += 1
        logarithm += log((rows - lost) / (lost + 1)) + log(share) - log1p(-share) if lost < rows else 0.0
    return lost


def fewest_rows(share: float) -> int:
    """How many rows it takes to be as certain, where none of them is lost: (1 - share)^rows ≤ 5 %."""
    return ceil(log(_DOUBT) / log1p(-share)) if share else 1

"""A baseline: how features and predictions were distributed in training, in bins that serving counts in too.

Made once, beside the model::

    from serin_server import baseline
    baseline.write("model/baseline.json", baseline.of({"X": X_train}, model.predict(X_train), names=feature_names))

The server reads `baseline.json` of a model folder (or the file of SERIN_BASELINE) and counts what it sees in the same
bins, so that drift is a comparison of two lists of counts.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from math import isfinite
from pathlib import Path
from typing import Any, Final

import msgspec
import numpy as np
from numpy.typing import ArrayLike, NDArray

FORMAT: Final = "serin.baseline/1"
FILE_NAME: Final = "baseline.json"
MAX_FEATURES: Final = 200
MAX_CATEGORIES: Final = 50
OTHER: Final = "(other)"


class InvalidBaseline(Exception):
    """A baseline that cannot be used, and why."""


@dataclass(frozen=True, slots=True)
class Distribution:
    """The bins of one feature or of the prediction, and how many training rows fell in each.

    Numeric: `edges` are upper bounds (a value on an edge belongs below it), the last bin is everything above; `least`
    and `most` are the range seen in training. Categorical: `categories`, the last bin is every other value.
    """

    name: str
    tensor: str
    column: int | None
    counts: tuple[int, ...]
    edges: tuple[float, ...] = ()
    least: float = 0.0
    most: float = 0.0
    categories: tuple[str | int | bool, ...] = ()

    @property
    def is_categorical(self) -> bool:
        """Whether values are told apart by equality."""
        return bool(self.categories)

    def bin_names(self) -> tuple[str, ...]:
        """A word for each bin: the upper bound, or the category."""
        if self.is_categorical:
            return (*map(str, self.categories), OTHER)
        short = [f"{edge:g}" for edge in self.edges]
        return (*(short if len(set(short)) == len(short) else map(repr, self.edges)), "+Inf")


@dataclass(frozen=True, slots=True)
class Baseline:
    """How everything was distributed in training."""

    rows: int
    features: tuple[Distribution, ...]
    prediction: Distribution | None
    accuracy: float | None = None
    """How good the model is on rows that it was not trained on: any score of which more is better."""
    simple_accuracy: float | None = None
    """The same score of whoever gives the most frequent class (or the mean) for every row."""


def of(
    inputs: Mapping[str, ArrayLike],
    predictions: ArrayLike | None = None,
    *,
    names: Mapping[str, Sequence[str]] | Sequence[str] = (),
    bins: int = 10,
    accuracy: float | None = None,
    simple_accuracy: float | None = None,
) -> Baseline:
    """The baseline of training data: for each of the model's inputs the array that training saw, rows first.

    `names` are names for the columns (of the only input, or by input). Numbers are cut at their quantiles into at most
    `bins` bins; text, flags and integers with few values are categories. `accuracy` is the model's, on rows that it was not
    trained on, and `simple_accuracy` that of the simple baseline on the same rows (`most_frequent`).
    """
    features: list[Distribution] = []
    rows = 0
    for tensor, given in inputs.items():
        array = np.asarray(given)
        rows = len(array)
        columns = array.reshape(rows, -1)
        of_tensor = names.get(tensor, ()) if isinstance(names, Mapping) else names
        is_single = columns.shape[1] == 1
        for column in range(columns.shape[1]):
            fallback = tensor if is_single else f"{tensor}[{column}]"
            name = str(of_tensor[column]) if column < len(of_tensor) else fallback
            features.append(_distribution(name, tensor, None if is_single else column, columns[:, column], bins))
    told = None if predictions is None else _distribution("prediction", "", None, np.asarray(predictions).ravel(), bins)
    return Baseline(rows, tuple(features[:MAX_FEATURES]), told, _score(accuracy), _score(simple_accuracy))


def most_frequent(labels: ArrayLike) -> float:
    """The accuracy of whoever says the most frequent class of these labels for every row."""
    _, counts = np.unique(np.asarray(labels).astype(str), return_counts=True)
    return float(counts.max() / counts.sum())


def write(file: Path | str, baseline: Baseline) -> None:
    """Writes a baseline as JSON."""
    told = asdict(baseline)
    own, simple = told.pop("accuracy"), told.pop("simple_accuracy")
    scores = {
        **({} if own is None else {"accuracy": own}),
        **({} if simple is None else {"simpleBaseline": {"accuracy": simple}}),
    }
    Path(file).write_text(json.dumps({"format": FORMAT, **scores, **told}, indent=1) + "\n")


def read(file: Path) -> Baseline:
    """Reads a baseline. Raises `InvalidBaseline` with what is wrong."""
    try:
        told = json.loads(file.read_text())
        if told["format"] != FORMAT:
            raise InvalidBaseline(f"{file}: format {told['format']!r} is not {FORMAT}")
        features = tuple([_read_distribution(each) for each in told["features"]])
        prediction = _read_distribution(told["prediction"]) if told.get("prediction") else None
        _check_names("features", [about.name for about in features])
        own, simple = told.get("accuracy"), (told.get("simpleBaseline") or {}).get("accuracy")
        return Baseline(int(told["rows"]), features[:MAX_FEATURES], prediction, _score(own), _score(simple))
    except (OSError, ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError) as error:
        raise InvalidBaseline(f"{file} is not a baseline ({error!r}): make it with serin_server.baseline") from error


def _score(given: float | None) -> float | None:
    if given is None:
        return None
    if isinstance(given, str | bool) or not isfinite(given):
        raise ValueError(f"an accuracy is a finite number, not {given!r}")
    return float(given)


def _read_distribution(told: Mapping[str, Any]) -> Distribution:
    if strangers := sorted(set(told) - {field.name for field in fields(Distribution)}):
        raise ValueError(f"{strangers[0]!r} is no part of a distribution")
    about = msgspec.convert(told, Distribution)
    if len(about.counts) != len(about.bin_names()):
        raise ValueError(f"{about.name!r} has {len(about.counts)} counts, and other bins")
    if any(count < 0 for count in about.counts) or (about.column or 0) < 0:
        raise ValueError(f"{about.name!r} has a negative count or column")
    if not all(map(isfinite, (*about.edges, about.least, about.most))):
        raise ValueError(f"an edge or the range of {about.name!r} is not finite")
    if list(about.edges) != sorted(set(about.edges)):
        raise ValueError(f"the edges of {about.name!r} do not ascend")
    _check_names(f"bins of {about.name!r}", about.bin_names())
    return about


def _check_names(what: str, names: Sequence[str]) -> None:
    """Two series of one name would be one to Prometheus."""
    if len(set(names)) != len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"two {what} are called {twice!r}: give them different names")


def _distribution(name: str, tensor: str, column: int | None, values: NDArray[Any], bins: int) -> Distribution:
    if values.dtype.kind in "OUSb" or (values.dtype.kind in "iu" and len(np.unique(values)) <= bins):
        found, counts = np.unique(values.astype(str) if values.dtype.kind in "OUS" else values, return_counts=True)
        order = [place for place in np.argsort(-counts, kind="stable") if found[place] != OTHER][:MAX_CATEGORIES]
        rest = int(counts.sum() - counts[order].sum())
        return Distribution(
            name, tensor, column, (*counts[order].tolist(), rest), categories=tuple(found[order].tolist())
        )
    numbers = values.astype(np.float64)
    numbers = numbers[np.isfinite(numbers)]
    if not len(numbers):
        raise ValueError(f"{name!r} holds no number: leave it out of the baseline")
    # Cut where float32 cuts too: the server compares the numbers that the model gets.
    edges = np.unique(np.quantile(numbers, np.linspace(0, 1, bins + 1)[1:-1]).astype(np.float32)).astype(np.float64)
    counts = np.bincount(np.searchsorted(edges, numbers, side="left"), minlength=len(edges) + 1)
    return Distribution(
        name, tensor, column, tuple(counts.tolist()), tuple(edges.tolist()), float(numbers.min()), float(numbers.max())
    )

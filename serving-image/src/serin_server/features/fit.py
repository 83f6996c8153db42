"""Whether a baseline is of the model that is loaded: looked at once, at load, so that counting cannot fail later."""

from math import prod

from serin_server.baseline import Baseline, Distribution
from serin_server.failures import LoadFailure, Reason
from serin_server.model.predictions import PredictionReader
from serin_server.model.tensors import Signature, TensorSpec

_WAY_OUT = "make the baseline anew, with serin_server.baseline, from what this model was trained on"


def checked_fit(baseline: Baseline, signature: Signature, predictions: PredictionReader) -> list[str]:
    """What of a baseline this model cannot be counted in, in sentences for the log.

    Raises `LoadFailure` (ModelInvalid) naming a feature that the model takes as something else, or when nothing fits.
    """
    specs = {spec.name: spec for spec in signature.inputs}
    left_out = []
    for about in baseline.features:
        spec = specs.get(about.tensor)
        if spec is None:
            left_out.append(
                f"feature {about.name!r} is of input {about.tensor!r}, and the model takes {', '.join(specs)}"
            )
        elif problem := _problem(about, spec):
            raise _unfit(f"feature {about.name!r}: {problem}")
    if baseline.features and len(left_out) == len(baseline.features):
        raise _unfit(left_out[0])
    if baseline.prediction is not None:
        if predictions.position is None:
            left_out.append("the model has no output with one prediction a row: name one with SERIN_PREDICTION_OUTPUT")
        elif problem := _type_problem(baseline.prediction, predictions.datatype, "the model's prediction"):
            raise _unfit(f"{problem} (SERIN_PREDICTION_OUTPUT names the output that holds predictions)")
    return left_out


def _unfit(sentence: str) -> LoadFailure:
    return LoadFailure(Reason.MODEL_INVALID, f"the baseline does not fit the model: {sentence}: {_WAY_OUT}")


def _problem(about: Distribution, spec: TensorSpec) -> str:
    width = prod(spec.shape[1:]) if -1 not in spec.shape[1:] else None
    if width is not None and about.column is not None and about.column >= width:
        return f"it is column {about.column} of input {spec.name!r}, which has {width}"
    if width is not None and width > 1 and about.column is None:
        return f"it is the only column of input {spec.name!r}, which has {width}"
    return _type_problem(about, spec.datatype, f"input {spec.name!r}")


def _type_problem(about: Distribution, datatype: str, what: str) -> str:
    is_text = datatype == "BYTES"
    if not about.is_categorical:
        return f"the baseline has numbers in bins, and {what} is {datatype}, text" if is_text else ""
    strangers = [value for value in about.categories if isinstance(value, str) is not is_text]
    if not strangers:
        return ""
    held = "text" if isinstance(strangers[0], str) else "numbers or flags"
    return f"the baseline has {held} for categories, like {strangers[0]!r}, and {what} is {datatype}"

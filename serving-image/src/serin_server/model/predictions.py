"""What a response predicts, row by row, in the words that feedback compares with labels."""

from serin_server.failures import LoadFailure, Reason
from serin_server.model.tensors import Array, Signature

Prediction = int | float | str | bool


class PredictionReader:
    """Finds the prediction of each row in a model's outputs.

    It is the output that is named, else the first with one value a row (a label, a regression), else the class with
    the highest score of the first output with several. Models with several labels a row have no one prediction unless an
    output is named.
    """

    __slots__ = ("_is_scores", "datatype", "position")

    def __init__(self, signature: Signature, output: str = "") -> None:
        shapes = [spec.shape for spec in signature.outputs]
        names = [spec.name for spec in signature.outputs]
        is_text = [spec.datatype == "BYTES" for spec in signature.outputs]
        one_a_row = [position for position, shape in enumerate(shapes) if len(shape) == 1 or shape[1:] == (1,)]
        several = [position for position, shape in enumerate(shapes) if len(shape) == 2 and not is_text[position]]
        if several and signature.outputs[several[0]].dtype.kind != "f" and len(shapes) > 1:
            several = []  # several labels a row, and beside them the scores of each: no one prediction
        if output and output not in names:
            raise LoadFailure(
                Reason.MODEL_UNSUPPORTED,
                f"SERIN_PREDICTION_OUTPUT={output!r} is no output of the model: it gives {', '.join(names)}",
            )
        if output and is_text[names.index(output)] and names.index(output) not in one_a_row:
            raise LoadFailure(
                Reason.MODEL_UNSUPPORTED,
                f"SERIN_PREDICTION_OUTPUT={output!r} gives several texts a row, and a prediction is one value a row, or scores",
            )
        candidates = [names.index(output)] if output else one_a_row or several
        self.position = candidates[0] if candidates else None
        """Which output holds it; None when none does, and nothing can be signed."""
        self.datatype = "INT64"
        """What predictions are: the output's datatype, or numbers of classes."""
        self._is_scores = self.position is not None and self.position not in one_a_row
        if self.position is not None and not self._is_scores:
            self.datatype = signature.outputs[self.position].datatype

    def read(self, outputs: list[Array]) -> list[Prediction]:
        """One prediction a row."""
        if self.position is None:
            return []
        array = outputs[self.position]
        if not array.size:
            return []
        if self._is_scores:
            array = array.argmax(axis=1)
        return array.ravel().tolist()

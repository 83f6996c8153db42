"""Which number of a model's outputs is explained: a regression's value, or the score of one class."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from serin_server.explaining.shapley import Numbers
from serin_server.model.tensors import Array, Signature, TensorSpec
from serin_server.refusals import Kind, Refusal

Label = int | str


@dataclass(frozen=True, slots=True)
class Target:
    """One output, and the column that is explained; None for the best of each row."""

    position: int
    output: TensorSpec
    column: int | None

    def of_row(self, outputs: Sequence[Array]) -> "Target":
        """The same for one row, whose outputs these are: the column is known then."""
        if self.column is not None:
            return self
        scores = outputs[self.position].reshape(-1)
        return Target(self.position, self.output, int(np.argmax(scores)) if scores.size else 0)

    @property
    def label(self) -> Label:
        """The class that is explained, in the model's words, else its column's number."""
        column = self.column or 0
        return self.output.labels[column] if column < len(self.output.labels) else column

    def read(self, outputs: Sequence[Array], rows: int) -> Numbers:
        """Its number in each row. Raises `Refusal` where that is none."""
        columns = outputs[self.position].reshape(rows, -1)
        column = self.column or 0
        if column >= columns.shape[1]:
            raise Refusal(
                Kind.INVALID_TENSOR,
                f"class {column}: output {self.output.name!r} has {columns.shape[1]} columns, the first of which is 0",
            )
        found = columns[:, column].astype(np.float64)
        if not np.isfinite(found).all():
            raise Refusal(
                Kind.UNEXPLAINABLE,
                f"output {self.output.name!r} is no finite number for this row, or where some of its values are those of a row "
                "of the background, so there is nothing to add up",
            )
        return found


def target_of(
    signature: Signature, preferred: str = "", output: str | None = None, label: Label | None = None
) -> Target:
    """What is asked for, else the output that is preferred, else the first that holds floats; the best class of each row.

    Raises `Refusal` when there is no such output, or it is not made of numbers.
    """
    names = [spec.name for spec in signature.outputs]
    numbers = [position for position, spec in enumerate(signature.outputs) if spec.dtype.kind == "f"]
    if output is not None:
        if output not in names:
            raise Refusal(Kind.MALFORMED, f"there is no output {output[:100]!r}: the model gives {', '.join(names)}")
        position = names.index(output)
        if signature.outputs[position].dtype.kind not in "fiu":
            raise Refusal(Kind.MALFORMED, f"output {output!r} holds no numbers: {_WAY_OUT}")
    elif preferred in names and names.index(preferred) in numbers:
        position = names.index(preferred)
    elif numbers:
        position = numbers[0]
    else:
        raise Refusal(
            Kind.UNEXPLAINABLE, f"the model gives {', '.join(names)}, none of which holds scores or amounts: {_WAY_OUT}"
        )
    spec = signature.outputs[position]
    return Target(position, spec, None if label is None else _column(spec, label))


_WAY_OUT = (
    "export its scores too (scikit-learn: predict_proba), or name an output that holds numbers (parameters.output)"
)


def _column(spec: TensorSpec, label: Label) -> int:
    if spec.labels:
        for column, known in enumerate(spec.labels):
            if str(known) == str(label):
                return column
        known_words = ", ".join(map(str, spec.labels[:20]))
        raise Refusal(Kind.MALFORMED, f"there is no class {str(label)[:100]!r}: output {spec.name!r} has {known_words}")
    if not isinstance(label, int) or label < 0:
        raise Refusal(
            Kind.MALFORMED,
            f"class {str(label)[:100]!r}: output {spec.name!r} has no names for its columns: give the number of one, from 0 on",
        )
    return label

"""Outputs that are lists of tensors, as tensors of their own: `probabilities` becomes `probabilities_0`, `probabilities_1`, …

Such is what scikit-learn's MultiOutputClassifier gives: for each of its labels an array of one row a sample and one column a
class. How many there are and how wide only a run tells, so it is learnt from one and held to afterwards.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from serin_server.failures import LoadFailure, Reason
from serin_server.model.tensors import Array, TensorSpec

SEQUENCE: Final = re.compile(r"^seq\((tensor\(\w+\))\)$")
_WAY_OUT: Final = "end the graph in tensors (stack or concatenate them in its last node)"


class AnotherLength(ValueError):
    """Inputs of one request made a list as long as nobody was told of: its client's answer cannot be written."""


@dataclass(frozen=True, slots=True)
class SequenceOutput:
    """One output that is a list of tensors; `size` is how many, None until a run told."""

    name: str
    datatype: str
    size: int | None = None
    follows_rows: bool = False
    """Whether a run of other rows had another number of tensors, so that nobody can say what it gives."""
    decided_by: str = ""
    """What of a request decides how many there are, as the graph shows."""

    def problem(self) -> LoadFailure | None:
        """Why a model with it cannot be served; None once a run has told what it holds."""
        if self.follows_rows:
            reason = f"whose number changes with the rows of a request: {_WAY_OUT}"
        elif self.decided_by:
            reason = f"how many each request decides ({self.decided_by}): {_WAY_OUT}"
        elif not self.size:
            tried = "the model took none of the inputs that were tried" if self.size is None else "that one was empty"
            reason = f"how many and how wide only a run tells, and {tried}: {_WAY_OUT}, or give samples in golden.jsonl that fill it"
        else:
            return None
        return LoadFailure(Reason.MODEL_UNSUPPORTED, f"output {self.name!r} is a list of tensors, {reason}")

    def learnt(
        self, once: Sequence[Array], twice: Sequence[Array] | None, taken: set[str]
    ) -> tuple["SequenceOutput", tuple[TensorSpec, ...]]:
        """Itself and its tensors, as a run showed them, and perhaps another one of twice the rows."""
        had = len(once) if self.size is None else self.size
        if len(once) != had or (twice is not None and len(twice) != had):
            return replace(self, follows_rows=True), ()
        again = twice or once
        glue = "_" if not any(f"{self.name}_{place}" in taken for place in range(len(once))) else "."
        specs = [
            TensorSpec(f"{self.name}{glue}{place}", self.datatype, _shape(one, other))
            for place, (one, other) in enumerate(zip(once, again, strict=True))
        ]
        return replace(self, size=len(once)), tuple(specs)

    def checked(self, value: Sequence[Array]) -> Sequence[Array]:
        """A run's tensors, if they are as many as at load. Raises `AnotherLength`."""
        if self.size is not None and len(value) != self.size:
            raise AnotherLength(
                f"output {self.name!r} has {len(value)} tensors with these inputs, and clients were told of {self.size}, as "
                f"at load: {_WAY_OUT}"
            )
        return value


def _shape(one: Array, other: Array) -> tuple[int, ...]:
    """Rows are free; what two runs showed alike is fixed."""
    if one.ndim != other.ndim:
        return (-1,) * one.ndim
    return tuple([
        -1 if not place or size != other.shape[place] else size for place, size in enumerate(one.shape)
    ])  # fmt: skip

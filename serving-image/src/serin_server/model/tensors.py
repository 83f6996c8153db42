"""Datatypes of the Open Inference Protocol, their ONNX and numpy counterparts, and what a tensor must look like."""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

DTYPES: Final[dict[str, np.dtype[Any]]] = {
    "BOOL": np.dtype(np.bool_),
    "UINT8": np.dtype(np.uint8),
    "UINT16": np.dtype(np.uint16),
    "UINT32": np.dtype(np.uint32),
    "UINT64": np.dtype(np.uint64),
    "INT8": np.dtype(np.int8),
    "INT16": np.dtype(np.int16),
    "INT32": np.dtype(np.int32),
    "INT64": np.dtype(np.int64),
    "FP16": np.dtype(np.float16),
    "FP32": np.dtype(np.float32),
    "FP64": np.dtype(np.float64),
    "BYTES": np.dtype(np.object_),
}
"""Every datatype of the protocol that ONNX Runtime can take from numpy."""

ONNX_TO_OIP: Final[dict[str, str]] = {
    "tensor(bool)": "BOOL",
    "tensor(uint8)": "UINT8",
    "tensor(uint16)": "UINT16",
    "tensor(uint32)": "UINT32",
    "tensor(uint64)": "UINT64",
    "tensor(int8)": "INT8",
    "tensor(int16)": "INT16",
    "tensor(int32)": "INT32",
    "tensor(int64)": "INT64",
    "tensor(float16)": "FP16",
    "tensor(float)": "FP32",
    "tensor(double)": "FP64",
    "tensor(string)": "BYTES",
}


@dataclass(frozen=True, slots=True)
class TensorSpec:
    """One input or output of a model: its name, datatype and shape, where -1 is a size that a request may choose."""

    name: str
    datatype: str
    shape: tuple[int, ...]
    labels: tuple[int | str, ...] = ()
    """For probabilities that came as a map: the class that each column belongs to."""
    size_names: tuple[str, ...] = ()
    """What the model calls its free sizes, a word for each dimension, empty for those without; nothing makes a request keep to it."""

    @property
    def dtype(self) -> np.dtype[Any]:
        """The numpy type of one element."""
        return DTYPES[self.datatype]

    @property
    def is_batched(self) -> bool:
        """Whether the first dimension is free, so that rows of several requests can be one tensor."""
        return bool(self.shape) and self.shape[0] == -1

    def described(self) -> dict[str, Any]:
        """The tensor as the protocol's metadata shows it."""
        described: dict[str, Any] = {"name": self.name, "datatype": self.datatype, "shape": list(self.shape)}
        if self.labels:
            described["parameters"] = {"labels": list(self.labels)}
        return described

    def accepts(self, shape: tuple[int, ...]) -> bool:
        """Whether a tensor of this shape fits."""
        wanted = self.shape
        if shape[1:] == wanted[1:] and len(shape) == len(wanted) and wanted and wanted[0] in (-1, shape[0]):
            return True
        return len(shape) == len(wanted) and all(w in (-1, s) for w, s in zip(wanted, shape, strict=True))


@dataclass(frozen=True, slots=True)
class Signature:
    """What goes into a model and what comes out of it."""

    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
    optional: tuple[TensorSpec, ...] = ()
    """Inputs that may be left out: the graph holds values for them."""

    @property
    def has_free_rows(self) -> bool:
        """Whether every tensor's first dimension is free: a batch perhaps, or a length."""
        return all(tensor.is_batched for tensor in (*self.inputs, *self.outputs))

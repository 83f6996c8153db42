"""An inference request as the protocol writes it in JSON."""

from typing import Any, Generic, TypeVar

import msgspec

Parameters = dict[str, Any]
Tensor = TypeVar("Tensor", "JsonTensor", "FloatTensor")


class JsonTensor(msgspec.Struct, gc=False):
    """One input tensor as the protocol writes it; `data` is flat or nested, and absent when it follows in binary."""

    name: str
    shape: list[int]
    datatype: str
    data: Any = None
    parameters: Parameters | None = None


class FloatTensor(msgspec.Struct, gc=False):
    """One flat input tensor of floats: its values are checked while they are parsed."""

    name: str
    shape: list[int]
    datatype: str
    data: list[float]
    parameters: Parameters | None = None


class JsonOutput(msgspec.Struct, gc=False):
    """One output that is asked for."""

    name: str
    parameters: Parameters | None = None


class JsonRequest(msgspec.Struct, Generic[Tensor], gc=False):
    """An inference request."""

    inputs: list[Tensor]
    id: str | None = None
    outputs: list[JsonOutput] | None = None
    parameters: Parameters | None = None


class Envelope(msgspec.Struct, gc=False):
    """The part of a request that is not tensors."""

    id: str | None = None
    outputs: list[JsonOutput] | None = None
    parameters: Parameters | None = None

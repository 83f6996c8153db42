"""How a model makes embeddings: which inputs take texts or tokens, and which output is the embedding."""

from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import orjson

from serin_server.dataplane.call import Call
from serin_server.embedding.question import Question
from serin_server.model.onnx_file import EMBEDDINGS
from serin_server.model.tensors import Array, Signature, TensorSpec
from serin_server.refusals import Kind, Refusal

SHORTENED: Final = "serin.embeddings.shortens"
"""The property of a model whose first dimensions are an embedding too (Matryoshka): `on`."""
_USUAL: Final = "sentence_embedding"
_ONES: Final = "attention_mask"
_ZEROS: Final = "token_type_ids"
_COUNTS: Final = "token_count"
_INTEGERS: Final = ("INT64", "INT32")
_MOST_ELEMENTS: Final = 4 << 20


class NoEmbeddings(Exception):
    """Why a model makes none; says the way out."""


@dataclass(frozen=True, slots=True)
class Embedder:
    """What of a model's inputs and outputs is what."""

    inputs: tuple[TensorSpec, ...]
    position: int
    counts: int | None
    """The output with the tokens of each text, where there is one."""
    shortens: bool
    """Whether its first dimensions are an embedding too."""
    size: int
    """Dimensions of an embedding; -1 where only answers tell."""

    def arrays(self, question: Question) -> list[Array]:
        """The model's inputs, in their order. Raises `Refusal`."""
        if self.size > 0:
            self.check(question, self.size)
        if self.inputs[0].datatype == "BYTES":
            if question.tokens:
                raise Refusal(Kind.INVALID_TENSOR, "this model takes texts, not tokens: give input as text")
            shape = (-1, 1) if len(self.inputs[0].shape) == 2 else (-1,)
            return [np.array(question.texts, object).reshape(shape)]
        if question.texts:
            raise Refusal(
                Kind.INVALID_TENSOR,
                "this model takes tokens, not texts: give input as lists of its tokenizer's numbers",
            )
        return self._of_tokens(question.tokens)

    def _of_tokens(self, lists: Sequence[Sequence[int]]) -> list[Array]:
        sizes = [len(tokens) for tokens in lists]
        fixed = self.inputs[0].shape[1]
        width = max(sizes) if fixed < 0 else fixed
        if max(sizes) > width:
            raise Refusal(Kind.INVALID_TENSOR, f"an input has {max(sizes)} tokens: this model takes {width}")
        if width * len(lists) > _MOST_ELEMENTS:
            raise Refusal(
                Kind.TOO_LARGE, f"{len(lists)} inputs of up to {width} tokens are too many: send fewer at a time"
            )
        if min(sizes) < width and all(spec.name != _ONES for spec in self.inputs):
            raise Refusal(
                Kind.INVALID_TENSOR,
                f"this model has no {_ONES}, so inputs of a request have equally many tokens, and {min(sizes)} to {width} came",
            )
        is_token = np.arange(width) < np.array(sizes)[:, None]
        tokens = np.zeros(is_token.shape, np.int64)
        tokens[is_token] = np.concatenate([np.array(each, np.int64) for each in lists])
        made = {_ONES: is_token, _ZEROS: np.zeros(is_token.shape, np.int64)}
        return [made.get(spec.name, tokens).astype(spec.dtype) for spec in self.inputs]

    def check(self, question: Question, size: int) -> None:
        """Raises `Refusal` for dimensions that an embedding of this size has not."""
        asked = question.dimensions
        if asked is None or asked == size or (self.shortens and asked < size):
            return
        raise Refusal(
            Kind.INVALID_TENSOR, f"dimensions is {asked}, and this model's embeddings have {size}: leave it out"
        )

    def answer(self, call: Call, question: Question, name: str) -> bytes:
        """The body of the answer of a call that has outputs. Raises `Refusal`."""
        outputs = call.outputs or []
        embeddings = np.ascontiguousarray(outputs[self.position], np.float32)
        came, asked_for = len(embeddings), len(question.texts) or len(question.tokens)
        if came != asked_for:
            message = f"the model gives {came} embeddings for {asked_for} inputs: send one input a request"
            raise Refusal(Kind.INVALID_TENSOR, message)
        self.check(question, embeddings.shape[1])
        asked = question.dimensions
        if asked is not None and asked < embeddings.shape[1]:
            embeddings = _unit(embeddings[:, :asked])
        data = [
            {"object": "embedding", "index": index, "embedding": _encoded(row) if question.is_base64 else row}
            for index, row in enumerate(embeddings)
        ]
        count = sum(map(len, question.tokens))
        if self.counts is not None and question.texts:
            count = int(outputs[self.counts].sum())
        usage = {"prompt_tokens": count, "total_tokens": count}
        told: dict[str, Any] = {"object": "list", "data": data, "model": name, "usage": usage}
        return orjson.dumps(told, option=orjson.OPT_SERIALIZE_NUMPY)


def embedder_of(
    signature: Signature, properties: Mapping[str, str], setting: str, *, shortens: bool
) -> Embedder | None:
    """How a model makes embeddings; None where none are declared. Raises `NoEmbeddings` where they cannot be made.

    Args:
        signature: What goes in and comes out.
        properties: Those of the ONNX file.
        setting: `auto` for what the properties say, `off`, `on`, or the name of the output.
        shortens: Whether fewer dimensions may be asked for although the properties do not say so.
    """
    declared = properties.get(EMBEDDINGS, "off") if setting == "auto" else setting
    if declared == "off":
        return None
    position = _output(signature, "" if declared == "on" else declared)
    names = [spec.name for spec in signature.outputs]
    counts = names.index(_COUNTS) if _COUNTS in names else None
    shortens = shortens or properties.get(SHORTENED) == "on"
    return Embedder(_inputs(signature), position, counts, shortens, signature.outputs[position].shape[1])


def _output(signature: Signature, named: str) -> int:
    names = [spec.name for spec in signature.outputs]
    fitting = [
        position
        for position, spec in enumerate(signature.outputs)
        if spec.datatype in ("FP32", "FP16", "FP64") and len(spec.shape) == 2
    ]
    if named or _USUAL in names:
        wanted = [position for position in fitting if names[position] == (named or _USUAL)]
        if not wanted:
            raise NoEmbeddings(f"output {named or _USUAL!r} is no matrix of floats, a row an input: name one that is")
        return wanted[0]
    if len(fitting) != 1:
        raise NoEmbeddings(
            "not one output alone is a matrix of floats, a row an input: end the graph in the pooled embedding, or name it"
        )
    return fitting[0]


def _inputs(signature: Signature) -> tuple[TensorSpec, ...]:
    inputs = signature.inputs
    if len(inputs) == 1 and inputs[0].datatype == "BYTES" and inputs[0].shape in ((-1,), (-1, 1), (-1, -1)):
        return inputs
    tokens = [spec for spec in inputs if spec.name not in (_ONES, _ZEROS)]
    is_fitting = all(spec.datatype in _INTEGERS and len(spec.shape) == 2 and spec.is_batched for spec in inputs)
    if len(tokens) == 1 and is_fitting:
        return inputs
    raise NoEmbeddings(
        f"its inputs are neither one of texts nor tokens with, if it likes, {_ONES} and {_ZEROS}: they are "
        + ", ".join(f"{spec.name} ({spec.datatype})" for spec in inputs)
    )


def _unit(embeddings: Array) -> Array:
    """Rows of length 1, as they are compared."""
    lengths = np.linalg.norm(embeddings, axis=1, keepdims=True)
    return np.ascontiguousarray(embeddings / np.where(lengths > 0, lengths, 1), np.float32)


def _encoded(row: Array) -> str:
    return b64encode(row.astype("<f4").tobytes()).decode()

"""What a client of OpenAI's embeddings asks: texts or tokens, and how it wants the answer."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Annotated, Final, Literal, TypeVar

import msgspec

from serin_server.refusals import Kind, Refusal

MOST_INPUTS: Final = 2048
"""As many as OpenAI takes."""
Value = TypeVar("Value")
_Token = Annotated[int, msgspec.Meta(ge=0, lt=2**31)]


@dataclass(frozen=True, slots=True)
class Question:
    """Inputs of one kind, one or more: texts, or the tokens of each."""

    model: str
    texts: Sequence[str]
    tokens: Sequence[Sequence[int]]
    is_base64: bool
    dimensions: int | None


_object: Final = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_model: Final = msgspec.json.Decoder(str).decode
_form: Final = msgspec.json.Decoder(Literal["float", "base64"] | None).decode
_size: Final = msgspec.json.Decoder(Annotated[int, msgspec.Meta(ge=1)] | None).decode
_text: Final = msgspec.json.Decoder(str).decode
_texts: Final = msgspec.json.Decoder(list[str]).decode
_tokens: Final = msgspec.json.Decoder(list[_Token]).decode
_lists: Final = msgspec.json.Decoder(list[list[_Token]]).decode
_NOTHING: Final = msgspec.Raw(b"null")


def question_of(body: bytes | bytearray) -> Question:
    """The question of a body. Raises `Refusal` that names the field, and what would do."""
    try:
        given = _object(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise Refusal(Kind.MALFORMED, "the body is no JSON object") from None
    model = _field(given, "model", _model, "name the model that is served")
    texts, tokens = _inputs(given.get("input", _NOTHING))
    count = len(texts) or len(tokens)
    if not count or not all(texts) or not all(tokens):
        raise Refusal(Kind.INVALID_TENSOR, "input has nothing in it, or a text or list of tokens that is empty")
    if count > MOST_INPUTS:
        raise Refusal(Kind.INVALID_TENSOR, f"input has {count} texts or lists: at most {MOST_INPUTS} go into a request")
    form = _field(given, "encoding_format", _form, "give float or base64")
    dimensions = _field(given, "dimensions", _size, "give a number from 1 on")
    return Question(model, texts, tokens, form == "base64", dimensions)


def _field(given: dict[str, msgspec.Raw], name: str, decode: Callable[[msgspec.Raw], Value], way_out: str) -> Value:
    try:
        return decode(given.get(name, _NOTHING))
    except (msgspec.MsgspecError, UnicodeDecodeError):
        raise Refusal(Kind.INVALID_TENSOR, f"{name} cannot be used: {way_out}") from None


def _inputs(given: msgspec.Raw) -> tuple[list[str], list[list[int]]]:
    """Texts, or lists of tokens."""
    with suppress(msgspec.MsgspecError, UnicodeDecodeError):
        return [_text(given)], []
    with suppress(msgspec.MsgspecError, UnicodeDecodeError):
        return _texts(given), []
    with suppress(msgspec.MsgspecError):
        return [], [_tokens(given)]
    with suppress(msgspec.MsgspecError):
        return [], _lists(given)
    raise Refusal(Kind.INVALID_TENSOR, "input is neither a text nor tokens: give one, or a list of some, all of a kind")

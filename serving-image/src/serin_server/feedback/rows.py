"""Rows of feedback as they come: alone, in lists, or as the data of CloudEvents."""

from base64 import b64decode
from collections.abc import Sequence
from typing import Annotated, Any, Final

import msgspec

from serin_server.refusals import Kind, Refusal

MAX_ROWS: Final = 10_000
SHAPE: Final = (
    "a row is {token, label} or {model_version, predicted_at, prediction, label}, and may have a score (also instead of a label)"
    " and attributes"
)
_MOST_ATTRIBUTES: Final = 64


class Row(msgspec.Struct, forbid_unknown_fields=True):
    """One label, or a score, or both. With a token it needs nothing else; `row` says which row of the request it belongs to.

    `attributes` are what is known of it beside, by name: labels are counted by those that somebody asks for.
    """

    label: int | float | str | bool | msgspec.UnsetType = msgspec.UNSET
    score: float | msgspec.UnsetType = msgspec.UNSET
    token: str = ""
    row: int = 0
    id: str = ""
    model_version: str = ""
    predicted_at: float | None = None
    prediction: int | float | str | bool | None = None
    attributes: Annotated[dict[str, int | float | str | bool | None], msgspec.Meta(max_length=_MOST_ATTRIBUTES)] = {}


def rows_in(body: bytes | bytearray) -> Sequence[object]:
    """The rows of a body, as they are. Raises `Refusal` when there are none, or too many.

    Taken are a row, a list of rows, `{"rows": […]}`, a CloudEvent in structured mode whose data is one of these, and a batch
    of such events. In binary mode the body is the data, and there is nothing to unwrap.
    """
    told = _parsed(body)
    events = told if isinstance(told, list) else [told]
    if not any(_is_event(each) for each in events):
        rows = told.get("rows", events) if isinstance(told, dict) else told
    else:
        rows = [row for event in events for row in _rows_of(event)]
    if not isinstance(rows, list):
        raise Refusal(Kind.MALFORMED, f'send a row, a list of rows, or {{"rows": […]}}: {SHAPE}')
    if len(rows) > MAX_ROWS:
        raise Refusal(Kind.MALFORMED, f"{len(rows)} rows in one request: send at most {MAX_ROWS}")
    return rows


def _parsed(body: bytes | bytearray) -> Any:
    try:
        return msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Refusal(Kind.MALFORMED, f"the feedback is not JSON: {error}") from None


def _is_event(told: object) -> bool:
    return isinstance(told, dict) and "specversion" in told


def _rows_of(event: Any) -> list[object]:
    """The rows of one event. A lone row without a name of its own has the event's: who delivers it again is not counted twice."""
    if not _is_event(event):
        return [event]
    data = event.get("data")
    if data is None and isinstance(packed := event.get("data_base64"), str):
        try:
            data = _parsed(b64decode(packed, validate=True))
        except ValueError:
            raise Refusal(Kind.MALFORMED, "data_base64 of an event is no base64") from None
    if isinstance(data, dict) and "rows" in data:
        data = data["rows"]
    if isinstance(data, dict) and "token" not in data and "id" not in data:
        data = {**data, "id": f"{event.get('source', '')} {event.get('id', '')}"}
    return data if isinstance(data, list) else [data]

"""JSON as the API server itself would write it."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import orjson


def as_go_writes(body: Mapping[str, Any] | Sequence[Mapping[str, Any]]) -> bytes:
    """JSON with the bytes that the API server's own encoder would choose: keys sorted, ``&<>`` escaped.

    It matters for free-form fields such as a ControllerRevision's ``data``: the API server keeps the bytes it got, and
    every later patch of the object, of a label even, writes them anew and then compares: data that came in another
    spelling counts as changed, and is refused as immutable.
    """
    text = orjson.dumps(body, option=orjson.OPT_SORT_KEYS)
    for plain, escaped in _GO_ESCAPES:
        text = text.replace(plain, escaped)
    return text


_GO_ESCAPES: Final = (
    (b"&", b"\\u0026"),
    (b"<", b"\\u003c"),
    (b">", b"\\u003e"),
    ("\u2028".encode(), b"\\u2028"),
    ("\u2029".encode(), b"\\u2029"),
)

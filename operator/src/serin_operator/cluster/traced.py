"""Calls to the API server as spans, where the caller's work is one."""

import re
from typing import Final

from serin_operator.tracing import NOTHING, Step, current

_PLURAL: Final = re.compile(r"/(?:api|apis/[^/]+)/[^/]+/(?:namespaces/[^/]+/)?([^/?]+)(?:/[^/?]+(/[^/?]+)?)?")


def calling(method: str, path: str, what: str) -> Step:
    """The span of one call.

    Args:
        method: HTTP method.
        path: From ``Resource.path``.
        what: The call in words: ``create Job scoring/x``.
    """
    span = current()
    if span is None:
        return NOTHING
    found = _PLURAL.match(path)
    kind = f"{found[1]}{found[2] or ''}" if found else path
    return span.step(
        f"{method} {kind}",
        {"http.request.method": method, "serin.kind": kind, "serin.call": what},
        is_call=True,
    )

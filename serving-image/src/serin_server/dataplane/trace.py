"""The trace that a request belongs to, as W3C's Trace Context writes it in `traceparent`.

What callers send comes back, with a span of the server's own, and stands in the logs, where whoever has the trace can find
the request. Where spans are exported (records/spans.py), a trace may begin here too.
"""

import re
import secrets
from typing import Final, NamedTuple

HEADER: Final = b"traceparent"
_SAMPLED: Final = frozenset("13579bdf")
"""The second digit of flags whose lowest bit is set."""
_FORM: Final = re.compile(rb"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?")


class Trace(NamedTuple):
    """Which trace, whose call, and the span that is this server's answer to it; numbers in hexadecimal digits.

    A trace that begins here has nobody's call.
    """

    trace_id: str
    parent_id: str
    span_id: str
    flags: str

    def traceparent(self) -> str:
        """What the answer carries: the same trace, and this server's span."""
        return f"00-{self.trace_id}-{self.span_id}-{self.flags}"

    @property
    def is_sampled(self) -> bool:
        """Whether its spans are recorded, by whoever began it."""
        return self.flags[1] in _SAMPLED


def begun() -> Trace:
    """A trace that begins with this request, and is recorded."""
    return Trace(secrets.token_hex(16), "", secrets.token_hex(8), "01")


def trace_of(given: bytes) -> Trace | None:
    """The trace of a header; None for one that is none, which is ignored as its specification has it."""
    match = _FORM.fullmatch(given)
    if match is None:
        return None
    version, trace_id, parent_id, flags, more = match.groups()
    # Version ff never will be; later versions may say more, and 00 does not.
    if version == b"ff" or (version == b"00" and more) or not (trace_id.strip(b"0") and parent_id.strip(b"0")):
        return None
    return Trace(trace_id.decode(), parent_id.decode(), secrets.token_hex(8), flags.decode())

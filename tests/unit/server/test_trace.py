"""`traceparent` is read as W3C's Trace Context has it: what is none is ignored, and nothing of it is refused."""

import pytest

from serin_server.dataplane.trace import trace_of

TRACE, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"


@pytest.mark.parametrize(
    "given", [f"00-{TRACE}-{PARENT}-01", f"cc-{TRACE}-{PARENT}-01", f"cc-{TRACE}-{PARENT}-01-what-comes"]
)
def test_a_trace_goes_on_with_a_span_of_our_own(given):
    trace = trace_of(given.encode())
    assert (trace.trace_id, trace.parent_id, trace.flags) == (TRACE, PARENT, "01")
    assert trace.span_id != PARENT
    assert trace.traceparent() == f"00-{TRACE}-{trace.span_id}-01"
    assert trace_of(trace.traceparent().encode()).trace_id == TRACE


@pytest.mark.parametrize(
    "given",
    [
        "",
        "00",
        f"ff-{TRACE}-{PARENT}-01",
        f"00-{TRACE}-{PARENT}-01-more",
        f"00-{'0' * 32}-{PARENT}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"00-{TRACE.upper()}-{PARENT}-01",
        f"00-{TRACE[1:]}-{PARENT}-01",
        f"00-{TRACE}-{PARENT}-1",
        f"00-{TRACE}-{PARENT}-01\n",
    ],
)
def test_what_is_no_trace_is_ignored(given):
    assert trace_of(given.encode()) is None

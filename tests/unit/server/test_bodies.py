"""Bodies while they come: whole at the end, however they came, and in memory of their own once they are large."""

from mmap import mmap

import pytest

from serin_server.dataplane.memory import MemoryBudget
from serin_server.http.body import Body
from serin_server.http.messages import Request
from serin_server.refusals import Kind, Refusal

MEBIBYTE = 1 << 20


def request(length: int | None) -> Request:
    asked = Request()
    if length is not None:
        asked.headers[b"content-length"] = b"%d" % length
    return asked


@pytest.mark.parametrize("is_announced", [True, False], ids=["with a content-length", "in chunks"])
@pytest.mark.parametrize("size", [3 * MEBIBYTE, 4 * MEBIBYTE, 4 * MEBIBYTE + 1, 9 * MEBIBYTE + 7])
def test_a_body_is_whole_however_it_came(size: int, is_announced: bool) -> None:
    sent = bytes(range(256)) * (size // 256 + 1)
    body = Body(request(size if is_announced else None), sent[:100], MemoryBudget(1 << 30))
    for start in range(100, size, 200_000):
        body.add(sent[start : min(start + 200_000, size)])
    whole = body.whole()
    assert len(body) == len(whole) == size
    assert bytes(whole) == sent[:size]
    assert isinstance(whole, mmap) == (size > 4 * MEBIBYTE)


def test_a_body_pays_for_what_has_come_and_not_for_what_was_announced() -> None:
    budget = MemoryBudget(64 * MEBIBYTE)
    body = Body(request(60 * MEBIBYTE), b"x", budget)
    body.add(bytes(5 * MEBIBYTE))
    assert 5 * MEBIBYTE <= budget.held_bytes < 6 * MEBIBYTE


def test_a_body_beyond_the_budget_is_refused() -> None:
    body = Body(request(9 * MEBIBYTE), b"x", MemoryBudget(6 * MEBIBYTE))
    body.add(bytes(5 * MEBIBYTE))
    with pytest.raises(Refusal) as refused:
        body.add(bytes(4 * MEBIBYTE))
    assert refused.value.kind in {Kind.TOO_LARGE, Kind.OVERLOADED}

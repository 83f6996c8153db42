"""Heads that were read before: what is made of a request never depends on whether its head was known."""

import random
from types import SimpleNamespace

import pytest

from serin_server.dataplane.memory import MemoryBudget
from serin_server.http.heads import KnownHeads, is_strict
from serin_server.http.parsing import KEPT_HEADERS, RequestParser
from serin_server.refusals import Kind, Refusal


class Recorder(RequestParser):
    """Takes down what was read."""

    def __init__(self, server):
        super().__init__(server)
        self.read = []

    def completed(self, request):
        told = (request.method, request.target, dict(request.headers), bytes(request.body), request.keep_alive)
        self.read.append((*told, request.refusal))

    def refuse(self, refusal):
        self._is_discarding = True
        self.read.append(refusal.kind)

    def go_on(self):
        self.read.append("continue")

    def let_others_read(self):
        pass


class NoHeads(KnownHeads):
    """Forgets at once."""

    def remember(self, head, request):
        pass


def port(heads, access=None):
    return SimpleNamespace(
        kept_headers=KEPT_HEADERS, heads=heads, now=0.0, read_timeout=1.0, max_header_bytes=4096, max_body_bytes=4096,
        memory=MemoryBudget(1 << 20), access=access, question_of=lambda request, mark: "",
    )  # fmt: skip


def post(body=b"{}", *headers, line=b"POST /v2/models/m/infer HTTP/1.1"):
    return b"\r\n".join([line, b"host: t", *headers, b"content-length: %d" % len(body), b"", body])


ORDINARY = post()
SPECIAL = {
    "a method without a body": b"GET /v2 HTTP/1.1\r\nhost: t\r\n\r\n",
    "the connection's last": post(b"{}", b"connection: close"),
    "an older version": post(b"{}", line=b"POST /v2 HTTP/1.0"),
    "a trace": post(b"{}", b"traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"),
    "a client that asks first": post(b"{}", b"expect: 100-continue"),
    "chunks": b"POST /v2 HTTP/1.1\r\nhost: t\r\ntransfer-encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
    "an offer of another protocol": post(b"", b"connection: upgrade", b"upgrade: h2c"),
    "a long head": post(b"{}", b"x: " + b"y" * 2000),
    "lines that end leniently": b"POST /v2 HTTP/1.1\nhost: t\ncontent-length: 5\n\nab\r\n\r\n",
}
OTHERS = [ORDINARY, post(b"[]"), post(b"abc"), post(b"\r\n\r\nPOST"), b"\r\n" + ORDINARY, b"\r\n\r\n", b"", b"x"]


def test_a_head_that_was_read_is_known_until_the_next_sweep():
    server = port(KnownHeads())
    head, body = ORDINARY[:-2], b"{}"
    Recorder(server).data_received(ORDINARY)
    assert server.heads.find(head).length == len(body)
    server.heads.forget()
    assert server.heads.find(head) is None


@pytest.mark.parametrize("sent", SPECIAL.values(), ids=SPECIAL)
def test_a_head_that_asks_for_something_special_is_parsed_each_time(sent):
    server = port(KnownHeads())
    Recorder(server).data_received(sent)
    assert not server.heads._heads


def test_only_heads_that_end_at_their_first_empty_line_in_every_reading_are_strict():
    assert is_strict(b"POST / HTTP/1.1\r\nhost: t\r\n\r\n")
    assert not is_strict(b"POST / HTTP/1.1\nhost: t\n\nPOST / HTTP/1.1\r\n\r\n")
    assert not is_strict(b"\r\n\r\n")


def test_memory_for_heads_is_bounded():
    server = port(KnownHeads())
    for number in range(1000):
        Recorder(server).data_received(post(b"{}", b"x: %d" % number))
    assert len(server.heads._heads) == 256


def test_credentials_are_checked_with_every_request_whose_head_is_known():
    server = port(KnownHeads(), access=object())
    answers = iter([None, None, refusal := Refusal(Kind.UNAUTHENTICATED, "the key is gone")])
    server.refusal_of = lambda request: next(answers)
    connection = Recorder(server)
    for _ in range(3):
        connection.data_received(ORDINARY)
    assert [told[-1] for told in connection.read] == [None, None, refusal]


@pytest.mark.parametrize("seed", range(40))
def test_the_same_is_read_with_known_heads_and_without(seed):
    chance = random.Random(seed)
    knowing, parsing = port(KnownHeads()), port(NoHeads())
    for _ in range(30):
        one, other = Recorder(knowing), Recorder(parsing)
        for _ in range(chance.randrange(1, 6)):
            requests = chance.choices([*OTHERS, *SPECIAL.values()], [6, 3, 3, 2, 1, 1, 1, 1, *[1] * len(SPECIAL)], k=2)
            sent = b"".join(requests[: chance.randrange(1, 3)])
            cut = chance.randrange(len(sent) + 1) if chance.random() < 0.3 else 0
            for piece in filter(None, (sent[:cut], sent[cut:])):
                one.data_received(piece)
                other.data_received(piece)
        assert one.read == other.read
        assert (one._request is None) == (other._request is None)
    assert knowing.heads._heads

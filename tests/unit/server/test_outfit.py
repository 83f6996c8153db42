"""Packing answers takes memory, which is of the budget as that of the answers themselves is."""

import gzip

import numpy as np
import pytest

from serin_server.dataplane.memory import Holding, MemoryBudget
from serin_server.http.messages import Request, Response
from serin_server.http.outfit import Outfit, takes_gzip
from serin_server.refusals import Refusal

BODY = np.random.default_rng(1).normal(size=50_000).astype(np.float32).tobytes()


class AtOnce:
    """Does at once what others do in a thread."""

    def aside(self, work, then):
        try:
            then(work())
        except Refusal as refusal:
            then(refusal)


class Sent:
    def respond(self, request, response):
        self.held, self.response = request.holding.held_bytes, response


@pytest.fixture
def sent():
    """What is sent within a budget, and what was held then."""

    def within(limit_bytes):
        request, connection = Request(), Sent()
        request.method, request.headers = b"POST", {b"accept-encoding": b"gzip"}
        request.holding = Holding(MemoryBudget(limit_bytes))
        request.holding.grow(len(BODY))
        Outfit(AtOnce(), None, 1000).dress(request, Response(200, BODY), connection)
        return connection

    return within


def test_a_packed_answer_is_held_until_it_was_sent(sent) -> None:
    found = sent(10 * len(BODY))
    assert gzip.decompress(found.response.body) == BODY
    assert found.held == len(BODY) + len(found.response.body)


def test_without_memory_to_pack_it_an_answer_is_sent_as_it_is(sent) -> None:
    found = sent(2 * len(BODY))
    assert (found.response.body, found.held) == (BODY, len(BODY))
    assert b"content-encoding" not in found.response.extra


@pytest.mark.parametrize(
    ("accepted", "takes"),
    [
        (b"gzip", True),
        (b"br;q=1.0, GZIP;Q=0.5", True),
        (b"gzip;q=", True),
        (b"gzip;q=0.001", True),
        (b"gzip; level=9 ; q=0.8", True),
        (b"", False),
        (b"br, deflate", False),
        (b"gzip;q=0", False),
        (b"gzip ; Q = 0.000", False),
        (b"gzip;level=9;q=0", False),
        (b"gzip;q=0;level=9", False),
        (b"x-gzip;level=9;q=0.0, br", False),
    ],
)
def test_nobody_gets_gzip_who_weighs_it_as_nothing_wherever_the_weight_stands(accepted, takes):
    assert takes_gzip(accepted) is takes

"""Sums by client: what a design effect is computed from, against its definition, and in bounded memory."""

import json
import random

import pytest

from serin_server.feedback.counter import FeedbackCounter
from serin_server.feedback.tokens import TokenSigner
from serin_server.keys import Keys
from serin_server.metrics.clients import NUMBERS, SUMS, ClientSums
from serin_server.metrics.server import ServerMetrics

NOW = 1_795_000_000.0
KEYS = Keys("k1", {"k1": b"0123456789abcdef"})
LABELS = {"model_namespace": "n", "model_name": "m", "model_version": "v", "model_revision": "own", "server_id": "p-1"}


def test_the_sums_are_those_of_every_client_in_every_window():
    sums, chance = ClientSums(int), random.Random(1)
    seen: dict[tuple[int, int], list[int]] = {}
    for window in range(5):
        sums.window = window
        for _ in range(400):
            client, bad = chance.randrange(20), int(chance.random() < 0.3)
            sums.count(sums.client(b"%d" % client), bad)
            seen.setdefault((window, client), []).append(bad)
    told = [(len(each), sum(each)) for each in seen.values()]
    assert dict(zip(SUMS, sums.sums, strict=True)) == {
        "clients": len(told),
        "all": sum(n for n, _ in told),
        "bad": sum(b for _, b in told),
        "all_squared": sum(n * n for n, _ in told),
        "bad_squared": sum(b * b for _, b in told),
        "all_times_bad": sum(n * b for n, b in told),
    }


@pytest.mark.parametrize(("correlated", "low", "high"), [(False, 0.7, 1.4), (True, 8.0, 30.0)])
def test_a_design_effect_follows_from_them(correlated, low, high):
    sums, chance = ClientSums(int), random.Random(2)
    for window in range(20):
        sums.window = window
        for client in range(100):
            own = float(chance.random() < 0.1) if correlated else 0.1
            for _ in range(15):
                sums.count(sums.client(b"%d" % client), int(chance.random() < own))
    _, n, b, n2, b2, nb = sums.sums
    p = b / n
    effect = (b2 - 2 * p * nb + p * p * n2) / (p * (1 - p) * n)
    assert low < effect < high


def test_clients_without_end_take_bounded_memory_and_the_same_has_the_same_number():
    signer = TokenSigner(KEYS, "own")
    sums = ClientSums(signer.number_of)
    numbers = {sums.client(b"%d" % number).number for number in range(20_000)}
    assert len(sums._clients) <= NUMBERS
    assert min(numbers) == 1
    again = ClientSums(TokenSigner(KEYS, "other").number_of)
    assert again.client(b"10.0.0.1").number == sums.client(b"10.0.0.1").number


def test_labels_of_one_client_are_a_cluster_by_what_their_tokens_say():
    metrics = ServerMetrics(LABELS, NOW)
    signer = TokenSigner(KEYS, "own")
    tokens = [signer.sign(NOW, f"{n}", [1], None, client).decode() for n, client in enumerate([7, 7, 7, 8])]
    rows = [{"token": token, "label": label} for token, label in zip(tokens, [1, 0, 0, 1], strict=True)]
    FeedbackCounter(metrics, signer=signer).take(json.dumps(rows).encode(), NOW)
    assert metrics.feedback_clients["own"].sums == [2, 4, 2, 10, 4, 6]
    assert "serin_feedback_client_sums_total{" in metrics.exposition().decode()

"""Pairs: when the control is asked, whose answer is believed, how a pair counts, and who waits for it."""

import json

import numpy as np
import pytest

from serin_server.dataplane.call import Call
from serin_server.feedback.counter import FeedbackCounter, Rules
from serin_server.feedback.marks import Marks
from serin_server.feedback.tokens import ControlPart, TokenSigner
from serin_server.keys import Keys
from serin_server.metrics.server import ServerMetrics
from serin_server.model.predictions import PredictionReader
from serin_server.model.tensors import Signature, TensorSpec
from serin_server.pairing.book import PairBook
from serin_server.pairing.heard import Failed, Predicted, Trouble, heard_in
from serin_server.pairing.pairing import Pairing
from serin_server.pairing.patience import ITSELF_SECONDS, Patience
from serin_server.refusals import Kind, Refusal

NOW = 1_795_000_000.0
KEYS = Keys("k1", {"k1": b"0123456789abcdef"})
STRANGER = Keys("k1", {"k1": b"the key of others"})
LABELS = {"model_namespace": "n", "model_name": "m", "model_version": "v", "model_revision": "own", "server_id": "p-1"}
CLASSES = Signature((TensorSpec("x", "FP32", (-1, 1)),), (TensorSpec("y", "INT64", (-1,)),))


class Clock:
    now = NOW

    def __call__(self):
        return self.now


class Control:
    """A line to a control whose answers the test gives."""

    def __init__(self):
        self.open = []
        self.is_busy = False

    def ask(self, question, tell):
        if not self.is_busy:
            self.open.append((question, tell))
        return not self.is_busy

    def answer(self, predictions, revision="stable", keys=KEYS, status=200, number=None):
        question, tell = self.open.pop(0)
        number = number or question.split(b"x-serin-control: ")[1].split(b"\r\n")[0].split(b" ")[1].decode()
        tell((status, TokenSigner(keys, revision).sign(NOW, number, predictions)))

    def fail(self, trouble):
        self.open.pop(0)[1](trouble)

    def begin_turn(self):
        """There are no turns here."""

    def close(self):
        self.open.clear()


class Server:
    """The half of a server that makes pairs, and what its clients were answered."""

    def __init__(self, *, sample=1.0, per_second=1000.0, is_regression=False, tolerance=0.0):
        self.clock = Clock()
        self.control = Control()
        self.book = PairBook(is_regression=is_regression, tolerance=tolerance)
        self.told = []
        self.pairing = Pairing(
            self.control, b"POST / HTTP/1.1\r\n", Patience(sample, per_second), PredictionReader(CLASSES),
            self.book, TokenSigner(KEYS, "own"), revision="own", max_bytes=100, clock=self.clock,
            tell=lambda *words: self.told.append(words),
        )  # fmt: skip
        self.answered = []

    def ask(self):
        return self.pairing.ask(b"{}")

    def predict(self, pair, *predictions):
        call = Call([], len(predictions), None, "id")
        call.outputs = [np.array(predictions)]
        pair.predicted(call, lambda: self.answered.append(pair.control_part()))

    def meet(self):
        """One pair, after which the control is trusted."""
        pair = self.ask()
        self.predict(pair, 1)
        self.control.answer([1])
        self.answered.clear()
        self.book.pairs.values.clear()
        self.book.errors.values.clear()
        return self

    @property
    def pairs(self):
        return {key[1]: value for key, value in self.book.pairs.values.items()}

    @property
    def errors(self):
        return {key[1]: value for key, value in self.book.errors.values.items()}


@pytest.fixture
def server():
    return Server().meet()


@pytest.mark.parametrize(("own", "control", "outcome"), [(1, 1, "agree"), (1, 0, "disagree"), (0, 1, "disagree")])
@pytest.mark.parametrize("is_control_first", [True, False])
def test_a_pair_counts_once_both_halves_are_known_whoever_is_first(server, own, control, outcome, is_control_first):
    pair = server.ask()
    if is_control_first:
        server.control.answer([control])
        server.predict(pair, own)
    else:
        server.predict(pair, own)
        assert server.answered == [], "the client waits for the control's half of its token"
        server.control.answer([control])
    assert server.pairs == {outcome: 1}
    assert server.answered == [ControlPart("stable", [control])]
    assert (server.book.waits.counts != [0] * len(server.book.waits.counts)) is False, "told when the answer was sent"


def test_a_client_waits_until_the_control_has_answered_and_not_while_its_own_answer_is_written(server, monkeypatch):
    now = Clock()
    monkeypatch.setattr("serin_server.pairing.pair.perf_counter", now)
    pair = server.ask()
    server.predict(pair, 1)
    now.now += 0.25
    server.control.answer([1])
    now.now += 0.5  # while it is written
    assert [pair.seconds_waited(), pair.seconds_waited()] == [0.25, 0.0]
    assert server.book.waits.sum == 0.25


def test_each_row_is_a_pair(server):
    pair = server.ask()
    server.predict(pair, 1, 0, 1)
    server.control.answer([1, 1, 1])
    assert server.pairs == {"agree": 2, "disagree": 1}
    assert server.errors == {"neither_failed": 1}


@pytest.mark.parametrize(
    ("own", "control", "outcome"),
    [
        (None, None, "both_failed"),
        (None, [1], "only_canary_failed"),
        ([1], None, "only_control_failed"),
        ([1], [1], "neither_failed"),
    ],
)
def test_failures_are_pairs_as_well(server, own, control, outcome):
    pair = server.ask()
    if own is None:
        pair.refused(Refusal(Kind.INVALID_TENSOR, ""))
    else:
        server.predict(pair, *own)
    server.control.answer(control or [], status=200 if control else 400)
    assert server.errors == {outcome: 1}


@pytest.mark.parametrize("kind", [kind for kind in Kind if not kind.is_error])
def test_a_request_that_blames_no_version_is_no_pair(server, kind):
    pair = server.ask()
    pair.refused(Refusal(kind, ""))
    server.control.answer([1])
    assert (server.errors, server.pairs) == ({}, {})


@pytest.mark.parametrize("trouble", Trouble)
def test_a_control_without_an_answer_costs_the_pair_and_is_counted_by_class(server, trouble):
    pair = server.ask()
    server.predict(pair, 1, 0)
    server.control.fail(trouble)
    assert server.pairs == {"no_answer": 2}
    assert server.errors == {"no_answer": 1}
    assert server.answered == [None]
    assert server.book.by_prediction.values["stable", "0", "false"] == 1


def test_nobody_waits_for_a_control_until_it_answers_again(server):
    first = server.ask()
    server.predict(first, 1)
    server.control.fail(Trouble.LATE)
    second = server.ask()
    server.predict(second, 1)
    assert server.answered == [None, None], "the second was answered at once"
    server.control.answer([1])
    third = server.ask()
    server.predict(third, 1)
    assert len(server.answered) == 2
    server.control.answer([1])
    assert server.answered[2] == ControlPart("stable", [1])


def test_a_control_that_is_not_known_to_answer_has_one_question_at_a_time():
    server = Server()
    assert server.ask() is not None
    assert server.ask() is None
    server.control.answer([1])
    assert server.ask() is not None
    assert server.ask() is not None


def test_after_three_troubles_it_pauses_longer_each_time(server):
    for _ in range(3):
        server.ask()
        server.control.fail(Trouble.UNREACHABLE)
    pauses = []
    for _ in range(7):
        waited = 0
        while (pair := server.ask()) is None:
            server.clock.now += 1
            waited += 1
        server.control.fail(Trouble.UNREACHABLE)
        pauses.append(waited)
        assert pair is not None
    assert pauses == [1, 2, 4, 8, 16, 30, 30]


def test_many_questions_that_are_lost_together_are_one_reason_to_pause(server):
    for _ in range(8):
        assert server.ask() is not None
    for _ in range(8):
        server.control.fail(Trouble.LOST)
    assert len(server.told) == 8
    assert server.ask() is None
    server.clock.now += 1
    assert server.ask() is not None


def test_who_meets_itself_counts_nothing_and_asks_again_much_later(server):
    pair = server.ask()
    server.predict(pair, 1)
    server.control.answer([0], revision="own")
    assert (server.pairs, server.errors, server.answered) == ({}, {}, [None])
    server.clock.now += ITSELF_SECONDS - 1
    assert server.ask() is None
    server.clock.now += 1
    assert server.ask() is not None


@pytest.mark.parametrize(
    "answer",
    [
        {"keys": STRANGER},
        {"number": "of another question"},
        {"revision": ""},
        {"revision": "r" * 64},
        {"keys": STRANGER, "status": 500},
    ],
    ids=str,
)
def test_only_what_a_sibling_signed_for_this_very_question_is_believed(server, answer):
    server.predict(server.ask(), 1)
    server.control.answer([0], **answer)
    assert server.pairs == {"no_answer": 1}
    assert server.book.troubles.values[("unproven",)] == 1
    assert server.told == [("unproven", "stable")]


def test_another_number_of_rows_is_no_pair(server):
    server.predict(server.ask(), 1, 2)
    server.control.answer([1])
    assert server.pairs == {"no_answer": 2}
    assert server.answered == [None]


def test_the_sample_is_a_share_of_requests_and_bounded_by_bytes_and_by_number_a_second():
    chances = iter([0.05, 0.2, 0.05])
    patience = Patience(0.1, 2.0, lambda: next(chances))
    assert [patience.is_drawn() for _ in range(3)] == [True, False, True]
    assert [patience.may_ask(NOW) for _ in range(4)] == [True, True, False, False]
    assert [patience.may_ask(NOW + 0.5), patience.may_ask(NOW + 0.5)] == [True, False]
    assert not Server().pairing.draws(101)


def test_regressions_agree_within_the_tolerance_and_their_distances_are_told():
    book = PairBook(is_regression=True, tolerance=0.5)
    book.count([1.0, 1.0, 1e300], Predicted("stable", [1.4, 3.0, -1e300]))
    assert {key[1]: value for key, value in book.pairs.values.items()} == {"agree": 1, "disagree": 2}
    assert sum(book.distances["stable"].counts) == 2
    assert book.distances["stable"].sum == pytest.approx(2.4)
    assert not book.by_prediction.values


def test_classes_without_end_are_told_as_others():
    book = PairBook(is_regression=False, tolerance=0.0)
    for number in range(100):
        book.count([f"class {number}" + "x" * 100], Predicted("stable", ["class"]))
    assert len(book.by_prediction.values) == 33
    assert book.by_prediction.values["stable", "other", "true"] == 68
    assert max(len(key[1]) for key in book.by_prediction.values) == 60


def test_a_failure_is_told_by_the_status_of_a_signed_answer():
    signer = TokenSigner(KEYS, "stable")
    token = signer.sign(NOW, "7", [])
    assert heard_in(500, token, "7", signer) == Failed("stable")
    assert heard_in(500, b'{"error": ""}', "7", signer) is Trouble.UNPROVEN


def test_a_mark_is_believed_for_a_minute_and_only_by_who_has_the_key():
    clock = Clock()
    marks = Marks(TokenSigner(KEYS, "canary"), clock)
    header = marks.mark() + b" 7"
    stable, stranger = Marks(TokenSigner(KEYS, "stable"), clock), Marks(TokenSigner(STRANGER, "stable"), clock)
    assert (stable.question(header), stranger.question(header)) == ("7", "")
    assert stable.question(marks.mark()) == "", "a mark without a question"
    clock.now += 59
    assert stable.question(header) == "7"
    clock.now += 2
    assert stable.question(header) == ""
    assert Marks(TokenSigner(KEYS, "stable"), clock).question(header) == ""
    assert stable.question(marks.mark() + b" 8") == "8"


@pytest.mark.parametrize(
    ("own", "control", "pair"),
    [(1, 1, "both_right"), (0, 1, "only_canary_wrong"), (1, 0, "only_control_wrong"), (0, 2, "both_wrong")],
)
def test_a_label_of_a_pair_counts_for_both_on_any_pod(own, control, pair):
    metrics = ServerMetrics(LABELS, NOW)
    token = TokenSigner(KEYS, "canary").sign(NOW - 40, "id", [own], ControlPart("stable", [control]))
    counter = FeedbackCounter(metrics, Rules(), TokenSigner(KEYS, "own"))
    assert counter.take(json.dumps({"token": token.decode(), "label": 1}).encode(), NOW).accepted == 1
    assert metrics.paired_feedback.values == {("canary", "stable", "60", pair): 1}
    assert metrics.feedback.values["canary", "60", "correct" if own == 1 else "wrong"] == 1


def test_a_token_of_the_release_before_counts_alone():
    metrics = ServerMetrics(LABELS, NOW)
    signer = TokenSigner(KEYS, "own")
    old = signer.sealed(b'["own",%d,"id",[1]]' % ((NOW - 40) * 1000))
    counter = FeedbackCounter(metrics, Rules(), signer)
    assert counter.take(json.dumps({"token": old.decode(), "label": 1}).encode(), NOW).accepted == 1
    assert not metrics.paired_feedback.values


def test_a_control_of_a_regression_that_told_text_makes_no_pair():
    metrics = ServerMetrics(LABELS, NOW)
    signer = TokenSigner(KEYS, "own")
    token = signer.sign(NOW - 40, "id", [1.0], ControlPart("stable", ["text"]))
    counter = FeedbackCounter(metrics, Rules(is_regression=True), signer)
    assert counter.take(json.dumps({"token": token.decode(), "label": 1}).encode(), NOW).accepted == 1
    assert not metrics.paired_feedback.values

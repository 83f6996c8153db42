"""Tokens of feedback: what goes in comes out, nothing that was changed is believed, and they stay small."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serin_server.feedback.marks import Marks
from serin_server.feedback.tokens import MAX_CONTROL_BYTES, MAX_ROWS, ControlPart, Forged, TokenSigner
from serin_server.keys import Keys

KEYS = Keys("k1", {"k1": b"0123456789abcdef"})
SIGNER = TokenSigner(KEYS, "canary")
PREDICTIONS = st.one_of(
    st.integers(-(2**53), 2**53), st.floats(allow_nan=False, allow_infinity=False), st.booleans(), st.text(max_size=40)
)
ROWS = st.lists(st.tuples(PREDICTIONS, PREDICTIONS), min_size=1, max_size=MAX_ROWS)


@given(rows=ROWS, client=st.integers(0, 2**32 - 1))
def test_a_token_says_what_both_versions_predicted_or_that_it_does_not_know(rows, client):
    own, control = [one for one, _ in rows], [other for _, other in rows]
    token = SIGNER.sign(1_795_000_000.5, "id", own, ControlPart("stable", control), client)
    claim = SIGNER.read(token.decode())
    assert claim.predictions == own
    assert claim.client == client
    told = [claim.control_prediction(row) for row in range(len(own))]
    assert told == (control if claim.control_revision else [None] * len(own))
    alone = SIGNER.sign(1_795_000_000.5, "id", own)
    assert len(token) <= len(alone) + (MAX_CONTROL_BYTES + 200) * 4 / 3


@given(rows=ROWS)
def test_versions_that_agree_cost_a_token_next_to_nothing(rows):
    own = [one for one, _ in rows]
    token = SIGNER.sign(0.0, "id", own, ControlPart("stable", list(own)))
    assert len(token) <= len(SIGNER.sign(0.0, "id", own)) + 40
    assert SIGNER.read(token.decode()).control_prediction(len(own) - 1) == own[-1]


@given(rows=ROWS, place=st.integers(0, 10_000), letter=st.sampled_from("AbZ09-_=."))
def test_a_token_that_was_changed_anywhere_is_forged(rows, place, letter):
    own, control = [one for one, _ in rows], [other for _, other in rows]
    token = SIGNER.sign(0.0, "id", own, ControlPart("stable", control)).decode()
    place %= len(token)
    changed = token[:place] + letter + token[place + 1 :]
    if changed != token:
        with pytest.raises(Forged):
            SIGNER.read(changed)


@given(rows=ROWS, header=st.binary(max_size=600))
def test_neither_a_token_nor_any_bytes_are_a_mark(rows, header):
    marks = Marks(SIGNER, lambda: 1_795_000_000.0)
    token = SIGNER.sign(1_795_000_000.0, "id", [one for one, _ in rows])
    assert marks.question(token + b" 1") == ""
    assert marks.question(header) == ""
    assert marks.question(marks.mark() + b" 1") == "1"
    with pytest.raises(Forged):
        SIGNER.read(marks.mark().decode())

"""Sentences have the numbers in them, short enough to read."""

import math

import pytest

from serin_operator.decide.analysis import Arm, Words
from serin_operator.decide.analysis.wording import evidence, percent, share


@pytest.mark.parametrize(
    ("rate", "said"),
    [
        (0.0, "0.0 %"),
        (1.0, "100.0 %"),
        (0.923, "92.3 %"),
        (0.1, "10.0 %"),
        (0.0999, "9.99 %"),
        (0.0123, "1.23 %"),
        (0.01, "1.00 %"),
        (0.0052, "0.52 %"),
        (0.000031, "0.0031 %"),
        (1e-9, "0.00000010 %"),
        (1e-12, "0.00000000 %"),
    ],
)
def test_a_rate_keeps_the_digits_that_tell_it_apart(rate, said):
    assert percent(rate) == said


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (Words.ERRORS, "11.9 % errors of 1,240 requests"),
        (Words.SLOW, "11.9 % slow of 1,240 answers"),
        (Words.ACCURACY, "88.1 % right of 1,240 labels"),
    ],
)
def test_a_share_is_said_as_people_think_of_it(words, said):
    assert share(Arm(147, 1240), words) == said


@pytest.mark.parametrize(
    ("words", "said"), [(Words.ERRORS, "no requests"), (Words.SLOW, "no answers"), (Words.ACCURACY, "no labels")]
)
def test_a_share_of_nothing_is_said_to_be_nothing(words, said):
    assert share(Arm(), words) == said


@pytest.mark.parametrize(
    ("log", "said"),
    [
        (math.log(212.4), "evidence 212 of 100 needed"),
        (0.0, "evidence 1 of 100 needed"),
        (math.log(0.0312), "evidence 0.031 of 100 needed"),
        (math.log(9.96), "evidence 10 of 100 needed"),
        (math.log(54321), "evidence 54,321 of 100 needed"),
        (math.log(999_999), "evidence 999,999 of 100 needed"),
        (math.log(2e6), "evidence 10^6 of 100 needed"),
        (1e6, "evidence 10^434294 of 100 needed"),
        (-1e6, "evidence 0 of 100 needed"),
    ],
)
def test_evidence_is_told_as_a_plain_number(log, said):
    assert evidence(round(log * 1e6), round(math.log(100) * 1e6)) == said


def test_a_little_more_than_a_million_is_told_in_powers_of_ten():
    just_above_a_million = 13_815_511
    assert evidence(just_above_a_million, 0) == "evidence 10^6 of 1 needed"

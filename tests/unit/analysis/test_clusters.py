"""The design effect, from the spread between stable's pods."""

import math

import pytest

from serin_operator.decide.analysis import BY_CONNECTION, Arm, Spread

EVEN = [Arm(10, 100), Arm(10, 100), Arm(10, 100)]
SPREAD = [Arm(4, 100), Arm(10, 100), Arm(16, 100)]


def test_pearsons_chi_square_between_pods():
    spread = Spread().after(SPREAD)
    assert spread.chi2 == pytest.approx((36 + 0 + 36) / (100 * 0.1 * 0.9))
    assert spread.degrees == 2


def test_looks_add_up():
    spread = Spread().after(SPREAD).after(EVEN).after(SPREAD)
    assert spread.chi2 == pytest.approx(16.0)
    assert spread.degrees == 6


@pytest.mark.parametrize(
    "pods",
    [
        pytest.param(SPREAD[:2], id="two pods"),
        pytest.param([*SPREAD[:2], Arm(0, 0)], id="the third had no traffic"),
        pytest.param([Arm(0, 100)] * 3, id="nothing bad"),
        pytest.param([Arm(100, 100)] * 3, id="everything bad"),
        pytest.param([], id="no pods"),
    ],
)
def test_what_tells_nothing_changes_nothing(pods):
    known = Spread(5.0, 2)
    assert known.after(pods) == known


def test_the_default_is_used_at_first_with_its_own_uncertainty():
    assert Spread().design_effect(6.0) == pytest.approx(6.0 * (1 + math.sqrt(2 / 10)))


def test_what_was_seen_takes_over():
    assert Spread(chi2=2000.0, degrees=1000).design_effect(6.0) == pytest.approx(
        (2060 / 1010) * (1 + math.sqrt(2 / 1010))
    )


def test_it_is_never_below_one():
    assert Spread(chi2=10.0, degrees=1000).design_effect(1.0) == 1.0


def test_the_default_by_connection_is_kishs_for_a_hundred_requests():
    assert pytest.approx(1 + 99 * 0.05, abs=0.1) == BY_CONNECTION

"""What spans a weight change is compared with nothing."""

import math

import pytest

from serin_operator.decide.analysis import (
    Arm,
    Cell,
    Look,
    Proportions,
    Stratum,
    labelled_counts,
    look_counts,
    spans_weight_change,
)

COUNTS = Stratum(Arm(1, 10), Arm(2, 40))


@pytest.mark.parametrize(
    ("since", "until", "settle", "spans"),
    [
        pytest.param(0, 100, 0, False, id="before the change"),
        pytest.param(0, 101, 0, True, id="the change is in it"),
        pytest.param(100, 130, 0, False, id="begins with the change"),
        pytest.param(100, 130, 5, True, id="begins with the change, which takes five seconds"),
        pytest.param(105, 130, 5, False, id="begins when the change has settled"),
        pytest.param(104, 130, 5, True, id="begins just before it has settled"),
        pytest.param(70, 100, 5, False, id="ends with the change"),
        pytest.param(0, 300, 0, True, id="both changes are in it"),
        pytest.param(199, 201, 0, True, id="the second change is in it"),
        pytest.param(120, 180, 0, False, id="between the changes"),
    ],
)
def test_a_window_spans_a_change_when_traffic_in_it_had_two_weights(since, until, settle, spans):
    assert spans_weight_change(since, until, [100, 200], settle) is spans


def test_a_change_takes_effect_at_once_by_default():
    assert not spans_weight_change(100, 130, [100])


def test_a_look_without_a_change_is_one_stratum():
    assert look_counts(Look(100, 130), COUNTS, [100]) == Proportions((COUNTS,))


def test_a_look_that_spans_a_change_has_no_stratum():
    assert look_counts(Look(90, 120), COUNTS, [100]) == Proportions()
    assert look_counts(Look(100, 130), COUNTS, [100], settle_seconds=1) == Proportions()


@pytest.mark.parametrize(
    ("cell", "kept"),
    [
        pytest.param((0, 60), True, id="made after the canary began"),
        pytest.param((0, 300), True, id="made from the canary's very first request on"),
        pytest.param((0, 301), False, id="made in part before the canary"),
        pytest.param((240, 480), False, id="made wholly before the canary"),
        pytest.param((60, math.inf), False, id="nobody knows when made"),
    ],
)
def test_a_cell_counts_only_when_all_its_predictions_had_a_canary(cell, kept):
    seen, dropped = labelled_counts(Look(1300, 1330), [Cell(*cell, COUNTS)], 1000, [])
    assert seen == (Proportions((COUNTS,)) if kept else Proportions((), COUNTS.stable))
    assert dropped == (0 if kept else 50)


def test_cells_with_a_weight_change_are_dropped_and_the_others_kept():
    """Look 1300 to 1330: the middle cell's predictions were made from 1060 to 1270, and the weight changed at 1080."""
    young, middle, old = (Stratum(Arm(n, 10 * n), Arm(2 * n, 40 * n)) for n in (1, 2, 3))
    cells = [Cell(0, 60, young), Cell(60, 240, middle), Cell(240, 300, old)]
    seen, dropped = labelled_counts(Look(1300, 1330), cells, 1000, [1000, 1080])
    assert seen == Proportions((young,), Arm(4 + 6, 80 + 120))
    assert dropped == 100 + 150


def test_a_change_that_is_still_settling_drops_cells_too():
    cells = [Cell(0, 60, COUNTS)]
    assert labelled_counts(Look(1300, 1330), cells, 1000, [1240])[1] == 0
    assert labelled_counts(Look(1300, 1330), cells, 1000, [1240], settle_seconds=1)[1] == 50


def test_a_change_after_the_youngest_prediction_was_made_drops_nothing():
    """Look 1300 to 1330: a cell of ages 60 to 240 was predicted from 1060 to 1270."""
    for change, kept in ((1265, False), (1270, True), (1280, True), (1060, True), (1061, False)):
        seen, dropped = labelled_counts(Look(1300, 1330), [Cell(60, 240, COUNTS)], 1000, [change])
        assert (bool(seen.strata), dropped == 0) == (kept, kept)

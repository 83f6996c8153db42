"""How many golden rows a variant of a model may lose, and how many it takes to be sure."""

from math import exp, lgamma, log, log1p

import pytest

from serin_server.commands.optimizing.accuracy import fewest_rows, most_lost


def at_most(lost, rows, share):
    """P(Bin(rows, share) ≤ lost), term by term."""
    ways = (lgamma(rows + 1) - lgamma(k + 1) - lgamma(rows - k + 1) for k in range(min(lost, rows) + 1))
    return sum(exp(way + k * log(share) + (rows - k) * log1p(-share)) for k, way in enumerate(ways))


@pytest.mark.parametrize("share", [0.001, 0.01, 0.05, 0.3])
@pytest.mark.parametrize("rows", [1, 58, 299, 1000, 5000])
def test_as_many_rows_may_be_lost_as_leave_the_share_below_its_limit_with_95_percent_certainty(rows, share):
    lost = most_lost(rows, share)
    assert lost < 0 or at_most(lost, rows, share) <= 0.05
    assert at_most(lost + 1, rows, share) > 0.05
    assert (most_lost(fewest_rows(share), share), most_lost(fewest_rows(share) - 1, share)) == (0, -1)


def test_of_no_loss_at_all_nothing_is_certain_and_none_is_allowed():
    assert (most_lost(5, 0.0), fewest_rows(0.0)) == (0, 1)

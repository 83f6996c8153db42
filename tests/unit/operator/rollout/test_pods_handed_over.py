"""While pods are handed from one version to another: how few the giver may have, whatever the share of requests it still gets."""

import pytest

from serin_operator.decide.traffic.beside import bearable
from serin_operator.decide.traffic.split import Split


@pytest.mark.parametrize(
    ("full", "canary", "weight"),
    [(0, 5, 50), (0, 4, 50), (0, 3, 50), (0, 2, 16), (0, 1, 9), (0, 0, 0)],
    ids=["all there", "one missing", "two missing", "two left", "one left", "none left"],
)
def test_a_canary_that_lost_most_of_its_pods_gets_what_those_that_are_left_would_get(
    full: int, canary: int, weight: int
) -> None:
    assert bearable(Split("a", "b", 50, full=full), {"a": 10, "b": 5}, 50, 10, canary) == weight

"""Worlds in which equal versions used to be rolled back, with the settings that nobody has touched, by the whole way of evidence.

A few rollouts of each, with fixed seeds: without what holds them back a tenth and more of these would fail.
"""

import numpy as np
import pytest
from tests.support.chain.rollout import README, Stage, judged
from tests.support.chain.worlds import alike, at_the_margin, by_connection, by_request, one_class_labelled

ERRORS = {"errorRate": {}}
ACCURACY = {"accuracy": {}}


async def verdicts(traffic, metric, *, pods=3, stages=README, rollouts=3, seed=1):
    """Of some rollouts of one world, each with luck of its own."""
    rows = [
        await judged(traffic(np.random.default_rng([seed, number])), metric, pods, stages) for number in range(rollouts)
    ]
    return [row.verdict for row in rows]


@pytest.mark.parametrize(("pods", "a_second"), [(1, 20), (3, 20), (3, 100), (10, 20)])
async def test_one_of_twenty_clients_that_sends_only_nonsense_blames_nobody(pods, a_second):
    def traffic(rng):
        return by_connection(rng, [1.0, *[0.001] * 19], [a_second / 20] * 20)

    assert "Fail" not in await verdicts(traffic, ERRORS, pods=pods, rollouts=3)


@pytest.mark.parametrize(
    ("number", "correlation", "a_second"),
    [
        pytest.param(10, 0.05, 20, id="ten clients that differ a little"),
        pytest.param(10, 0.2, 20, id="ten clients that differ much"),
        pytest.param(40, 0.2, 20, id="forty clients that differ much"),
        pytest.param(5, 0.02, 50, id="five clients with one channel each"),
    ],
)
async def test_clients_whose_predictions_are_wrong_more_often_than_others_blame_nobody(number, correlation, a_second):
    def traffic(rng):
        rates = alike(rng, number, 0.08, correlation)
        return by_connection(rng, rates, [a_second / number] * number, of_labels=True)

    assert "Fail" not in await verdicts(traffic, ACCURACY)


async def test_pods_that_are_what_they_are_for_good_blame_nobody():
    def traffic(rng):
        return by_request(rng, {"stable": 0.01, "canary": 0.01}, 40, 0.5)

    assert "Fail" not in await verdicts(traffic, ERRORS, stages=(Stage(1, 1800),))


async def test_a_margin_is_kept_where_errors_are_rare_and_stable_has_said_little():
    def traffic(rng):
        return by_request(rng, at_the_margin(0.001, 0.005), 1)

    assert "Fail" not in await verdicts(traffic, ERRORS, stages=(Stage(1, 1800),))


async def test_labels_for_one_class_alone_blame_nobody_and_status_says_why():
    def traffic(rng):
        return one_class_labelled(rng, 40, {"stable": 0.3, "canary": 0.36}, 0.15)

    rows = [await judged(traffic(np.random.default_rng([8, n])), ACCURACY) for n in range(3)]
    assert {(row.verdict, row.reason) for row in rows} == {("Inconclusive", "SelectiveLabels")}


async def test_labels_for_one_class_alone_are_compared_where_both_versions_get_as_many():
    def traffic(rng):
        return one_class_labelled(rng, 40, {"stable": 0.3, "canary": 0.3}, 0.15)

    assert set(await verdicts(traffic, ACCURACY, rollouts=2)) == {"Pass"}

"""Each strategy is a list of stages, and a stage says how many pods it has."""

import pytest

from serin_operator.api.spec import ABTest, BlueGreen, Rollout, Shadow, Step, Strategy
from serin_operator.decide.traffic.provider import PROVIDERS
from serin_operator.decide.wanted.stages import FULL, Evidence, Portion, Stage, stages_of


def test_without_a_word_it_is_a_canary_of_three_steps():
    assert stages_of(Rollout()) == (Stage(10, 60), Stage(25, 60), Stage(50, 60))


def test_blue_green_is_one_stage_without_requests_on_all_pods():
    assert stages_of(Rollout(strategy=Strategy.BLUE_GREEN)) == (Stage(0, 300, FULL, has_preview=True),)
    wanted = Rollout(strategy=Strategy.BLUE_GREEN, blue_green=BlueGreen(hold_seconds=0))
    assert stages_of(wanted)[0].hold_seconds == 0


def test_a_shadow_is_a_stage_of_copies_and_then_what_steps_say():
    assert stages_of(Rollout(strategy=Strategy.SHADOW)) == (Stage(0, 300, mirror=100),)
    wanted = Shadow(mirror_percent=20, hold_seconds=60, min_samples=400, pause=True)
    assert stages_of(Rollout(strategy=Strategy.SHADOW, shadow=wanted, steps=[Step(weight=10)])) == (
        Stage(0, 60, min_samples=400, pause=True, mirror=20),
        Stage(10, 60),
    )


def test_an_ab_test_is_a_stage_of_testers_and_then_what_steps_say():
    assert stages_of(Rollout(strategy=Strategy.AB_TEST)) == (Stage(0, 300, testers=True),)
    wanted = Rollout(strategy=Strategy.AB_TEST, ab_test=ABTest(hold_seconds=5), steps=[Step(weight=10)])
    assert stages_of(wanted) == (Stage(0, 5, testers=True), Stage(10, 60))


def test_a_canary_and_blue_green_may_begin_with_copies_or_testers_and_then_have_no_preview():
    steps = [Step(weight=0, mirror_percent=5), Step(weight=0, testers=True), Step(weight=10)]
    assert stages_of(Rollout(steps=steps)) == (Stage(0, 60, mirror=5), Stage(0, 60, testers=True), Stage(10, 60))
    wanted = Rollout(strategy=Strategy.BLUE_GREEN, blue_green=BlueGreen(mirror_percent=50))
    assert stages_of(wanted) == (Stage(0, 300, FULL, mirror=50),)


def test_a_stage_knows_where_the_spec_says_it():
    said = [stage.said for stage in stages_of(Rollout(strategy=Strategy.SHADOW, steps=[Step(weight=10)]))]
    assert said == ["shadow", "steps[0]"]


@pytest.mark.parametrize(
    ("stage", "evidence"),
    [
        (Stage(0, 60, has_preview=True), set()),
        (Stage(0, 60, mirror=50), {Evidence.ANSWERS}),  # who does not hear an answer labels none
        (Stage(0, 60, testers=True), {Evidence.ANSWERS, Evidence.LABELS}),
        (Stage(1, 60), {Evidence.ANSWERS, Evidence.LABELS}),
    ],
)
def test_a_stage_says_which_evidence_it_gathers(stage, evidence):
    assert stage.evidence == evidence
    assert stage.is_judged == bool(evidence)


def test_at_once_has_no_stages():
    assert stages_of(Rollout(strategy=Strategy.IMMEDIATE)) == ()


def test_a_step_says_its_pods_its_time_and_its_samples():
    steps = [Step(weight=0, pods=2), Step(weight=10, pods="25%", hold_seconds=5, min_samples=400)]
    assert stages_of(Rollout(steps=steps)) == (
        Stage(0, 60, 2, has_preview=True),
        Stage(10, 5, Portion(25), min_samples=400),
    )


@pytest.mark.parametrize("said", ["0%", "101%", "many", "-5%", "050%", ""])
def test_what_no_api_server_lets_pass_counts_as_nothing_said(said):
    assert stages_of(Rollout(steps=[Step(weight=10, pods=said)])) == (Stage(10, 60),)


@pytest.mark.parametrize(
    ("pods", "size"),
    [(None, 3), (1, 1), (7, 7), (20, 10), (0, 1), (Portion(25), 3), (Portion(1), 1), (FULL, 10)],
)
def test_pods_of_a_stage_override_what_the_weight_needs_and_are_never_more_than_full(pods, size):
    assert Stage(25, 60, pods).size(full=10, by_weight=3) == size


def test_a_weight_in_force_is_kept_with_the_pods_that_it_needs():
    preview = Stage(0, 60, FULL, has_preview=True)
    assert preview.at_least(0) == preview
    assert preview.at_least(25) == Stage(25, 60)
    assert Stage(0, 60, mirror=50).at_least(25) == Stage(0, 60, testers=True).at_least(25) == Stage(25, 60)
    assert Stage(50, 60, 3).at_least(25) == Stage(50, 60, 3)


@pytest.mark.parametrize(
    ("stable", "canary", "weight", "is_refused"),
    [
        (3, 1, 10, False),
        (3, 2, 25, False),
        (3, 3, 10, True),
        (3, 1, 60, True),
        (3, 3, 80, False),
        (1, 1, 1, False),
        (100, 12, 10, False),
        (100, 15, 10, True),
    ],
)
def test_pods_have_to_make_the_weight_give_or_take_one_where_they_are_what_makes_it(stable, canary, weight, is_refused):
    said = PROVIDERS["ReplicaRatio"].contradiction(stable, canary, weight)
    assert (said is not None) == is_refused

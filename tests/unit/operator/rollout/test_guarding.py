"""How a guard begins, what it judges, and how it ends: one row a transition."""

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from tests.support.simulation import spec

from serin_operator.api.reasons import EventReason, Outcome, Reason
from serin_operator.api.spec import ModelDeploymentSpec
from serin_operator.api.status import ModelDeploymentStatus
from serin_operator.api.status_of_rollouts import MetricStatus
from serin_operator.api.status_of_versions import MeasuredStatus, VersionStatus
from serin_operator.decide.analysis import Arm, NoData, Proportions, QueryFailed, Stratum, Value
from serin_operator.decide.judging.config import config_of
from serin_operator.decide.judging.due import due_look
from serin_operator.decide.judging.guarded import Renewal, going_on
from serin_operator.decide.judging.verdict import judged
from serin_operator.decide.looks import LookResult, Span
from serin_operator.decide.memory.comparison import Comparison
from serin_operator.decide.memory.guard import Guard
from serin_operator.decide.memory.memory import Memory, Stable
from serin_operator.decide.memory.states import Candidate, Ended, Kind
from serin_operator.decide.memory.stops import Hold
from serin_operator.decide.rollout.guarding import begun, guarded, message_of
from serin_operator.decide.wanted.settings import settings_of
from serin_operator.decide.world import BornRevision, ChildMeta, ModelDeployment, OperatorConfig, Revision, World

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
SECONDS = 7200
ANALYSIS = {
    "intervalSeconds": 30,
    "falseRollbackRate": 0.02,
    "metrics": [
        {"name": "errors", "errorRate": {}},
        {"name": "accuracy", "accuracy": {"maxDecrease": 0.01}, "share": 0.012},
        {"name": "drift", "inputDrift": {"feature": "age"}},
    ],
}


def wanted(**guard: Any) -> ModelDeploymentSpec:
    return ModelDeploymentSpec.model_validate(spec("v2", analysis=ANALYSIS, guard={"seconds": SECONDS, **guard}))


SPEC = wanted()
OURS = settings_of(SPEC).revision
UNGUARDED = ModelDeploymentSpec.model_validate(spec("v2", analysis=ANALYSIS))
GUARD = Guard(OURS, "v2", "rev1", "v1", NOW - HOUR, NOW - timedelta(seconds=5))
WORSE = MetricStatus(metric="accuracy", verdict="Fail", reason="WorseThanStable", message="12 of 100 wrong")
FINE = MetricStatus(metric="accuracy", verdict="Pass", reason="NoEvidenceAgainst", message="5 of 100 wrong")
CHANGES = (Span(NOW - 3 * HOUR, NOW - 3 * HOUR + timedelta(seconds=5)), Span(NOW - 2 * HOUR, NOW - 2 * HOUR))
OPEN = Comparison(
    results=(FINE,), since=NOW - 3 * HOUR, look_from=NOW - timedelta(seconds=60), share=100, changes=CHANGES
)
LEDGER = tuple(
    VersionStatus(
        version=v, revision=r, uri=f"http://models/{v}", sha256="ab" * 32, outcome="Promoted", reason="Promoted"
    )
    for v, r in (("v2", OURS), ("v1", "rev1"))
)
MEMORY = Memory(Stable("v2", OURS, "ab" * 32), comparison=OPEN, ledger=LEDGER, guard=GUARD)


def world(of: ModelDeploymentSpec = SPEC, *, look: LookResult | None = None, remembered: bool = True) -> World:
    meta = ChildMeta("apps/v1", "ControllerRevision", "credit-rev1", "u", "1", owned=True, created_at=NOW - HOUR)
    born = {"rev1": Revision("rev1", BornRevision(meta, 1, "v1", "http://models/v1", "ab" * 32, {}))}
    mdep = ModelDeployment("scoring", "credit", "uid", 1, "1", {}, of, ModelDeploymentStatus())
    config = OperatorConfig(serving_image="i", prometheus_configured=True)
    return World(now=NOW, config=config, mdep=mdep, revisions=born if remembered else {}, look=look)


@dataclass(frozen=True)
class Row:
    sentence: str
    memory: Memory = MEMORY
    of: ModelDeploymentSpec = SPEC
    remembered: bool = True
    goes_on: bool = False
    goes_back: bool = False
    told: dict[EventReason, str] = field(default_factory=dict)


FAILED, ENDED = EventReason.GUARD_FAILED, EventReason.GUARD_ENDED
BAD = replace(MEMORY, comparison=replace(OPEN, results=(WORSE,)))
HELD = replace(BAD, hold=Hold(OURS, "v2", OURS, NOW - HOUR, "kubectl-annotate"))
OLD = replace(MEMORY, guard=replace(GUARD, since=NOW - timedelta(seconds=SECONDS)))
KNOWN = replace(BAD, ledger=(LEDGER[0].model_copy(update={"reason": "GuardFailed"}), LEDGER[1]))
TABLE = [
    Row("nothing speaks against it: it goes on", goes_on=True),
    Row("its time is over", OLD, told={ENDED: "its time is over; accuracy: 5 of 100 wrong"}),
    Row("nothing was ever judged", replace(OLD, comparison=Comparison()), told={ENDED: "nothing was judged"}),
    Row("the spec asks for none any more", of=UNGUARDED, told={ENDED: "the spec asks for none"}),
    Row("another version serves", replace(MEMORY, stable=Stable("v3", "rev3", "")), told={ENDED: "asks for none"}),
    Row("it fails: the version before comes back", BAD, goes_back=True, told={FAILED: "v1 comes back at once"}),
    Row("it fails at its end", replace(BAD, guard=OLD.guard), goes_back=True, told={FAILED: "v1 comes back at once"}),
    Row(
        "it fails, and is only to say so",
        BAD,
        wanted(onFailure="Notify"),
        goes_on=True,
        told={FAILED: "it serves on, as spec.guard.onFailure says; v1 can be gone back to"},
    ),
    Row("it has been said", KNOWN, wanted(onFailure="Notify"), goes_on=True),
    Row("a person holds it", HELD, goes_on=True, told={FAILED: "since it is held by rollback=v2 by kubectl-annotate"}),
    Row(
        "nobody knows the version before", BAD, remembered=False, goes_on=True, told={FAILED: "nothing tells any more"}
    ),
    Row(
        "the ledger has lost it", replace(BAD, ledger=LEDGER[:1]), goes_on=True, told={FAILED: "nothing tells any more"}
    ),
]


@pytest.mark.parametrize("row", TABLE, ids=lambda row: row.sentence)
def test_what_becomes_of_a_guard(row: Row) -> None:
    after = guarded(world(row.of, remembered=row.remembered), row.memory, settings_of(row.of))
    assert (after.memory.guard is not None) == row.goes_on
    held = after.memory.hold if after.memory.hold != row.memory.hold else None
    assert (held is not None) == row.goes_back
    if held:
        assert (held.revision, held.instead_of, held.guard_of, held.by) == ("rev1", OURS, "v2", None)
        assert held.told == "the guard of v2 at 2026-11-20T12:00:00Z"
    assert {each.reason for each in after.announcements} == set(row.told)
    for each in after.announcements:
        assert row.told[EventReason(each.reason)] in each.message
        assert each.warning == (each.reason == FAILED)
    if FAILED in row.told:
        entry = after.memory.ledger[0]
        assert (entry.reason, entry.message, entry.distrusted) == (
            Reason.GUARD_FAILED,
            "accuracy: 12 of 100 wrong",
            True,
        )
        assert entry.outcome == Outcome.PROMOTED


PROMOTED = Ended(Candidate(OURS, "v2", "u", Kind.CANARY, NOW - HOUR), Outcome.PROMOTED, Reason.PROMOTED, "")
STABLE = Stable("v1", "rev1", "ab" * 32)


@pytest.mark.parametrize(
    ("sentence", "kind", "outcome", "of", "begins"),
    [
        ("a canary is promoted", Kind.CANARY, Outcome.PROMOTED, SPEC, True),
        ("all traffic at once", Kind.DIRECT, Outcome.PROMOTED, SPEC, True),
        ("the first version", Kind.FIRST, Outcome.PROMOTED, SPEC, False),
        ("it replaced what served nothing", Kind.RESCUE, Outcome.PROMOTED, SPEC, False),
        ("somebody went back to it", Kind.ROLLBACK, Outcome.PROMOTED, SPEC, False),
        ("it was rolled back", Kind.CANARY, Outcome.ROLLED_BACK, SPEC, False),
        ("nobody asks for a guard", Kind.CANARY, Outcome.PROMOTED, UNGUARDED, False),
        ("the spec has moved on", Kind.CANARY, Outcome.PROMOTED, SPEC.model_copy(update={"model": None}), False),
    ],
    ids=lambda value: value if isinstance(value, str) and " " in value else "",
)
def test_which_rollouts_are_guarded_afterwards(
    sentence: str, kind: Kind, outcome: Outcome, of: ModelDeploymentSpec, begins: bool
) -> None:
    settings = settings_of(SPEC if of.model is None else of)
    settings = replace(settings, revision="rev3") if of.model is None else settings
    ended = replace(PROMOTED, candidate=replace(PROMOTED.candidate, kind=kind), outcome=outcome)
    guard, comparison = begun(world(), Memory(STABLE, comparison=OPEN), ended, settings)
    assert (guard is not None) == begins, sentence
    assert (comparison.since is not None) == begins


def test_a_guard_goes_on_with_the_open_look_and_the_past_of_the_rollout_and_with_evidence_of_its_own() -> None:
    rollout = replace(OPEN, evidence={"metrics": {"errors": {"rule": "r"}}}, stage_weight=50, achieved=50, is_ripe=True)
    guard, comparison = begun(world(), Memory(STABLE, comparison=rollout), PROMOTED, settings_of(SPEC))
    assert guard == Guard(OURS, "v2", "rev1", "v1", NOW, NOW)
    assert comparison == Comparison(since=OPEN.since, look_from=OPEN.look_from, share=100, changes=CHANGES)
    moving = replace(rollout, look_from=None, change_from=NOW - timedelta(seconds=2))
    _, comparison = begun(world(), Memory(STABLE, comparison=moving), PROMOTED, settings_of(SPEC))
    assert (comparison.look_from, comparison.change_from) == (None, moving.change_from)


def looked(**samples: Any) -> World:
    look = due_look(world(), MEMORY)
    assert look is not None
    return world(look=LookResult(look, samples))


def test_a_look_of_a_guard_asks_about_both_versions_and_knows_what_changed_in_the_rollout() -> None:
    look = due_look(world(), MEMORY)
    assert look is not None
    assert (look.canary, look.stable, look.canary_since, look.weight_changes) == (OURS, "rev1", OPEN.since, CHANGES)
    assert due_look(world(), BAD) is None


def test_labels_of_predictions_made_during_the_rollout_judge_it_though_the_version_before_answers_nobody_any_more() -> (
    None
):
    late = Value(Proportions((Stratum(Arm(80, 400), Arm(20, 400)),)))
    alone = Value(Proportions((Stratum(Arm(90, 1000), Arm(0, 0)),)))
    after = judged(looked(accuracy=late, errors=alone), MEMORY, settings_of(SPEC))
    rows = {row.metric: row for row in after.memory.comparison.results}
    assert rows["accuracy"].verdict == "Fail"
    assert (rows["errors"].verdict, rows["errors"].reason) == ("Inconclusive", "NothingToCompare")
    assert after.judgement.failed is not None
    assert set(rows) == {"accuracy", "errors"}


def test_a_look_without_data_takes_nothing_back_and_brings_no_line() -> None:
    late = Value(Proportions((Stratum(Arm(20, 400), Arm(20, 400)),)))
    first = judged(looked(accuracy=late, errors=NoData()), MEMORY, settings_of(SPEC))
    assert len(first.lines) == 1
    second = judged(world(look=_next(first.memory)), first.memory, settings_of(SPEC))
    rows = {row.metric: row for row in second.memory.comparison.results}
    assert (rows["accuracy"].verdict, rows["accuracy"].samples) == ("Pass", 400)
    assert second.lines == ()


def test_a_query_that_fails_is_said_and_what_was_counted_stays() -> None:
    late = Value(Proportions((Stratum(Arm(20, 400), Arm(20, 400)),)))
    first = judged(looked(accuracy=late), MEMORY, settings_of(SPEC))
    down = _next(first.memory, errors=QueryFailed("no answer"))
    rows = {r.metric: r for r in judged(world(look=down), first.memory, settings_of(SPEC)).memory.comparison.results}
    assert (rows["errors"].reason, rows["accuracy"].verdict) == ("QueryFailed", "Pass")


BEATING = wanted(mustBeat="SimpleBaseline", metrics=["errors"])
ALONE = Value(Proportions((Stratum(Arm(500, 1000), Arm(0, 0)),)))


def trained(simple: float | None) -> Memory:
    """What the resolve Job has read in the baseline.json of the version that serves."""
    ours = LEDGER[0].model_copy(update={"measured": MeasuredStatus(simple_accuracy=simple)})
    return replace(MEMORY, ledger=(ours, LEDGER[1]))


@pytest.mark.parametrize(("simple", "verdict"), [(0.6, "Fail"), (0.4, "Pass")])
def test_a_version_must_be_right_more_often_than_the_simple_baseline_whatever_the_version_before_was(
    simple: float, verdict: str
) -> None:
    after = judged(looked(accuracy=ALONE), trained(simple), settings_of(BEATING))
    rows = {row.metric: row for row in after.memory.comparison.results}
    assert rows["mustBeat"].verdict == verdict
    assert f"at most {100 - 100 * simple:.1f} % may be bad" in (rows["mustBeat"].message or "")
    assert (after.judgement.failed is not None) == (verdict == "Fail")
    assert "accuracy" not in rows, "it lends its labels, and goes on itself only where it is named"


@pytest.mark.parametrize("simple", [None, 0.0, 1.7], ids=["nobody told it", "no share", "a score of something else"])
def test_a_simple_baseline_that_is_not_known_judges_nothing_and_says_so(simple: float | None) -> None:
    memory, settings = trained(simple), settings_of(BEATING)
    after = judged(looked(accuracy=ALONE), memory, settings)
    assert [row.metric for row in after.memory.comparison.results] == ["errors"]
    assert "mustBeat is not judged" in message_of(world(BEATING), memory, GUARD, settings)
    assert "mustBeat" not in message_of(world(BEATING), trained(0.6), GUARD, settings)


def test_a_bound_of_the_simple_baseline_shares_the_rate_with_what_goes_on() -> None:
    analysis = SPEC.analysis
    assert analysis is not None
    errors, simple = going_on(analysis, frozenset({"errors"}), 0.6).metrics
    assert (errors.name, simple.name, simple.asked and simple.asked[1].minimum) == ("errors", "mustBeat", 0.6)


def test_shares_that_are_all_there_is_leave_a_part_to_the_simple_baseline() -> None:
    analysis = SPEC.analysis
    assert analysis is not None
    whole = [m.model_copy(update={"share": (analysis.false_rollback_rate or 0.01) / 2}) for m in analysis.metrics[:2]]
    names = frozenset(one.name for one in whole)
    asked = going_on(analysis.model_copy(update={"metrics": whole}), names, 0.6)
    config = config_of(asked)
    assert config.false_alarm_share("mustBeat") > 0
    assert sum(config.false_alarm_share(one.name) for one in config.metrics) <= config.false_rollback_rate * 1.000001


def _next(memory: Memory, **samples: Any) -> LookResult:
    later = replace(world(), now=NOW + timedelta(seconds=60))
    look = due_look(later, memory)
    assert look is not None
    return LookResult(look, samples or {"accuracy": NoData(), "errors": NoData()})


def test_the_metrics_that_go_on_share_half_the_rate_once_more() -> None:
    analysis = SPEC.analysis
    assert analysis is not None
    alone = going_on(analysis, frozenset({"accuracy"}))
    assert [metric.name for metric in alone.metrics] == ["accuracy"]
    assert (alone.false_rollback_rate, alone.metrics[0].share) == (0.01, 0.006)


def test_the_prior_weight_of_a_beginning_is_spent_evenly_and_never_more_than_all_of_it() -> None:
    renewal = Renewal(0.0)
    assert renewal.at(60.0, 600) == Renewal(60.0, 0.1)
    assert renewal.at(60.0, 600).at(30.0, 600) == Renewal(60.0, 0.1)
    assert renewal.at(500.0, 600).at(1500.0, 1200) == Renewal(1500.0, 1.0)

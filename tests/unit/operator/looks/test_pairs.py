"""What a look reads of pairs and of clients, and which rule of the engine follows from what people wrote."""

import re
from datetime import UTC, datetime, timedelta
from random import Random

import pytest
from pydantic import ValidationError

from serin_operator.api.spec import Analysis
from serin_operator.decide.analysis import Arm, Bound, Clients, Evidence, Paired, Pairs, Proportions, Stratum, Value
from serin_operator.decide.judging.config import config_of
from serin_operator.decide.looks import Look
from serin_operator.observe.looks import take
from serin_operator.observe.prometheus_client import Series
from serin_server.metrics.clients import SUMS, ClientSums
from serin_server.metrics.server import AGE_BOUNDS

T0 = datetime(2026, 11, 20, 12, tzinfo=UTC)
LOOK = Look("ns", "m", "old", "new", T0, T0 + timedelta(seconds=30), T0 - timedelta(seconds=3600))
FIRST = Look("ns", "m", "old", "new", T0, LOOK.end, T0, (), (T0 - timedelta(seconds=60), T0))
PAIRED = "serin_paired_feedback_total"
KNOWN = [Series({"at": at, "server_id": server}, 1.0, 0.0) for at in ("born", "alive") for server in "ab"]


def analysis(*metrics, pairing=True, **more):
    pairs = {"pairing": {"sample": 0.1}} if pairing else {}
    written = {"metrics": [{"name": f"m{n}", **one} for n, one in enumerate(metrics)], **pairs, **more}
    return Analysis.model_validate(written)


class Prometheus:
    """Servers whose counters begin at 0 in a look; those of pairs come with the first one."""

    def __init__(self, *counters):
        self.counters = counters
        self.asked = []

    async def query(self, promql, at):
        self.asked.append(promql)
        found = list(KNOWN)
        for name, labels, value in self.counters:
            for where, number in re.findall(rf'{name}{{([^}}]*)}}[^"]*"at", "(\d+) end"', promql):
                wanted = re.findall(r'(\w+)(=~?)"([^"]*)"', where)
                if all(re.fullmatch(v, labels[k]) for k, _, v in wanted if not k.startswith("model_n")):
                    found.append(Series({"at": f"{number} end", **labels}, value, 0.0))
                    if "pair" not in name:
                        found.append(Series({"at": f"{number} start", **labels}, 0.0, 0.0))
        return found


def paired(pair, value, control="old", age="4"):
    labels = {"server_id": "b", "predicted_revision": "new", "control_revision": control, "age_le": age, "pair": pair}
    return PAIRED, labels, value


def of_canary(name, value, **labels):
    return name, {"server_id": "b", "model_revision": "new", "control_revision": "old", **labels}, value


async def look_at(prometheus, *metrics, look=LOOK, **more):
    return await take(prometheus, look, analysis(*metrics, **more), 5.0, look.end)


AGREE = (
    of_canary("serin_pairs_total", 90, outcome="agree"),
    of_canary("serin_pairs_total", 5, outcome="disagree"),
    of_canary("serin_pairs_total", 5, outcome="no_answer"),
)
ANSWERS = (
    of_canary("serin_pair_answers_total", 60, prediction="0", answered="true"),
    of_canary("serin_pair_answers_total", 4, prediction="0", answered="false"),
    of_canary("serin_pair_answers_total", 35, prediction="1", answered="true"),
    of_canary("serin_pair_answers_total", 1, prediction="1", answered="false"),
)


async def test_labels_of_pairs_count_over_all_ages_and_only_those_against_stable():
    prometheus = Prometheus(
        paired("only_canary_wrong", 4),
        paired("only_canary_wrong", 3, age="8"),
        paired("only_control_wrong", 2),
        paired("both_right", 80),
        paired("both_wrong", 11),
        paired("only_canary_wrong", 1000, control="older"),
    )
    result = await look_at(prometheus, {"accuracy": {}})
    ages = (Pairs(4, 2, 97), Pairs(3, 0, 3))
    assert result.samples["m0"] == Value(Proportions(pairs=Pairs(7, 2, 100), pair_ages=ages))


async def test_labels_of_pairs_are_told_by_age_and_each_bound_of_servers_has_its_place():
    told = [paired("only_canary_wrong", n, age=age) for n, age in enumerate(AGE_BOUNDS, 1)]
    result = await look_at(Prometheus(*told), {"accuracy": {}})
    seen = result.samples["m0"].observed.pair_ages
    assert seen == tuple(Pairs(n, 0, n) for n in range(1, len(AGE_BOUNDS) + 1))
    result = await look_at(Prometheus(paired("both_right", 2, age="60")), {"accuracy": {}})
    assert result.samples["m0"].observed.pair_ages == (*[Pairs()] * 4, Pairs(0, 0, 2))


@pytest.mark.parametrize("age", ["0", "-1"])
async def test_a_bound_that_no_server_counts_by_is_the_youngest(age):
    result = await look_at(Prometheus(paired("both_right", 2, age=age)), {"accuracy": {}})
    assert result.samples["m0"].observed.pair_ages == (Pairs(0, 0, 2),)


async def test_agreement_of_classes_counts_without_a_label_and_what_was_left_unanswered_is_told_by_class():
    result = await look_at(Prometheus(*AGREE, *ANSWERS), {"accuracy": {}})
    seen = Proportions(differing=Arm(5, 95), unanswered=(Stratum(Arm(4, 64), Arm(1, 36)),))
    assert result.samples["m0"] == Value(seen)


async def test_agreement_of_numbers_proves_nothing_about_what_is_within_a_tolerance_of_a_label():
    result = await look_at(Prometheus(*AGREE, paired("both_right", 9)), {"accuracy": {}})
    assert result.samples["m0"] == Value(Proportions(pairs=Pairs(0, 0, 9), pair_ages=(Pairs(0, 0, 9),)))


async def test_errors_are_told_by_who_failed_and_a_question_without_an_answer_is_no_pair():
    told = {"both_failed": 9, "only_canary_failed": 3, "only_control_failed": 1, "neither_failed": 80, "no_answer": 7}
    prometheus = Prometheus(*(of_canary("serin_error_pairs_total", n, outcome=name) for name, n in told.items()))
    result = await look_at(prometheus, {"errorRate": {}})
    assert result.samples["m0"] == Value(Proportions(pairs=Pairs(3, 1, 93)))


async def test_disagreement_is_a_share_of_the_pairs_that_were_answered():
    result = await look_at(Prometheus(*AGREE), {"disagreement": {"max": 0.1}})
    assert result.samples["m0"] == Value(Proportions((Stratum(Arm(5, 95), Arm()),)))


async def test_pairs_that_cannot_be_counted_cost_themselves_and_nothing_else():
    broken = (PAIRED, paired("both_right", 5)[1] | {"age_le": "x"}, 5)
    labels = [
        ("serin_feedback_total", {"server_id": s, "predicted_revision": r, "age_le": "4", "outcome": "correct"}, 8)
        for s, r in (("a", "old"), ("b", "new"))
    ]
    result = await look_at(Prometheus(broken, *labels), {"accuracy": {}})
    assert result.samples["m0"] == Value(Proportions((Stratum(Arm(0, 8), Arm(0, 8)),)))


async def test_nothing_is_asked_about_pairs_where_none_are_asked_for():
    for metric, pairing in (({"accuracy": {}}, False), ({"accuracy": {"paired": "Off"}}, True)):
        prometheus = Prometheus()
        await look_at(prometheus, metric, pairing=pairing)
        assert "pair" not in prometheus.asked[0]


async def test_all_of_it_is_asked_in_the_same_two_round_trips():
    prometheus = Prometheus()
    metrics = [{"accuracy": {}}, {"errorRate": {}}, {"disagreement": {"max": 0.1}}] * 3
    await look_at(prometheus, *metrics, look=FIRST)
    assert len(prometheus.asked) == 2
    assert prometheus.asked[0].count("serin_pairs_total") == 2  # both ends


# ---- clients ----------------------------------------------------------------------------------------------------------


def told_by_a_server(requests):
    """What a real server's book of clients exports after requests of (window, client, whether it failed)."""
    sums = ClientSums()
    for window, client, bad in requests:
        sums.window = window
        sums.count(sums.numbered(client), bad)
    return dict(zip(SUMS, sums.sums, strict=True))


async def test_the_sums_that_servers_export_are_those_that_the_design_effect_is_made_of():
    random = Random(7)
    requests = [(n // 200, random.randrange(1, 9), int(random.random() < 0.3)) for n in range(600)]
    prometheus = Prometheus(
        *(
            ("serin_client_sums_total", {"server_id": "a", "model_revision": "old", "sum": name}, value)
            for name, value in told_by_a_server(requests).items()
        )
    )
    result = await look_at(prometheus, {"errorRate": {}}, look=FIRST)
    cells = {}
    for window, client, bad in requests:
        n, b = cells.get((window, client), (0, 0))
        cells[window, client] = n + 1, b + bad
    ns, bs = zip(*cells.values(), strict=True)
    expected = Clients(
        clients=len(cells),
        stretches=1,
        total=sum(ns),
        bad=sum(bs),
        total_squared=sum(n * n for n in ns),
        bad_squared=sum(b * b for b in bs),
        total_bad=sum(n * b for n, b in cells.values()),
    )
    assert result.stable_clients["m0"] == expected
    assert result.clients_before["m0"].total == 600
    assert result.clients_before["m0"].stretches == 2


async def test_servers_that_export_no_sums_tell_nothing_about_clients():
    result = await look_at(Prometheus(), {"errorRate": {}}, {"accuracy": {}}, look=FIRST)
    assert result.stable_clients == {}
    assert result.clients_before == {}


# ---- rules ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("metric", "pairing", "expected"),
    [
        ({"accuracy": {}}, False, Paired.OFF),
        ({"accuracy": {}}, True, Paired.AUTO),
        ({"accuracy": {"paired": "Off"}}, True, Paired.OFF),
        ({"accuracy": {"paired": "Require"}}, True, Paired.REQUIRE),
        ({"errorRate": {}}, True, Paired.AUTO),
        ({"latency": {"slowerThanSeconds": 0.25}}, True, Paired.OFF),
    ],
)
def test_pairs_are_judged_where_they_are_made_unless_people_say_otherwise(metric, pairing, expected):
    (judged,) = config_of(analysis(metric, pairing=pairing)).metrics
    assert judged.rule.paired is expected


def test_evidence_and_its_rate_reach_the_engine():
    config = config_of(
        analysis(
            {"accuracy": {}, "evidence": "NonInferior"},
            {"errorRate": {}},
            {"disagreement": {"max": 0.02}},
            falsePromotionRate=0.1,
        )
    )
    assert config.false_promotion_rate == 0.1
    assert [metric.rule.evidence for metric in config.metrics] == [
        Evidence.NON_INFERIOR,
        Evidence.NO_FAIL,
        Evidence.NO_FAIL,
    ]
    assert isinstance(config.metrics[2].rule, Bound)
    assert config_of(analysis({"accuracy": {}})).false_promotion_rate == 0.05


@pytest.mark.parametrize("rate", [0, 0.5, -1])
def test_a_false_promotion_rate_that_is_none_is_refused(rate):
    with pytest.raises(ValidationError):
        analysis({"accuracy": {}}, falsePromotionRate=rate)


def labelled(revision, number, server):
    about = {"server_id": server, "predicted_revision": revision, "age_le": "4", "outcome": "correct"}
    return "serin_feedback_total", about, number


def predicted(revision, number, server):
    return "serin_signed_predictions_total", {"server_id": server, "model_revision": revision}, number


async def test_labels_are_told_beside_all_predictions_of_both_versions():
    counters = (
        labelled("new", 30, "b"),
        labelled("old", 60, "a"),
        predicted("new", 90, "b"),
        predicted("old", 300, "a"),
    )
    result = await look_at(Prometheus(*counters), {"accuracy": {}}, pairing=False)
    assert result.samples["m0"].observed.unlabelled == (Stratum(Arm(90, 120), Arm(300, 360)),)


@pytest.mark.parametrize(
    "counters",
    [
        pytest.param(
            (labelled("new", 30, "b"), labelled("old", 60, "a"), predicted("new", 90, "b")), id="older servers"
        ),
        pytest.param((labelled("old", 60, "a"), predicted("new", 90, "b"), predicted("old", 90, "a")), id="copies"),
    ],
)
async def test_labels_are_told_alone_where_one_version_has_no_predictions_or_no_labels(counters):
    result = await look_at(Prometheus(*counters), {"accuracy": {}}, pairing=False)
    assert not result.samples["m0"].observed.unlabelled


def test_a_version_that_is_judged_against_a_number_asks_for_no_pairs():
    wanted = analysis({"accuracy": {"minimum": 0.9}}, {"accuracy": {}})
    assert [wanted.paired(metric).value for metric in wanted.metrics] == ["Off", "Auto"]
    least, _ = config_of(wanted).metrics
    assert least.rule == Bound(0.1, Evidence.NO_FAIL, least.rule.words)

"""Made-up series for each alert: when it has to fire, and when it has to be silent although something is close to it."""

from dataclasses import dataclass, field

WHOSE = 'model_namespace="scoring",model_name="credit"'
V1, V2 = (f'{WHOSE},model_version="{v}",model_revision="{v}"' for v in ("v1", "v2"))
LEADS = {'serin_operator_leader{pod="a"}': "1x5000", 'serin_operator_leader{pod="b"}': "0x5000"}


@dataclass(frozen=True)
class Case:
    """Series, one value an interval, and what fires at a time."""

    series: dict[str, str]
    at: str
    fires: tuple[str, ...] = ()
    interval: str = "1m"
    surroundings: dict[str, str] = field(default_factory=lambda: LEADS)


def condition(kind: str, reason: str = "Serving", values: str = "1x600") -> dict[str, str]:
    return {f'serin_operator_model_condition{{{WHOSE},condition="{kind}",reason="{reason}"}}': values}


def weight(arm: str, version: str, values: str = "100x600") -> dict[str, str]:
    return {f'serin_operator_model_weight_percent{{{version},arm="{arm}"}}': values}


def requests(good: str, bad: str, version: str = V1) -> dict[str, str]:
    return {
        f'serin_requests_total{{{version},server_id="a",code="200",error="false"}}': good,
        f'serin_requests_total{{{version},server_id="a",code="500",error="true"}}': bad,
    }


def refused(values: str, version: str = V1) -> dict[str, str]:
    """Requests with a wrong key, and too many of one client: nobody has an answer to label."""
    return {
        f'serin_requests_total{{{version},server_id="a",code="{code}",error="false"}}': values for code in (401, 429)
    }


def labels(values: str, version: str = V1) -> dict[str, str]:
    return {
        f'serin_feedback_total{{{version},server_id="a",predicted_revision="v1",age_le="60",outcome="correct"}}': values
    }


def looks(until: str) -> dict[str, str]:
    return {
        f"serin_operator_model_judged_until_timestamp_seconds{{{WHOSE}}}": until,
        f"serin_operator_model_look_interval_seconds{{{WHOSE}}}": "30x600",
    }


def verdict(reason: str, values: str = "1x600") -> dict[str, str]:
    about = f'metric="accuracy",verdict="Inconclusive",reason="{reason}",mode="Gate"'
    return {f"serin_operator_model_verdict{{{WHOSE},{about}}}": values}


def notices(ages: str) -> dict[str, str]:
    return {'serin_operator_notices_oldest_seconds{pod="a",channel="ops"}': ages}


def sampled(**outcomes: str) -> dict[str, str]:
    """What became of sampled predictions, by outcome."""
    where = f'{V1},server_id="a"'
    return {f'serin_prediction_log_records_total{{{where},outcome="{name}"}}': told for name, told in outcomes.items()}


def collecting(
    spool: str = "1000x600", store: str = "0x600", disk: str = "0x600", full: str = "0x600"
) -> dict[str, str]:
    """A collector: what its spool holds of a million bytes, and what has failed."""
    return {
        f"serin_collector_spool_bytes{{{WHOSE}}}": spool,
        f"serin_collector_spool_max_bytes{{{WHOSE}}}": "1000000x600",
        f"serin_collector_store_failures_total{{{WHOSE}}}": store,
        f"serin_collector_spool_failures_total{{{WHOSE}}}": disk,
        f'serin_collector_batches_total{{{WHOSE},outcome="full"}}': full,
    }


def feature(*a_step: float, rows: tuple[int, ...] = (500, 500), steps: int = 200) -> dict[str, str]:
    """Values of a feature by bin in each step, and training rows by bin."""
    told = {}
    for number, (values, trained) in enumerate(zip(a_step, rows, strict=True)):
        where = f'{V1},server_id="a",feature="age",bin="{number}"'
        told[f"serin_feature_values_total{{{where}}}"] = f"0+{values:g}x{steps}"
        told[f"serin_baseline_feature_rows{{{where}}}"] = f"{trained}x{steps}"
    return told


SERVING = weight("stable", V1)
DAYS = "2m"
"""Between the values of cases that last for days; a day is 720 of them."""

FIRING = {
    "a version that serves is reached no more": Case(
        {**SERVING, **condition("Available", values="1x10 _x60")}, "20m", ("SerinModelUnavailable",)
    ),
    "a rollout is stalled": Case(condition("Stalled", "AnalysisFailed"), "6m", ("SerinRolloutStalled",)),
    "a rollout stays stalled, for another reason": Case(
        {**condition("Stalled", "AnalysisFailed", "1x4 _x60"), **condition("Stalled", "TargetRejected", "_x5 1x60")},
        "7m",
        ("SerinRolloutStalled",),
    ),
    "what serves is in trouble": Case(condition("Degraded", "SourceChanged"), "16m", ("SerinModelDegraded",)),
    "what serves is in trouble while a person holds it": Case(
        {**condition("Stalled", "HeldByRollback"), **condition("Degraded", "PodsNotReady")},
        "16m",
        ("SerinModelDegraded",),
    ),
    "a version that a person went back to does not come": Case(
        {
            **condition("Stalled", "HeldByRollback", "1x10 _x60"),
            **condition("Stalled", "RollbackFailed", "_x11 1x60"),
            **condition("Degraded", "RollbackFailed", "_x11 1x60"),
        },
        "30m",
        ("SerinRolloutStalled",),
    ),
    "nobody judges": Case(looks("0x600"), "15m", ("SerinNoLooks",)),
    "labels end while requests go on": Case(
        # A day of labels at 1 a minute, then none; requests all the time.
        {**requests("0+10x1000", "0x1000"), **labels("0+2x740 1480x260")},
        "29h",
        ("SerinLabelsDriedUp",),
        interval=DAYS,
    ),
    "the exact test says that labels are selective": Case(
        verdict("SelectiveLabels"), "11m", ("SerinLabelRatesDiffer",)
    ),
    "a feature has moved": Case(feature(10, 40), "26h", ("SerinFeatureDrift",), interval="10m"),
    "servers drop a twentieth of the sample": Case(
        sampled(acknowledged="0+95x60", full="0+5x60"), "30m", ("SerinPredictionsDropped",)
    ),
    "servers drop labels that a collector refuses": Case(
        sampled(acknowledged="0+95x60", refused="0+5x60"), "30m", ("SerinPredictionsDropped",)
    ),
    "a store takes no predictions": Case(collecting(store="0+1x60"), "20m", ("SerinPredictionsNotWritten",)),
    "a disk lets go of nothing that is written": Case(
        collecting(disk="0+1x60"), "20m", ("SerinPredictionsNotWritten",)
    ),
    "a collector has no room on its disk": Case(collecting(full="0+3x60"), "20m", ("SerinPredictionsNotWritten",)),
    "a spool fills": Case(collecting(spool="0+20000x60"), "45m", ("SerinPredictionsNotWritten",)),
    "2 % of requests fail": Case(
        requests("0+980x90", "0+20x90"), "70m", ("SerinErrorBudgetBurnsFast", "SerinErrorBudgetBurnsSlowly")
    ),
    "0.8 % of requests have failed for six hours": Case(
        requests("0+992x400", "0+8x400"), "390m", ("SerinErrorBudgetBurnsFast", "SerinErrorBudgetBurnsSlowly")
    ),
    "0.4 % of requests have failed for a day": Case(
        requests("0+996x800", "0+4x800"), "25h", ("SerinErrorBudgetBurnsSlowly",), interval=DAYS
    ),
    "0.15 % of requests have failed for three days": Case(
        requests("0+1997x2200", "0+3x2200"), "73h", ("SerinErrorBudgetBurnsSlowly",), interval=DAYS
    ),
    "nothing of the operator is scraped": Case({}, "11m", ("SerinOperatorDown",), surroundings={}),
    "the operator's last replica has gone": Case(
        {}, "30m", ("SerinOperatorDown",), surroundings={'serin_operator_leader{pod="a"}': "1x10 _x60"}
    ),
    "no replica leads": Case(
        {},
        "6m",
        ("SerinOperatorNotLeading",),
        surroundings={'serin_operator_leader{pod="a"}': "0x60", 'serin_operator_leader{pod="b"}': "0x60"},
    ),
    "a watch is down": Case(
        {'serin_operator_watch_up{resource="pods",namespace=""}': "1 0x60"}, "12m", ("SerinWatchBroken",)
    ),
    "a channel takes no notices": Case(notices("0x5 60+60x60"), "30m", ("SerinNoticesWait",)),
}
SILENT = {
    "a version serves": Case({**SERVING, **condition("Available"), **condition("Ready")}, "1h"),
    "nothing has ever served": Case(condition("Reconciling", "Deploying"), "1h"),
    "a model sleeps at 0 replicas": Case({**SERVING, **condition("Progressing", "ScaledToZero")}, "1h"),
    "a model has gone": Case(
        {**weight("stable", V1, "100x10 _x60"), **condition("Stalled", values="1x10 _x60")}, "30m"
    ),
    "a person holds the version that they went back to": Case(condition("Stalled", "HeldByRollback"), "1h"),
    "a person has aborted a rollout": Case(
        {**condition("Stalled", "Aborted"), **condition("Degraded", "Aborted")}, "1h"
    ),
    "a stall that a person ended within minutes": Case(condition("Stalled", values="1x3 _x60"), "10m"),
    "a pod that was away for minutes": Case(condition("Degraded", "PodsNotReady", "1x9 _x60"), "20m"),
    "looks are taken": Case(looks("0+60x600"), "1h"),
    "looks stop for three minutes": Case(looks("0+60x20 1200x3 1440+60x600"), "30m"),
    "a rollout is over": Case(looks("0+60x10 _x600"), "1h"),
    "labels come once a night": Case(
        # 1,500 labels within an hour of each day.
        {**requests("0+10x2000", "0x2000"), **labels("0x60 0+50x30 1500x690 1500+50x30 3000x690 3000+50x30 4500x200")},
        "51h",
        interval=DAYS,
    ),
    "labels end because requests do": Case(
        {**requests("0+10x740 7400x260", "0x1000"), **labels("0+2x740 1480x260")}, "29h", interval=DAYS
    ),
    "labels end because every client is refused": Case(
        {**requests("0+10x740 7400x260", "0x1000"), **refused("0x740 0+10x260"), **labels("0+2x740 1480x260")},
        "29h",
        interval=DAYS,
    ),
    "a model never had labels": Case({**requests("0+10x1000", "0x1000"), **labels("0x1000")}, "29h", interval=DAYS),
    "labels are too few to say": Case(verdict("NotEnoughSamples"), "1h"),
    "a feature is as in training": Case(feature(25, 25), "26h", interval="10m"),
    "a feature has moved a little": Case(feature(20, 30), "26h", interval="10m"),
    "too few values say anything": Case(feature(1, 4), "26h", interval="10m"),
    "predictions are kept, and written every five minutes": Case(
        {**sampled(acknowledged="0+100x60", full="0x60"), **collecting(spool="0 90000 180000 270000 360000 0x60")}, "1h"
    ),
    "one in two hundred sampled predictions is dropped": Case(sampled(acknowledged="0+199x60", full="0+1x60"), "40m"),
    "servers dropped a tenth of the sample for five minutes, an hour ago": Case(
        sampled(acknowledged="0+100x90", full="0x20 0+10x5 50x70"), "90m"
    ),
    "predictions are too large to be kept, as the spec says": Case(
        sampled(acknowledged="0+50x60", too_large="0+50x60"), "40m"
    ),
    "a store was away for eight minutes": Case(collecting(store="0x10 0+1x8 8x60"), "40m"),
    "0.05 % of requests fail": Case(requests("0+19990x90", "0+10x90"), "80m"),
    "a tenth of requests failed for half an hour, half an hour ago": Case(
        requests("0+2000x2200", "0x2100 0+200x15 3000x100"), "71h8m", interval=DAYS
    ),
    "one of fifty requests failed": Case(requests("0x10 0+1x49", "0x20 1x60"), "60m"),
    "a version that gets copies only fails them all": Case(
        {
            **requests("0+1000x90", "0x90"),
            **requests("0x90", "0+1000x90", V2),
            **weight("stable", V1),
            **weight("canary", V2, "0x90"),
            **condition("Available"),
        },
        "70m",
    ),
    "the lease changes hands": Case(
        {},
        "1h",
        surroundings={
            'serin_operator_leader{pod="a"}': "1x20 _x60",
            'serin_operator_leader{pod="b"}': "0x22 1x60",
        },
    ),
    "a watch begins again": Case({'serin_operator_watch_up{resource="pods",namespace=""}': "1 0x5 1x60"}, "1h"),
    "a channel takes notices again after eighteen minutes": Case(notices("60+60x18 0x60"), "1h"),
    "each of many notices waits for a little": Case(notices("600x60"), "1h"),
}

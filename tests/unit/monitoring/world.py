"""Two versions of a model in the middle of a rollout, as series of two hours: what every panel has something to show of."""

from tests.unit.monitoring.cases import (
    LEADS,
    V1,
    V2,
    WHOSE,
    condition,
    feature,
    labels,
    looks,
    requests,
    verdict,
    weight,
)

STEPS = 120


def _counters(name: str, where: str, by: str = "", *values: str) -> dict[str, str]:
    told = [f'{where},{by}="{value}"' for value in values] or [where]
    return {f"{name}{{{each}}}": f"0+{10 + place}x{STEPS}" for place, each in enumerate(told)}


def _of_version(version: str) -> dict[str, str]:
    where = f'{version},server_id="a"'
    return {
        **requests(f"0+600x{STEPS}", f"0+6x{STEPS}", version),
        **_counters("serin_request_duration_seconds_bucket", where, "le", "0.01", "0.1", "+Inf"),
        **_counters("serin_batch_size_sum", where),
        **_counters("serin_batch_size_count", where),
        **_counters("serin_requests_rejected_total", where, "reason", "overloaded"),
        **_counters("serin_feedback_rejected_total", where, "reason", "forged"),
        **_counters("serin_prediction_log_records_total", where, "outcome", "acknowledged", "full"),
        **_counters("serin_prediction_values_total", where, "bin", "yes", "no"),
        **_counters("serin_feature_invalid_total", f'{where},feature="age"', "kind", "missing"),
        **_counters("serin_process_cpu_seconds_total", where),
        f"serin_process_start_time_seconds{{{where}}}": f"1x{STEPS}",
        f"serin_process_resident_memory_bytes{{{where}}}": f"1000000x{STEPS}",
    }


_OPERATOR = {
    f'serin_operator_model_phase{{{WHOSE},phase="Holding"}}': f"1x{STEPS}",
    f'serin_operator_model_evidence_percent{{{WHOSE},metric="accuracy"}}': f"12x{STEPS}",
    "serin_operator_queue_oldest_seconds{}": f"0x{STEPS}",
    'serin_operator_watch_up{resource="pods",namespace=""}': f"1x{STEPS}",
    **_counters("serin_operator_reconciles_total", 'pod="a"', "result", "success", "conflict"),
    **_counters("serin_operator_rollouts_total", 'pod="a"', "outcome", "Promoted", "RolledBack"),
    **_counters("serin_operator_api_requests_total", 'pod="a",verb="GET"', "code", "200", "409"),
    **_counters("serin_operator_prometheus_queries_total", 'pod="a"', "result", "success"),
}
_COLLECTOR = {
    f"serin_collector_spool_bytes{{{WHOSE}}}": f"1000x{STEPS}",
    f"serin_collector_spool_max_bytes{{{WHOSE}}}": f"1000000x{STEPS}",
}
WORLD = {
    **LEADS,
    **_OPERATOR,
    **_COLLECTOR,
    **condition("Available"),
    **condition("Degraded", "PodsNotReady"),
    **weight("stable", V1, f"75x{STEPS}"),
    **weight("canary", V2, f"25x{STEPS}"),
    **verdict("NotEnoughSamples"),
    **looks(f"0+60x{STEPS}"),
    **_of_version(V1),
    **_of_version(V2),
    **labels(f"0+60x{STEPS}"),
    **_counters("serin_pairs_total", f'{V2},server_id="b",control_revision="v1"', "outcome", "agree", "disagree"),
    **feature(20, 30, steps=STEPS),
}

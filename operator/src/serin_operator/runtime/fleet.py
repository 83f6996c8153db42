"""What status says of each ModelDeployment, as gauges: what alerts and dashboards ask about.

Only the replica that acts knows, since only it reconciles. A condition has a series while it is True, and none while it is
not: so an object that serves has five series, a rollout a few more for each of its metrics, and all go with the object.

The lines of an object are made when it is scraped for the first time after a change, and kept: a scrape of ten thousand would
otherwise hold up everything else for seconds.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.exposition import generate_latest
from prometheus_client.registry import Collector

from serin_operator.decide.judging.config import DEFAULT_INTERVAL_SECONDS
from serin_operator.decide.timestamps import parse

JsonObject = Mapping[str, Any]

Whose = tuple[str, str]
"""Namespace and name."""
_WHOSE: Final = ("model_namespace", "model_name")
_HEAD: Final = b"# HELP "
_LOOKING: Final = frozenset({"Reaching", "Holding"})
"""Phases in which evidence is what a rollout waits for; afterwards one version has all requests."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What is told of one ModelDeployment; each row is label values and a value."""

    conditions: tuple[tuple[str, str], ...]
    phase: str
    arms: tuple[tuple[str, str, str, float], ...]
    verdicts: tuple[tuple[str, str, str, str], ...]
    evidence: tuple[tuple[str, float], ...]
    judged_until: float | None
    interval: float


class Fleet:
    """The gauges of every ModelDeployment that this replica has reconciled and that is still there."""

    def __init__(self) -> None:
        self._seen: dict[Whose, Seen] = {}
        self._lines: dict[Whose, tuple[bytes, ...]] = {}
        self._heads = tuple(head for head, _ in _rendered({}))

    def see(self, namespace: str, name: str, obj: JsonObject | None) -> None:
        """Take in an object with its new status; ``None``: it is gone."""
        whose, now = (namespace, name), None if obj is None else seen_in(obj)
        if self._seen.get(whose) == now:
            return
        self._lines.pop(whose, None)
        if now is None:
            del self._seen[whose]
        else:
            self._seen[whose] = now

    def exposition(self) -> bytes:
        """Every family in Prometheus' text format, also those without a series: what is not there is told by none."""
        for whose, seen in self._seen.items():
            if whose not in self._lines:
                self._lines[whose] = tuple(lines for _, lines in _rendered({whose: seen}))
        series = zip(*self._lines.values(), strict=True) if self._lines else [()] * len(self._heads)
        return b"".join(head + b"".join(lines) for head, lines in zip(self._heads, series, strict=True))


class Gauges(Collector):
    """The families as the library knows them."""

    def __init__(self, seen: Mapping[Whose, Seen]) -> None:
        self._seen = seen

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Every family, with the series of these."""
        conditions = _family(
            "serin_operator_model_condition",
            "1 with the reason while this condition of a ModelDeployment is True; absent while it is not.",
            "condition",
            "reason",
        )
        phases = _family(
            "serin_operator_model_phase",
            "1 with the phase of the rollout, as in status.canary.phase; Idle when nothing moves.",
            "phase",
        )
        weights = _family(
            "serin_operator_model_weight_percent",
            "Share of traffic of a version by arm (stable, canary), in percent, as status says it is achieved.",
            "arm",
            "model_version",
            "model_revision",
        )
        verdicts = _family(
            "serin_operator_model_verdict",
            "1 with the verdict, its reason and the mode (Gate, Warn) of each metric of a rollout that goes on.",
            "metric",
            "verdict",
            "reason",
            "mode",
        )
        evidence = _family(
            "serin_operator_model_evidence_percent",
            "Evidence against the new version by metric, in percent of what makes the metric fail.",
            "metric",
        )
        looks = _family(
            "serin_operator_model_judged_until_timestamp_seconds",
            "Until when the requests of a rollout with spec.analysis have been judged, in unix seconds; absent while it waits for no evidence.",
        )
        intervals = _family(
            "serin_operator_model_look_interval_seconds", "How often they are to be judged; absent with it."
        )
        for whose, one in self._seen.items():
            for condition in one.conditions:
                conditions.add_metric((*whose, *condition), 1)
            phases.add_metric((*whose, one.phase), 1)
            for *arm, weight in one.arms:
                weights.add_metric((*whose, *map(str, arm)), weight)
            for verdict in one.verdicts:
                verdicts.add_metric((*whose, *verdict), 1)
            for metric, percent in one.evidence:
                evidence.add_metric((*whose, metric), percent)
            if one.judged_until is not None:
                looks.add_metric(whose, one.judged_until)
                intervals.add_metric(whose, one.interval)
        yield from (conditions, phases, weights, verdicts, evidence, looks, intervals)


def seen_in(obj: JsonObject) -> Seen:
    """What an object's status says; what it lacks is left out."""
    status = obj.get("status") or {}
    analysis = (obj.get("spec") or {}).get("analysis")
    canary = status.get("canary") or {}
    metrics = canary.get("analysis") or ()
    looks = analysis is not None and canary.get("phase") in _LOOKING
    return Seen(
        conditions=tuple((c["type"], c["reason"]) for c in status.get("conditions") or () if c["status"] == "True"),
        phase=canary.get("phase") or "Idle",
        arms=tuple(
            (arm, told.get("version", ""), told.get("revision", ""), float(told.get("weight", 0)))
            for arm, told in (("stable", status.get("stable")), ("canary", canary))
            if told
        ),
        verdicts=tuple((m["metric"], m["verdict"], m["reason"], m.get("mode") or "Gate") for m in metrics),
        evidence=tuple((m["metric"], m["evidencePercent"]) for m in metrics if "evidencePercent" in m),
        judged_until=_judged_until(canary) if looks else None,
        interval=float((analysis or {}).get("intervalSeconds") or DEFAULT_INTERVAL_SECONDS),
    )


def _judged_until(canary: JsonObject) -> float | None:
    """The first moment that no look has covered: of one that is open, closed and not yet asked for, or of a change."""
    closed = (span.partition("/")[0] for span in canary.get("closedLooks") or ())
    first = [parse(each) for each in (canary.get("lastLookAt"), canary.get("changeSince"), *closed) if each]
    since = min(first) if first else canary.get("canarySince") and parse(canary["canarySince"])
    return since.timestamp() if since else None


def _rendered(seen: Mapping[Whose, Seen]) -> Iterator[tuple[bytes, bytes]]:
    """The lines about each family, and those of its series."""
    for family in generate_latest(Gauges(seen)).split(_HEAD)[1:]:
        text, kind, series = family.split(b"\n", 2)
        yield _HEAD + text + b"\n" + kind + b"\n", series


def _family(name: str, text: str, *labels: str) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, text, labels=(*_WHOSE, *labels))

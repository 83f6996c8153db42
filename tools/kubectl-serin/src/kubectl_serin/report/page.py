"""One self-contained page about one model, from its status: numbers are those that the operator wrote."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from kubectl_serin.decided import decided_last, explained, headline, meaning_of
from kubectl_serin.evidence import Metric, metrics_of, numbers_of
from kubectl_serin.plan import PAST_STAGES, stages_of, waits_of
from kubectl_serin.reading import Arm, Entry, Model, moment
from kubectl_serin.report.html import Markup, joined, table, tag
from kubectl_serin.report.look import STYLE
from kubectl_serin.signatures import signatures
from kubectl_serin.words import at, cleaned, digest, percent, pods, seconds
from serin_operator.api.uris import shown

POLICY = "default-src 'none'; style-src 'unsafe-inline'"


def page_of(
    model: Model, now: datetime, plots: Sequence[Markup], lacks: str | None, evidence: Sequence[Metric] = ()
) -> str:
    """The page.

    Args:
        model: As its status has it.
        now: When the page is made.
        plots: Series over time.
        lacks: Why there are none.
        evidence: As it was last seen, where status has it no more.
    """
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", http_equiv="Content-Security-Policy", content=POLICY),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("title", title_of(model)),
        tag("style", Markup(STYLE)),
    )
    body = tag("main", content_of(model, now, plots, lacks, evidence))
    return "<!doctype html>\n" + tag("html", head, tag("body", body), lang="en") + "\n"


def title_of(model: Model) -> str:
    """What the page is called."""
    return f"{model.name} in {model.namespace}"


def content_of(
    model: Model, now: datetime, plots: Sequence[Markup], lacks: str | None, evidence: Sequence[Metric] = ()
) -> Markup:
    """What the page says, as `page_of`, for whoever puts it into a page of their own."""
    parts = (
        tag("h1", title_of(model)),
        tag("p", _sentence(model), class_="lead"),
        tag("p", f"as of {now:%Y-%m-%d %H:%M:%S} UTC", class_="quiet"),
        *_section("Versions with pods", _arms(model)),
        *_section("What it waits for", _under_way(model)),
        *_section("Evidence", _evidence(evidence or metrics_of(model.canary))),
        *_section("The last decision", _decision(model, now)),
        *_section("Over time", joined(plots) if plots else tag("p", lacks or "no series", class_="quiet")),
        *_section("What became of each version", _ledger(model, now)),
        *_section("Before traffic", _preflight(model)),
        *_section("What clients see of the newest version", _signature(model)),
        *_section("What people did", _actions(model, now)),
        *_section("Conditions", _conditions(model)),
        *_section("The same in a terminal", _commands(model)),
    )
    return joined(parts)


def _section(title: str, content: Markup | None) -> Iterable[Markup]:
    return (tag("section", tag("h2", title), content),) if content else ()


def _sentence(model: Model) -> str:
    newest = next(iter(model.ledger), None)
    if newest is None:
        return f"{model.wanted}: {model.condition('Ready').message}"
    return f"{newest.version}: {newest.outcome}. {newest.message or model.condition('Ready').message}"


def _arms(model: Model) -> Markup | None:
    arms = [(what, arm) for what, arm in (("serves", model.stable), ("new", model.candidate)) if arm]
    head = ("role", "version", "traffic", "pods", "model")
    return table(head, [_arm(what, arm) for what, arm in arms]) if arms else None


def _arm(what: str, arm: Arm) -> tuple[str, ...]:
    return what, tag("b", arm.version), percent(arm.weight), pods(arm.ready, arm.replicas), digest(arm.sha256)


def _under_way(model: Model) -> Markup | None:
    waits = waits_of(model)
    if not model.canary:
        return tag("p", waits.sentence) if waits else None
    here = None if model.canary.get("phase") in PAST_STAGES else model.canary.get("step")
    rows = [
        (
            "▶" if here == number else "",
            stage.words,
            f"{seconds(stage.hold_seconds)}{', then a person' if stage.pause else ''}",
        )
        for number, stage in enumerate(stages_of(model.spec))
    ]
    said = f"{cleaned(model.canary.get('phase', '?'))}: {waits.sentence if waits else 'nothing is awaited'}"
    return joined([tag("p", said), table(("now", "gets", "at least for"), rows)])


def _evidence(metrics: Sequence[Metric]) -> Markup | None:
    return joined(_metric(one) for one in metrics) if metrics else None


def _metric(metric: Metric) -> Markup:
    bar = joined(())
    if metric.share is not None:
        bar = tag("progress", value=f"{max(0.0, min(1.0, metric.share)):.3f}", max=1, title=metric.about)
    verdict = tag("span", metric.verdict, class_=f"verdict {metric.verdict.lower()}")
    arms = [f"{arm} {told}" for arm, told in (("canary", metric.canary), ("stable", metric.stable)) if told]
    spans = (tag("b", metric.name), verdict, joined([bar, " ", metric.about]), *arms)
    head = tag("div", *(tag("span", one) for one in spans), class_="numbers")
    slices = (tag("div", f"{one.name}: {one.verdict}, {one.words}", class_="quiet") for one in metric.slices)
    return tag("div", head, tag("div", metric.message, class_="quiet"), *slices, class_="metric")


def _decision(model: Model, now: datetime) -> Markup | None:
    """The decision that was made last, with its numbers as they were recorded; nothing while the first is to come."""
    entry = decided_last(model) if model.ledger else None
    if entry is None or (model.candidate and model.candidate.revision == entry.revision):
        return None
    evidence, needed = numbers_of(entry.message)
    meaning = meaning_of(entry.reason)
    end = entry.promoted if entry.outcome == "Promoted" else entry.ended
    lines = (
        f"{headline(entry, is_under_way=False)}{f' at {at(end, now)} UTC' if end else ''}.",
        entry.message,
        explained(evidence, needed) if evidence is not None and needed is not None else "",
        f"{entry.reason}: {meaning}" if meaning else "",
    )
    return joined(tag("p", line) for line in lines if line)


def _signature(model: Model) -> Markup | None:
    """Beside that of the version that served before it, line by line."""
    if not model.ledger:
        return None
    new, *before = model.ledger
    old = next((one for one in before if one.outcome == "Promoted"), None)
    if old is None or not new.signature:
        return None
    sides = signatures(old, new)
    names = list(dict.fromkeys(name for side in sides for name in side))
    rows = [
        (name, *(side.get(name, "-") for side in sides), "" if sides[0].get(name) == sides[1].get(name) else "differs")
        for name in names
    ]
    return table(("tensor", old.version, new.version, "change"), rows)


def _commands(model: Model) -> Markup:
    verbs = ("get", "why", "history", "diff")
    commands = (f"kubectl serin {verb} {model.name} -n {model.namespace}" for verb in verbs)
    return joined(tag("div", tag("code", one)) for one in commands)


def _ledger(model: Model, now: datetime) -> Markup | None:
    head = ("version", "outcome", "began", "took", "why", "model")
    return table(head, [_entry(one, now) for one in model.ledger]) if model.ledger else None


def _entry(entry: Entry, now: datetime) -> tuple[str, ...]:
    end = entry.promoted if entry.outcome == "Promoted" else entry.ended
    took = seconds((end - entry.started).total_seconds()) if entry.started and end and end > entry.started else "-"
    source = joined([shown(entry.uri), tag("div", f"{digest(entry.sha256)} {entry.variant}".strip(), class_="quiet")])
    why = entry.message or entry.reason or "-"
    return tag("b", entry.version), entry.outcome, at(entry.started, now), took, why, source


def _preflight(model: Model) -> Markup | None:
    rows = [
        (cleaned(entry.get("version", "?")), *_told(gate, "name", "verdict", "message"))
        for entry in model.status.get("versions") or ()
        for gate in entry.get("preflight") or ()
    ]
    return table(("version", "gate", "verdict", "what it said"), rows) if rows else None


def _actions(model: Model, now: datetime) -> Markup | None:
    rows = [
        (at(moment(one.get("at")), now), *_told(one, "action", "by", "outcome", "message"))
        for one in model.status.get("actions") or ()
    ]
    return table(("at", "action", "by", "outcome", "what came of it"), rows) if rows else None


def _conditions(model: Model) -> Markup | None:
    rows = [_told(one, "type", "status", "reason", "message") for one in model.status.get("conditions") or ()]
    return table(("condition", "status", "reason", "message"), rows) if rows else None


def _told(one: Mapping[str, Any], *keys: str) -> tuple[str, ...]:
    return tuple(cleaned(one[key]) if one.get(key) is not None else "-" for key in keys)

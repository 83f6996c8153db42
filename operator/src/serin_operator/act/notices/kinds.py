"""The kinds of receivers, as data: what each takes, and how nothing in a notice can be markup there."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from serin_operator.act.notices.telling import Telling
from serin_operator.api.names import API_VERSION, GROUP, PLURAL
from serin_operator.api.notify import Occasion
from serin_operator.decide.timestamps import precise

JsonObject = dict[str, Any]

_JSON: Final = "application/json"
_SUMMARY: Final = 1024
"""Longest summary that PagerDuty takes."""
_SEVERITY: Final[Mapping[str, str]] = {
    Occasion.ROLLED_BACK: "error",
    Occasion.GUARD_FAILED: "error",
    Occasion.PREFLIGHT_FAILED: "error",
    Occasion.HELD: "warning",
    Occasion.SOURCE_CHANGED: "warning",
}
"""What wakes somebody, and how."""
_RESOLVES: Final = frozenset({Occasion.PROMOTED, Occasion.RECOVERED})


@dataclass(frozen=True, slots=True)
class Kind:
    """How one kind of receiver is told."""

    body: Callable[[Telling, str, str], JsonObject | None]
    """From a notice, its text and the routing key. None: this kind is not told of such an occasion."""
    content_type: str = _JSON
    escape: Callable[[str], str] = lambda value: value
    """Makes a value inert within a text of this kind."""
    url: str | None = None
    """Where it is, unless the channel's Secret says otherwise; None: the Secret has to."""
    has_routing_key: bool = False


def _cloud_event(telling: Telling, text: str, _key: str) -> JsonObject:
    """CloudEvents 1.0 in structured mode."""
    about = telling.about
    event = {
        "specversion": "1.0",
        "id": telling.id,
        "source": f"/apis/{API_VERSION}/namespaces/{about.namespace}/{PLURAL}/{about.name}",
        "type": f"dev.serin.{telling.occasion.lower()}",
        "time": precise(telling.at),
        "datacontenttype": _JSON,
        "data": {**telling.fields(), "uid": about.uid, "text": text},
    }
    return {**event, "subject": telling.version} if telling.version else event


def _slack(telling: Telling, text: str, _key: str) -> JsonObject:
    """An incoming webhook: a section, and below it what it is about. ``verbatim``: nothing becomes a link by itself."""
    parts = (telling.where, telling.about.name, telling.version, telling.reason)
    context = " · ".join(_slack_escape(part) for part in parts if part)
    return {
        "text": text,
        "unfurl_links": False,
        "blocks": [
            {"type": "section", "text": {"type": "mrkdwn", "text": text, "verbatim": True}},
            {"type": "context", "elements": [{"type": "mrkdwn", "text": context, "verbatim": True}]},
        ],
    }


def _slack_escape(value: str) -> str:
    """The three characters by which Slack tells markup, mentions and links."""
    return value.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _teams(telling: Telling, text: str, _key: str) -> JsonObject:
    """An adaptive card for a workflow of Teams. Runs of text know no Markdown, unlike blocks of text and facts."""
    facts = {"version": telling.version, "serves": telling.stable, "reason": telling.reason, "where": telling.where}
    small = " · ".join(f"{name}: {value}" for name, value in facts.items() if value)
    card = {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "body": [_runs(text, weight="Bolder"), _runs(small, isSubtle=True, size="Small")],
    }
    attachment = {"contentType": "application/vnd.microsoft.card.adaptive", "contentUrl": None, "content": card}
    return {"type": "message", "attachments": [attachment]}


def _runs(text: str, **looks: object) -> JsonObject:
    return {"type": "RichTextBlock", "inlines": [{"type": "TextRun", "text": text, **looks}]}


def _pager_duty(telling: Telling, text: str, key: str) -> JsonObject | None:
    """Events v2: one incident for each ModelDeployment, which ends when it goes on. What wakes nobody is not told."""
    occasion, about = telling.occasion, telling.about
    event: JsonObject = {"routing_key": key, "dedup_key": f"{GROUP}/{about.uid}"}
    if occasion in _RESOLVES:
        return {**event, "event_action": "resolve"}
    if occasion not in _SEVERITY:
        return None
    return {
        **event,
        "event_action": "trigger",
        "payload": {
            "summary": text[:_SUMMARY],
            "source": f"{about.namespace}/{about.name}",
            "severity": _SEVERITY[occasion],
            "timestamp": precise(telling.at),
            "component": about.name,
            "group": telling.where,
            "class": telling.reason,
            "custom_details": telling.fields(),
        },
    }


KINDS: Final[Mapping[str, Kind]] = {
    "Webhook": Kind(_cloud_event, "application/cloudevents+json"),
    "Slack": Kind(_slack, escape=_slack_escape),
    "Teams": Kind(_teams),
    "PagerDuty": Kind(_pager_duty, url="https://events.pagerduty.com/v2/enqueue", has_routing_key=True),
}

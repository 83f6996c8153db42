"""What each kind of receiver is sent, and that nothing in it can be markup, a mention or a link there."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from serin_operator.act.notices.kinds import KINDS
from serin_operator.act.notices.telling import WORDS, About, Telling, id_of, plain, telling_of
from serin_operator.act.notices.templates import text_of
from serin_operator.api.notify import Occasion
from serin_operator.decide.memory.outbox import Letter, Notice

AT = datetime(2026, 11, 20, 12, 0, 0, tzinfo=UTC)
ABOUT = About("scoring", "credit-risk", "uid-1")
MESSAGE = "v2: errors 4.1 % against 1.0 % of 2000 requests"
ROLLED_BACK = Notice("RolledBack", "AnalysisFailed", MESSAGE, ("ops",), AT, "v2", "v1")
LETTER = Letter("notice-RolledBack/2026-11-20T12:00:00+00:00/1", ROLLED_BACK)
HOSTILE = "<!channel> <https://evil|v2> [click](https://evil) *b* @all \u202egnp.exe\n\x1b[31m& \"'"


def telling(**more: Any) -> Telling:
    return telling_of(ABOUT, LETTER, replace(ROLLED_BACK, **more), "eu-1")


def body_of(kind: str, told: Telling, **templates: str) -> Any:
    found = KINDS[kind]
    body = found.body(told, text_of(told, templates, found.escape), "the-key")
    return None if body is None else json.loads(json.dumps(body))


def test_a_webhook_gets_a_cloud_event() -> None:
    event = body_of("Webhook", telling())
    assert KINDS["Webhook"].content_type == "application/cloudevents+json"
    data = event.pop("data")
    assert event == {
        "specversion": "1.0",
        "id": id_of(ABOUT, LETTER.key),
        "source": "/apis/serin.dev/v1alpha1/namespaces/scoring/modeldeployments/credit-risk",
        "type": "dev.serin.rolledback",
        "subject": "v2",
        "time": "2026-11-20T12:00:00+00:00",
        "datacontenttype": "application/json",
    }
    assert data["stable"] == "v1"
    assert data["message"] == MESSAGE
    assert data["text"] == f"scoring on eu-1/credit-risk: rolled back. {MESSAGE}"


def test_slack_gets_a_section_and_what_it_is_about() -> None:
    message = body_of("Slack", telling())
    section, context = message["blocks"]
    assert section["text"]["text"] == message["text"] == f"scoring on eu-1/credit-risk: rolled back. {MESSAGE}"
    assert context["elements"][0]["text"] == "scoring on eu-1 · credit-risk · v2 · AnalysisFailed"


def test_teams_gets_an_adaptive_card_of_runs_that_know_no_markdown() -> None:
    (attachment,) = body_of("Teams", telling())["attachments"]
    card = attachment["content"]
    assert (attachment["contentType"], card["type"]) == ("application/vnd.microsoft.card.adaptive", "AdaptiveCard")
    assert {block["type"] for block in card["body"]} == {"RichTextBlock"}
    assert {run["type"] for block in card["body"] for run in block["inlines"]} == {"TextRun"}
    assert card["body"][1]["inlines"][0]["text"] == (
        "version: v2 · serves: v1 · reason: AnalysisFailed · where: scoring on eu-1"
    )


def test_pagerduty_gets_one_incident_for_each_model_that_ends_when_it_goes_on() -> None:
    trigger = body_of("PagerDuty", telling())
    assert trigger["event_action"] == "trigger"
    assert trigger["payload"]["severity"] == "error"
    assert trigger["payload"]["summary"].endswith(MESSAGE)
    for occasion in ("Promoted", "Recovered"):
        assert body_of("PagerDuty", telling(occasion=occasion)) == {
            "routing_key": "the-key",
            "dedup_key": trigger["dedup_key"],
            "event_action": "resolve",
        }


def test_pagerduty_is_not_told_what_wakes_nobody() -> None:
    told = {occasion for occasion in Occasion if body_of("PagerDuty", telling(occasion=occasion.value)) is not None}
    assert {*Occasion} - told == {Occasion.STARTED, Occasion.STEP, Occasion.ABORTED, Occasion.SUPERSEDED}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("occasion", [*Occasion, "FromALaterRelease"])
def test_every_kind_makes_json_of_every_occasion(kind: str, occasion: str) -> None:
    json.dumps(body_of(kind, telling(occasion=str(occasion), version=None, stable=None, message="")))


def test_every_occasion_has_its_words() -> None:
    assert set(WORDS) == set(Occasion)


@pytest.mark.parametrize("kind", KINDS)
def test_hostile_names_are_inert(kind: str) -> None:
    told = telling(version=HOSTILE, message=HOSTILE, reason=HOSTILE, stable=HOSTILE)
    text = json.dumps(body_of(kind, told), ensure_ascii=False)
    assert "\u202e" not in text
    assert "\\u001b" not in text
    assert "\\n" not in text
    if kind == "Slack":
        assert "<" not in text
        assert "&lt;!channel&gt;" in text
        assert all(element["verbatim"] for element in _mrkdwn(body_of(kind, told)))


def _mrkdwn(node: Any) -> list[dict[str, Any]]:
    if isinstance(node, dict):
        return [node] if node.get("type") == "mrkdwn" else [each for value in node.values() for each in _mrkdwn(value)]
    return [each for value in node for each in _mrkdwn(value)] if isinstance(node, list) else []


def test_what_a_template_says_is_markup_and_what_a_value_says_is_not() -> None:
    link = "<https://grafana.example.com/d/serin?var-name={name}|{version}>"
    message = body_of("Slack", telling(version="<v2>"), RolledBack=link)
    assert message["text"] == "<https://grafana.example.com/d/serin?var-name=credit-risk|&lt;v2&gt;>"


def test_texts_are_one_line_of_what_can_be_seen() -> None:
    assert plain("a\u202eb\x00c\r\n d\u2028e\u200bf") == "a b c d e f"


def test_a_notice_keeps_its_id_wherever_it_is_sent_from_and_others_have_others() -> None:
    assert telling().id == telling(to=("team",)).id
    assert id_of(replace(ABOUT, uid="from-a-back-up"), "a") == id_of(ABOUT, "a")
    assert len({id_of(ABOUT, "a"), id_of(ABOUT, "b"), id_of(replace(ABOUT, name="another"), "a")}) == 3

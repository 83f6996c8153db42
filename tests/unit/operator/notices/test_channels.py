"""Channels that cannot work are refused when the operator starts, by name and with what would do."""

import json
from typing import Any

import pytest
from pydantic import ValidationError

from serin_operator.api.notify import DEFAULT_OCCASIONS
from serin_operator.runtime.settings import Settings, complaints

OPS: dict[str, Any] = {"name": "ops", "kind": "Slack"}


def settings_of(monkeypatch: pytest.MonkeyPatch, **notify: Any) -> Settings:
    monkeypatch.setenv("SERIN_NOTIFY", json.dumps(notify))
    return Settings()


def test_channels_and_who_hears_come_as_json(monkeypatch: pytest.MonkeyPatch) -> None:
    notify = settings_of(
        monkeypatch,
        cluster="eu-1",
        channels=[{**OPS, "templates": {"Default": "{name}: {what} {{}}", "RolledBack": "{message}"}}],
        defaults=[{"channel": "ops", "about": ["Held"]}, {"channel": "ops"}],
    ).notify
    assert notify is not None
    assert notify.channels[0].name == "ops"
    assert [each.occasions for each in notify.defaults] == [("Held",), DEFAULT_OCCASIONS]


@pytest.mark.parametrize(
    ("notify", "complaint"),
    [
        pytest.param({"channels": [{**OPS, "kind": "Fax"}]}, "SERIN_NOTIFY.channels.0.kind: there is no kind Fax; there are", id="kind"),
        pytest.param({"channels": [{**OPS, "name": "Ops!"}]}, "SERIN_NOTIFY.channels.0.name", id="name"),
        pytest.param({"channels": [OPS, OPS]}, "two channels are called ops", id="two of one name"),
        pytest.param({"channels": [{**OPS, "url": "https://x"}]}, "SERIN_NOTIFY.channels.0.url", id="an address for all to read"),
        pytest.param({"defaults": [{"channel": "ops"}]}, "defaults name ops, and channels are none", id="unknown default"),
        pytest.param({"channels": [OPS], "defaults": [{"channel": "ops", "about": ["Lunch"]}]}, "defaults.0.about.0", id="occasion"),
        pytest.param({"channels": [{**OPS, "templates": {"Lunch": "x"}}]}, "there is no occasion Lunch", id="template's occasion"),
        pytest.param({"channels": [{**OPS, "templates": {"Default": "{secret}"}}]}, "Default: there is no {secret}; there are cluster,", id="field"),
        pytest.param({"channels": [{**OPS, "templates": {"Default": "{name.__class__}"}}]}, "there is no {name.__class__}", id="attribute"),
        pytest.param({"channels": [{**OPS, "templates": {"Default": "{name!r}"}}]}, "neither a format nor a conversion", id="conversion"),
        pytest.param({"channels": [{**OPS, "templates": {"Default": "{name:>9999999}"}}]}, "neither a format nor", id="format"),
        pytest.param({"channels": [{**OPS, "templates": {"Default": "{}"}}]}, "there is no {}", id="position"),
        pytest.param({"channels": [{**OPS, "templates": {"Default": "{name"}}]}, "written twice", id="brace"),
    ],
)  # fmt: skip
def test_what_cannot_work_is_refused_by_name(
    monkeypatch: pytest.MonkeyPatch, notify: dict[str, Any], complaint: str
) -> None:
    with pytest.raises(ValidationError) as refused:
        settings_of(monkeypatch, **notify)
    (line,) = complaints(refused.value)
    assert complaint in line
    assert "\n" not in line

"""What a rule is, and how Prometheus reads it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

import yaml

RUNBOOKS: Final = "https://github.com/serin-dev/serin/blob/main/docs/runbooks"
"""Where the pages stand; the chart writes its own value in place of it."""


class Severity(StrEnum):
    """Who is woken up."""

    CRITICAL = "critical"
    """Somebody, now: clients notice, or soon will."""
    WARNING = "warning"
    """Somebody, on the next working day: nothing gets worse by itself."""


@dataclass(frozen=True)
class Recording:
    """A series that Prometheus computes, so that alerts and dashboards need not."""

    record: str
    expr: str
    says: str


@dataclass(frozen=True)
class Alert:
    """Something that a person should hear of.

    Args:
        name: Also the name of its page in docs/runbooks.
        severity: Who is woken up.
        expr: PromQL; each series of the answer is an alert.
        lasts: For how long it has to be so.
        summary: One line with the labels of the series; what people see on a telephone.
        description: What is so, with numbers, and where to begin.
        fires: For the index: when it fires, in words.
    """

    name: str
    severity: Severity
    expr: str
    lasts: str
    summary: str
    description: str
    fires: str


@dataclass(frozen=True)
class Group:
    """Rules that are computed one after the other, in one rhythm."""

    name: str
    rules: tuple[Recording | Alert, ...]
    interval: str | None = None


class _Dumper(yaml.SafeDumper):
    """Queries of several lines as they were written."""


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.Node:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Dumper.add_representer(str, _text)


def as_rules(groups: Iterable[Group]) -> str:
    """A rules file of Prometheus; a PrometheusRule has the same in its spec."""
    return yaml.dump(
        {"groups": [_group(group) for group in groups]},
        Dumper=_Dumper,
        sort_keys=False,
        width=1000,
        allow_unicode=True,
    )


def _group(group: Group) -> dict[str, Any]:
    rhythm = {"interval": group.interval} if group.interval else {}
    return {"name": group.name, **rhythm, "rules": [_rule(rule) for rule in group.rules]}


def _rule(rule: Recording | Alert) -> dict[str, Any]:
    if isinstance(rule, Recording):
        return {"record": rule.record, "expr": rule.expr.strip()}
    return {
        "alert": rule.name,
        "expr": rule.expr.strip(),
        "for": rule.lasts,
        "labels": {"severity": rule.severity.value},
        "annotations": {
            "summary": rule.summary,
            "description": rule.description,
            "runbook_url": f"{RUNBOOKS}/{rule.name}.md",
        },
    }

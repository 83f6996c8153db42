"""What ``doctor`` looks at: each check is a function that says how it went, and what to do."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from kubectl_serin.kubectl import RESOURCE, Kubectl
from kubectl_serin.problems import Exit, Problem
from kubectl_serin.prometheus import OPERATOR, found
from kubectl_serin.words import cleaned
from serin_operator.api.names import GROUP, PLURAL


class State(StrEnum):
    """How a check went."""

    OK = "ok"
    NOTE = "note"
    """Something will not work that not everybody needs."""
    BAD = "bad"
    UNKNOWN = "unknown"
    """It may not be seen by whoever asks."""


@dataclass(frozen=True)
class Finding:
    """What one check found."""

    check: str
    state: State
    says: str
    do: str = ""


Check = Callable[[Kubectl, str | None], Iterator[Finding]]


def examined(kubectl: Kubectl, prometheus: str | None) -> list[Finding]:
    """All checks; one that may not look says so, and the others go on. Without a cluster the first one raises."""
    results: list[Finding] = []
    for name, check in CHECKS:
        try:
            results += [Finding(name, *one) for one in _told(check(kubectl, prometheus))]
        except Problem as problem:
            if not results:
                raise
            state = State.BAD if problem.exit_code is Exit.ABSENT else State.UNKNOWN
            results.append(Finding(name, state, str(problem), problem.way_out))
    return results


def _told(findings: Iterator[Finding]) -> list[tuple[State, str, str]]:
    return [(one.state, one.says, one.do) for one in findings]


def _one(state: State, says: str, do: str = "") -> Finding:
    return Finding("", state, says, do)


def _server(kubectl: Kubectl, _prometheus: str | None) -> Iterator[Finding]:
    said = json.loads(kubectl.raw("/version"))
    version = f"{said.get('major', '?')}.{said.get('minor', '?')}"
    numbers = tuple(int("".join(c for c in part if c.isdigit()) or 0) for part in version.split("."))
    if numbers < (1, 30):
        yield _one(State.BAD, f"Kubernetes {version}: Serin needs 1.30", "upgrade the cluster")
    else:
        yield _one(State.OK, f"Kubernetes {version}")


def _definition(kubectl: Kubectl, _prometheus: str | None) -> Iterator[Finding]:
    from serin_operator.api.crd import custom_resource_definition

    kubectl.list_of(RESOURCE)
    there = kubectl.json("customresourcedefinition", f"{PLURAL}.{GROUP}")
    ours = custom_resource_definition()
    schemas = [one["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"] for one in (there, ours)]
    missing = sorted(_fields(schemas[1]) - _fields(schemas[0]))
    more = sorted(_fields(schemas[0]) - _fields(schemas[1]))
    if missing:
        yield _one(
            State.NOTE,
            f"the CRD is older than this tool and lacks {_few(missing)}",
            "upgrade Serin, or use the tool of its release",
        )
    elif more:
        yield _one(
            State.NOTE, f"the CRD is newer than this tool, which does not know {_few(more)}", "upgrade kubectl serin"
        )
    else:
        yield _one(State.OK, "ModelDeployments are known, with every field that this tool knows")


def _fields(properties: dict[str, Any], path: str = "") -> set[str]:
    found: set[str] = set()
    for name, schema in properties.items():
        inner = schema.get("items", schema)
        found |= {f"{path}{name}"} | _fields(inner.get("properties") or {}, f"{path}{name}.")
    return found


def _few(names: list[str]) -> str:
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")


def _operator(kubectl: Kubectl, _prometheus: str | None) -> Iterator[Finding]:
    deployments = kubectl.list_of("deployments", "--all-namespaces", "-l", OPERATOR)
    if not deployments:
        yield _one(State.BAD, "no operator runs in this cluster", "helm install serin charts/serin (docs/install.md)")
    for one in deployments:
        ready = (one.get("status") or {}).get("readyReplicas") or 0
        where = f"{cleaned(one['metadata']['namespace'])}/{cleaned(one['metadata']['name'])}"
        log = f"kubectl -n {cleaned(one['metadata']['namespace'])} logs deployment/{cleaned(one['metadata']['name'])}"
        yield _one(State.OK if ready else State.BAD, f"{where}: {ready} ready", "" if ready else log)


def _rights(kubectl: Kubectl, _prometheus: str | None) -> Iterator[Finding]:
    wanted = (
        ("get", RESOURCE, "see"),
        ("patch", RESOURCE, "steer"),
        ("create", RESOURCE, "make"),
        ("list", "pods", "see pods"),
        ("get", "controllerrevisions.apps", "compare versions"),
        ("create", "services/proxy", "predict and send labels from here"),
    )
    may = {words: kubectl.may(verb, resource) for verb, resource, words in wanted}
    allowed, denied = [w for w, is_so in may.items() if is_so], [w for w, is_so in may.items() if not is_so]
    if allowed:
        yield _one(State.OK, f"you may {', '.join(allowed)}")
    if denied:
        yield _one(State.NOTE, f"you may not {', '.join(denied)}", "ask for the role edit of this namespace")


def _namespace(kubectl: Kubectl, _prometheus: str | None) -> Iterator[Finding]:
    for quota in kubectl.list_of("resourcequotas"):
        status = quota.get("status") or {}
        full = [
            name for name, hard in (status.get("hard") or {}).items() if (status.get("used") or {}).get(name) == hard
        ]
        name = cleaned(quota["metadata"]["name"])
        if full:
            yield _one(
                State.NOTE,
                f"quota {name} is used up: {', '.join(map(cleaned, full))}",
                "a canary needs room beside stable: raise it",
            )
        else:
            yield _one(State.OK, f"quota {name} has room")
    if kubectl.namespace:
        labels = kubectl.json("namespace", kubectl.namespace)["metadata"].get("labels") or {}
        level = cleaned(labels.get("pod-security.kubernetes.io/enforce", "not enforced"))
        yield _one(State.OK, f"Pod Security: {level}; Serin's pods keep to restricted")


def _gateway(kubectl: Kubectl, _prometheus: str | None) -> Iterator[Finding]:
    groups = kubectl.raw("/apis")
    if '"gateway.networking.k8s.io"' not in groups.replace(" ", ""):
        yield _one(State.NOTE, "no Gateway API: weights are made by pods, about", "docs/gateway.md, for exact weights")
        return
    for one in kubectl.list_of("gatewayclasses.gateway.networking.k8s.io"):
        features = [
            cleaned(f.get("name", f) if isinstance(f, dict) else f)
            for f in (one.get("status") or {}).get("supportedFeatures") or ()
        ]
        name = cleaned(one["metadata"]["name"])
        told = f"{len(features)} features" if features else "does not say what it can"
        yield _one(State.OK if features else State.NOTE, f"GatewayClass {name}: {told}")


def _prometheus(kubectl: Kubectl, said: str | None) -> Iterator[Finding]:
    prometheus = found(kubectl, said)
    if prometheus is None:
        yield _one(
            State.NOTE,
            "the operator has no Prometheus (or may not be seen): no analysis",
            "prometheus.url of the chart",
        )
        return
    series = prometheus.query("count(serin_process_start_time_seconds)")
    count = int(series[0].values[-1][1]) if series and series[0].values else 0
    if count:
        yield _one(State.OK, f"{prometheus.where} scrapes {count} serving processes")
    else:
        yield _one(
            State.BAD,
            f"{prometheus.where} answers, and scrapes no serving pod",
            "podMonitor.enabled of the chart (docs/install.md)",
        )


CHECKS: Final[tuple[tuple[str, Check], ...]] = (
    ("cluster", _server),
    ("definition", _definition),
    ("operator", _operator),
    ("rights", _rights),
    ("namespace", _namespace),
    ("gateway", _gateway),
    ("prometheus", _prometheus),
)

"""What the API server says to resources: the table of bad ones, and good ones that stay as they were written."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.cluster.api.guard_table import BAD_GUARDS, GOOD_GUARDS
from tests.cluster.api.kinds_table import BAD_KINDS, EVERY_KIND
from tests.cluster.api.overlay_table import BAD_OVERLAYS
from tests.cluster.api.settings_table import BAD_SETTINGS
from tests.cluster.api.stores_table import BAD_STORES
from tests.cluster.api.table import BAD, GOOD, SIGNED, WITH_TLS, Bad
from tests.cluster.api.traffic_table import BAD_TRAFFIC
from tests.cluster.api.trial_table import BAD_TRIALS, GOOD_TRIALS
from tests.support.api import Api, connected
from tests.support.kubernetes import Kubernetes
from tests.support.operator import CRD, install_crd

from docstrue import pages
from serin_operator.api.crd import object_schema
from serin_operator.api.schema import Schema

pytestmark = pytest.mark.cluster

TABLES = (BAD, BAD_SETTINGS, BAD_OVERLAYS, BAD_TRAFFIC, BAD_KINDS, BAD_TRIALS, BAD_STORES, BAD_GUARDS)
ALL_BAD = tuple(bad for table in TABLES for bad in table)
MINIMAL = {**GOOD, "spec": {"model": {"version": "v1", "uri": "pvc://models/credit"}}}
ROUTED = {**MINIMAL, "spec": {**MINIMAL["spec"], "traffic": {"routeRef": {"name": "mine", "ruleName": "models"}}}}
SECURE = {**MINIMAL, "spec": {**MINIMAL["spec"], **WITH_TLS, **SIGNED}}
FILLED_IN = {"replicas": 1}
"""By the API server, where it was left out: /scale cannot be without."""


@pytest.fixture(scope="module")
def namespace(control_plane: Kubernetes) -> str:
    install_crd(control_plane)
    control_plane.kubectl("create", "namespace", "resources")
    return "resources"


@pytest.fixture(scope="module")
def api(control_plane: Kubernetes) -> Iterator[Api]:
    with connected(control_plane) as api:
        yield api


@pytest.mark.parametrize("bad", ALL_BAD, ids=lambda bad: bad.because)
def test_a_bad_resource_is_refused_with_its_field_and_the_way_out(api: Api, namespace: str, bad: Bad) -> None:
    said = api.refused(f"/apis/serin.dev/v1alpha1/namespaces/{namespace}/modeldeployments", bad.resource)
    assert bad.field in said
    assert bad.way_out in said


@pytest.mark.parametrize("bad", [row for table in TABLES for row in table[::25]], ids=lambda bad: bad.because)
def test_kubectl_prints_the_field_and_the_way_out(control_plane: Kubernetes, namespace: str, bad: Bad) -> None:
    said = control_plane.refused("apply", "-n", namespace, "-f", "-", text=yaml.safe_dump(bad.resource))
    assert bad.field in said
    assert bad.way_out in said


def test_nothing_that_was_refused_is_there(control_plane: Kubernetes, namespace: str) -> None:
    assert control_plane.get("mdep", "-n", namespace)["items"] == []


def test_the_table_has_at_least_25_rows_and_no_two_for_the_same() -> None:
    assert len({bad.because for bad in ALL_BAD}) == len(ALL_BAD) >= 25
    assert len({json.dumps(bad.resource) for bad in ALL_BAD}) == len(ALL_BAD)


@pytest.mark.parametrize("how", [(), ("--server-side",)], ids=["client-side apply", "server-side apply"])
@pytest.mark.parametrize(
    "good",
    [GOOD, ROUTED, SECURE, MINIMAL, EVERY_KIND],
    ids=[
        "every field",
        "a route of one's own",
        "TLS behind that, and a signed model",
        "as little as possible",
        "every kind of metric",
    ],
)
def test_a_good_resource_stays_as_it_was_written_and_applying_it_again_changes_nothing(
    control_plane: Kubernetes, namespace: str, good: dict, how: tuple[str, ...]
) -> None:
    apply = ("apply", "-n", namespace, *how, "-f", "-")
    control_plane.kubectl(*apply, text=yaml.safe_dump(good))
    try:
        # As the operator does within a moment. Before it, an apply on the server stores the default of status, once.
        seen = json.dumps({"status": {"observedGeneration": 1}})
        control_plane.kubectl(
            "patch", "mdep", "-n", namespace, "credit-risk", "--subresource=status", "--type=merge", "-p", seen
        )
        first = control_plane.get("mdep", "-n", namespace, "credit-risk")
        control_plane.kubectl(*apply, text=yaml.safe_dump(good))
        second = control_plane.get("mdep", "-n", namespace, "credit-risk")
    finally:
        control_plane.kubectl("delete", "mdep", "-n", namespace, "credit-risk")
    assert first["spec"] == {**FILLED_IN, **good["spec"]}
    assert second["metadata"]["resourceVersion"] == first["metadata"]["resourceVersion"]


@pytest.mark.parametrize("good", (GOOD_TRIALS | GOOD_GUARDS).values(), ids=GOOD_TRIALS | GOOD_GUARDS)
def test_a_good_trial_or_guard_is_taken_as_it_was_written(
    control_plane: Kubernetes, namespace: str, good: dict
) -> None:
    control_plane.kubectl("apply", "-n", namespace, "-f", "-", text=yaml.safe_dump(good))
    try:
        found = control_plane.get("mdep", "-n", namespace, "credit-risk")
    finally:
        control_plane.kubectl("delete", "mdep", "-n", namespace, "credit-risk")
    assert found["spec"] == good["spec"]


def test_batching_that_is_off_without_quotes_is_taken_as_it_stands(control_plane: Kubernetes, namespace: str) -> None:
    text = yaml.safe_dump(MINIMAL) + "  runtime: {batching: Off}\n"
    for _ in range(2):
        told = control_plane.kubectl("apply", "--server-side", "-n", namespace, "-f", "-", text=text)
        assert "serverside-applied" in told
    found = control_plane.get("mdep", "-n", namespace, "credit-risk")
    control_plane.kubectl("delete", "mdep", "-n", namespace, "credit-risk")
    assert found["spec"]["runtime"] == {"batching": False}


def test_every_example_in_the_repository_is_accepted(control_plane: Kubernetes, namespace: str) -> None:
    found = [file for file in Path("examples").rglob("*.yaml") if "kind: ModelDeployment" in file.read_text()]
    assert found
    for file in found:
        control_plane.kubectl("apply", "-n", namespace, "--dry-run=server", "-f", str(file))


def test_every_manifest_in_the_documentation_is_accepted(control_plane: Kubernetes, namespace: str) -> None:
    blocks = [block for page in pages.read(Path.cwd()) for block in page.blocks("yaml")]
    found = [each for block in blocks for each in yaml.safe_load_all(block) if isinstance(each, dict)]
    resources = [each for each in found if each.get("kind") == GOOD["kind"]]
    assert resources
    for each in resources:
        moved = {**each, "metadata": {**each["metadata"], "namespace": namespace}}
        control_plane.kubectl("apply", "--dry-run=server", "-f", "-", text=yaml.safe_dump(moved))


def test_the_crd_itself_is_applied_client_side(control_plane: Kubernetes, namespace: str) -> None:
    assert "unchanged" in control_plane.kubectl("apply", "-f", str(CRD))


def test_everything_that_a_status_can_say_is_kept(control_plane: Kubernetes, namespace: str) -> None:
    status = _sample(object_schema()["properties"]["status"])
    control_plane.kubectl("apply", "-n", namespace, "-f", "-", text=yaml.safe_dump(MINIMAL))
    try:
        wanted = {**MINIMAL, "status": status}
        replace = ("replace", "--subresource=status", "-n", namespace, "-f", "-")
        control_plane.kubectl(*replace, text=json.dumps(wanted))
        found = control_plane.get("mdep", "-n", namespace, "credit-risk")
        row = control_plane.kubectl("get", "mdep", "-n", namespace, "credit-risk", "-o", "wide")
    finally:
        control_plane.kubectl("delete", "mdep", "-n", namespace, "credit-risk")
    assert found["status"] == status
    assert "VERSION CANARY WEIGHT STEP VERDICT READY REASON AGE REPLICAS REVISION SHA256 URL" in " ".join(row.split())
    assert "None" not in row.splitlines()[1]


def _sample(schema: Schema) -> Any:
    """A value with every field, for a node of the schema."""
    if schema.get("x-kubernetes-preserve-unknown-fields"):
        return {"errors": {"looks": [1, 2.5, True, {"deep": "kept"}]}}
    match schema["type"]:
        case "object":
            return {name: _sample(inner) for name, inner in schema["properties"].items()}
        case "array":
            return [_sample(schema["items"])]
        case kind:
            return {"string": "Ready", "integer": 2, "number": 0.5, "boolean": True}[kind]


def test_kubectl_scale_changes_replicas_and_nothing_else(control_plane: Kubernetes, namespace: str) -> None:
    control_plane.kubectl("apply", "-n", namespace, "-f", "-", text=yaml.safe_dump(MINIMAL))
    try:
        control_plane.kubectl("scale", "-n", namespace, "mdep/credit-risk", "--replicas=4")
        found = control_plane.get("mdep", "-n", namespace, "credit-risk")
    finally:
        control_plane.kubectl("delete", "mdep", "-n", namespace, "credit-risk")
    assert found["spec"] == {**MINIMAL["spec"], "replicas": 4}


@pytest.mark.parametrize(
    ("path", "teaches"),
    [
        ("mdep", "kubectl get mdep -w"),
        ("mdep.spec.rollout", "weights rising. Default 10, 25, 50"),
        ("mdep.spec.rollout.steps", "holdSeconds"),
        ("mdep.spec.rollout.steps.mirrorPercent", "its answers reach no client"),
        ("mdep.spec.rollout.shadow", "holdSeconds"),
        ("mdep.spec.rollout.onDeadline", "silence is no evidence"),
        ("mdep.spec.analysis", "shared by all metrics"),
        ("mdep.spec.model.uri", "pods serve only the digest found then"),
        ("mdep.spec.runtime.resources", "Above memory it is killed"),
        ("mdep.spec.runtime.pod.volumes", "Kinds that reach the node are not offered"),
        ("mdep.spec.serving.tls", "as cert-manager makes it"),
        ("mdep.spec.serving.feedback.signing", "Serin makes a Secret <name>-feedback"),
        ("mdep.spec.runtime.batching", 'Write "Off" in quotes'),
        ("mdep.status.versions", "newest first"),
    ],
)
def test_kubectl_explain_teaches(control_plane: Kubernetes, namespace: str, path: str, teaches: str) -> None:
    told = control_plane.wait_for("the published schema", lambda: control_plane.kubectl("explain", path), seconds=20)
    assert teaches in " ".join(told.split())

"""What may be laid over the pods, what it makes of them, and what it never takes away."""

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from tests.cluster.api.table import GOOD, WITH_TLS
from tests.golden.pods.test_pod_templates import CONFIG, MODEL, SPECS, mdep

from serin_operator.api import names
from serin_operator.api.overlay_rules import FOLDERS_OF_SERIN, VOLUMES_OF_SERIN
from serin_operator.decide.health.missing import FIELDS_OF_VOLUMES
from serin_operator.decide.manifests import children as make
from serin_operator.decide.manifests.pod import template
from serin_operator.decide.manifests.serving import speaks_tls
from serin_operator.decide.wanted.revision import revision_of

OVERLAY: dict[str, Any] = GOOD["spec"]["runtime"]["pod"]
EVERYTHING = {**SPECS["all_of_runtime_at_first"], "serving": WITH_TLS["serving"]}


def rendered(pod: dict[str, Any] | None, *, resolve: bool = False, **config: Any) -> dict[str, Any]:
    owner = mdep({"model": MODEL, "runtime": {"pod": pod}} if pod is not None else {"model": MODEL})
    return template(owner, replace(CONFIG, **config), "rev1", "0" * 64, resolve=resolve)


def revision(pod: dict[str, Any] | None) -> str:
    return revision_of(mdep({"model": MODEL, "runtime": {"threads": 2, **({} if pod is None else {"pod": pod})}}).spec)


@pytest.mark.parametrize(
    "nothing",
    [{}, {"labels": {}}, {"annotations": {}, "affinity": {}}, {"affinity": {"nodeAffinity": {}}}],
    ids=str,
)
def test_an_overlay_that_says_nothing_is_no_new_revision_and_changes_no_pod(nothing: dict[str, Any]) -> None:
    assert revision(nothing) == revision(None)
    assert rendered(nothing) == rendered(None)


def test_every_part_of_the_overlay_is_a_new_revision() -> None:
    found = [revision(None), *(revision({name: value}) for name, value in OVERLAY.items())]
    assert len(set(found)) == len(OVERLAY) + 1


def test_an_empty_folder_is_not_taken_for_nothing() -> None:
    volume = {"name": "work", "mountPath": "/data", "emptyDir": {}}
    assert rendered({"volumes": [volume]})["spec"]["volumes"][-1] == {"name": "work", "emptyDir": {}}
    assert revision({"volumes": [volume]}) != revision(None)


def test_the_labels_that_pods_are_found_by_cannot_be_replaced() -> None:
    own = rendered(None)["metadata"]["labels"]
    over = dict.fromkeys(own, "mine")
    assert rendered({"labels": {**over, "team": "risk"}})["metadata"]["labels"] == {**own, "team": "risk"}


def test_an_annotation_that_is_serins_default_can_be_said_otherwise() -> None:
    keep = {"cluster-autoscaler.kubernetes.io/safe-to-evict": "false"}
    assert rendered({"annotations": keep})["metadata"]["annotations"] == keep


def test_without_a_selector_only_pods_of_the_same_revision_are_meant() -> None:
    place = {"topologyKey": "kubernetes.io/hostname"}
    spread = {"maxSkew": 1, "whenUnsatisfiable": "DoNotSchedule", **place}
    far = {"requiredDuringSchedulingIgnoredDuringExecution": [place]}
    near = {"preferredDuringSchedulingIgnoredDuringExecution": [{"weight": 1, "podAffinityTerm": place}]}
    found = rendered({"topologySpreadConstraints": [spread], "affinity": {"podAntiAffinity": far, "podAffinity": near}})
    own = {"matchLabels": found["metadata"]["labels"]}
    assert own["matchLabels"][names.LABEL_REVISION] == "rev1"
    affinity = found["spec"]["affinity"]
    (spread_over,) = found["spec"]["topologySpreadConstraints"]
    (away,) = affinity["podAntiAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]
    (beside,) = affinity["podAffinity"]["preferredDuringSchedulingIgnoredDuringExecution"]
    assert spread_over["labelSelector"] == away["labelSelector"] == own
    assert beside["podAffinityTerm"]["labelSelector"] == own


def test_a_selector_for_all_pods_of_the_namespace_stays_one() -> None:
    place = {"topologyKey": "zone", "labelSelector": {}}
    far = {"requiredDuringSchedulingIgnoredDuringExecution": [place]}
    found = rendered({"affinity": {"podAntiAffinity": far}})["spec"]["affinity"]["podAntiAffinity"]
    assert found["requiredDuringSchedulingIgnoredDuringExecution"] == [place]


def test_an_empty_list_leaves_spreading_to_the_cluster() -> None:
    assert "topologySpreadConstraints" not in rendered({"topologySpreadConstraints": []})["spec"]


def test_the_job_that_resolves_needs_the_same_nodes_and_no_neighbours() -> None:
    spec = rendered(OVERLAY, resolve=True)["spec"]
    assert set(spec["affinity"]) == {"nodeAffinity"}
    assert "topologySpreadConstraints" not in spec
    assert (spec["priorityClassName"], spec["runtimeClassName"]) == ("serving", "gvisor")


def _mounts(pod: dict[str, Any]) -> Iterator[tuple[str, str]]:
    for container in pod["spec"]["containers"]:
        yield from ((mount["name"], mount["mountPath"]) for mount in container["volumeMounts"])


def test_the_names_and_folders_of_serins_own_volumes_are_refused_to_others() -> None:
    claim = {"model": {**MODEL, "uri": "pvc://models/credit"}, "serving": WITH_TLS["serving"]}
    names = (
        "a_bucket_with_credentials",
        "golden_samples",
        "signed_models",
        "a_store_in_a_bucket",
        "a_store_on_a_claim",
    )
    more = [SPECS[name] for name in names]
    owners = [mdep(spec) for spec in (EVERYTHING, claim, *more)]
    mounted = {
        mount
        for owner in owners
        for resolve in (False, True)
        for mount in _mounts(template(owner, CONFIG, "rev1", "0" * 64, resolve=resolve))
    }
    named = {name for name, _ in mounted}
    assert {name for name in named if not name.startswith("serin-")} == set(VOLUMES_OF_SERIN)
    assert [path for _, path in mounted if not re.search(FOLDERS_OF_SERIN, path)] == []
    assert set(FIELDS_OF_VOLUMES) == named - {"cache", "tmp"}


# What OpenShift's restricted-v2 (and the restricted Pod Security Standard with it) admits.
ADMITTED_VOLUMES = {
    *("configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "persistentVolumeClaim", "projected", "secret")
}


@pytest.mark.parametrize("resolve", [False, True], ids=["serving", "resolving"])
def test_openshifts_restricted_v2_admits_the_pods_with_everything_that_a_spec_can_ask_for(resolve: bool) -> None:
    owner = mdep({**EVERYTHING, "runtime": GOOD["spec"]["runtime"]})
    pod = template(owner, replace(CONFIG, has_fixed_user=False), "rev1", "0" * 64, resolve=resolve)["spec"]
    assert pod["securityContext"] == {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}}
    assert not {"hostNetwork", "hostPID", "hostIPC", "hostUsers"} & set(pod)
    assert {kind for volume in pod["volumes"] for kind in volume if kind != "name"} <= ADMITTED_VOLUMES
    for container in pod["containers"]:
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        assert not any("hostPort" in port for port in container.get("ports", ()))


@pytest.mark.parametrize(("has_fixed_user", "mode"), [(True, 0o440), (False, 0o444)])
def test_files_can_be_read_by_whom_the_pod_runs_as_with_and_without_an_fsgroup(has_fixed_user: bool, mode: int) -> None:
    owner = mdep({**EVERYTHING, "runtime": GOOD["spec"]["runtime"]})
    pod = template(owner, replace(CONFIG, has_fixed_user=has_fixed_user), "rev1", "0" * 64)["spec"]
    of_model = {"source", "source-ca"}  # read by all as Kubernetes makes them
    files = [v.get("secret") or v.get("configMap") for v in pod["volumes"] if v["name"] not in of_model]
    assert {each["defaultMode"] for each in files if each} == {mode}
    assert ("fsGroup" in pod["securityContext"]) is has_fixed_user


def test_services_have_both_families_of_addresses_where_the_cluster_has_both() -> None:
    owner = mdep({"model": MODEL})
    for service in (make.client_service(owner, "rev1"), make.revision_service(owner, "rev1", secure=True)):
        assert service["spec"]["ipFamilyPolicy"] == "PreferDualStack"
        assert "ipFamilies" not in service["spec"]  # which comes first is the cluster's to say


@pytest.mark.parametrize("beside", [{"name": "proxy", "ports": [{"name": "https", "containerPort": 15443}]}], ids=str)
def test_whether_pods_speak_tls_is_told_by_our_container_and_no_other(beside: dict[str, Any]) -> None:
    plain = template(mdep({"model": MODEL}), CONFIG, "rev1", "0" * 64)
    secure = template(mdep(SPECS["tls_keys_and_signed_feedback"]), CONFIG, "rev1", "0" * 64)
    for pod, is_secure in ((plain, False), (secure, True)):
        pod["spec"]["containers"] = [beside, *pod["spec"]["containers"], beside]
        assert speaks_tls(pod) is is_secure

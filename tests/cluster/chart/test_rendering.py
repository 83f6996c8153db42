"""What the chart renders, in all its variants, is what the API server takes, and is as strict as it says."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.cluster.chart.conftest import CHART, SYSTEM
from tests.support.kubernetes import Kubernetes

from serin_operator.api.crd import custom_resource_definition
from serin_operator.runtime.settings import Settings
from serin_server.config.settings import Settings as ServerSettings
from serin_ui.reports.settings import Settings as ReporterSettings

pytestmark = pytest.mark.cluster

VARIANTS: dict[str, dict[str, Any]] = {
    "as it comes": {},
    "in two namespaces, nothing cluster-wide": {
        "namespaces": ["scoring", "fraud"],
        "crds": {"install": False},
        "rbac": {"aggregateRoles": False},
    },
    "in two namespaces, with Gateways of others": {"namespaces": ["scoring", "fraud"], "rbac": {"readGateways": True}},
    "with signed models only": {"requireSigned": {"namespaces": ["scoring", "*"]}},
    "with a store for models": {
        "modelStore": {
            "*": {
                "uri": "s3://kept/models",
                "credentials": {"secretName": "r"},
                "writeCredentials": {"secretName": "w"},
            },
            "fraud": {"uri": "pvc://kept"},
        }
    },
    "with a sweeper": {
        "sweep": {
            "enabled": True,
            "uri": "s3://kept/models",
            "credentialsSecret": "kept",
            "delete": True,
            "caConfigMap": {"name": "authorities", "key": "root.pem"},
        },
    },
    "with a sweeper of a claim, in two namespaces": {
        "namespaces": ["scoring", "fraud"],
        "crds": {"install": False},
        "rbac": {"aggregateRoles": False},
        "sweep": {"enabled": True, "uri": "pvc://kept/models"},
    },
    "with bumps": {
        "bump": {
            "enabled": True,
            "watches": [
                {
                    "namespace": "default",
                    "name": "credit-risk",
                    "source": "mlflow://models.example.com/credit-risk@champion",
                    "credentialsSecret": "mlflow",
                    "caConfigMap": {"name": "authorities", "key": "root.pem"},
                    "version": "v{}",
                },
                {"namespace": "default", "name": "churn", "source": "s3://models/churn/*/", "schedule": "7 * * * *"},
            ],
        },
    },
    "with a network policy": {"networkPolicy": {"enabled": True, "metricsFrom": [{"namespaceSelector": {}}]}},
    "with the Prometheus Operator": {
        "serviceMonitor": {"enabled": True, "labels": {"release": "prometheus"}},
        "podMonitor": {"enabled": True},
        "prometheus": {"scrapeIntervalSeconds": 5},
    },
    "with alerts": {"alerts": {"enabled": True, "labels": {"release": "prometheus"}, "errorBudget": 0.005}},
    "with a page for everybody": {
        "namespaces": ["scoring", "fraud"],
        "crds": {"install": False},
        "rbac": {"aggregateRoles": False},
        "prometheus": {"url": "https://prometheus.monitoring:9090"},
        "ui": {"enabled": True, "signIn": False, "prometheusAuth": {"existingSecret": "p", "bearerTokenKey": "token"}},
    },
    "with reports in a bucket": {
        "prometheus": {
            "url": "https://prometheus.monitoring:9090",
            "headers": {"X-Scope-OrgID": "team-a"},
            "auth": {"existingSecret": "p", "username": "serin", "passwordKey": "password", "caKey": "ca.crt"},
        },
        "serviceMonitor": {"enabled": True},
        "report": {"store": "s3://reports/eu-1", "credentialsSecret": "reports"},
    },
    "with reports on a claim, in two namespaces": {
        "namespaces": ["scoring", "fraud"],
        "crds": {"install": False},
        "rbac": {"aggregateRoles": False},
        "report": {"store": "pvc://reports/eu-1", "settleSeconds": 0},
    },
    "with reports in ConfigMaps": {"report": {"store": "ConfigMap", "keep": 5, "maxAgeHours": 0.5}},
    "with dashboards": {"dashboards": {"enabled": True, "annotations": {"grafana_folder": "Serin"}}},
    "with a token for Prometheus": {
        "prometheus": {
            "url": "https://prometheus.monitoring:9090",
            "headers": {"X-Scope-OrgID": "team-a"},
            "auth": {"existingSecret": "prometheus", "bearerTokenKey": "token", "caKey": "ca.crt"},
        }
    },
    "with a password for Prometheus": {
        "prometheus": {
            "url": "https://prometheus.monitoring:9090",
            "auth": {"existingSecret": "prometheus", "username": "serin", "passwordKey": "password"},
        }
    },
    "with traces": {"tracing": {"endpoint": "http://collector.monitoring:4318", "sample": 0.25}},
    "with notices": {
        "notify": {
            "cluster": "eu-1",
            "channels": [
                {
                    "name": "ops",
                    "kind": "Slack",
                    "existingSecret": "slack",
                    "templates": {"Default": "{name}: {message}"},
                },
                {"name": "on-call", "kind": "PagerDuty", "existingSecret": "pagerduty"},
            ],
            "defaults": [{"channel": "ops"}, {"channel": "on-call", "about": ["Held", "RolledBack", "Recovered"]}],
        }
    },
    "one replica with roles of one's own": {
        "replicaCount": 1,
        "rbac": {"create": False},
        "serviceAccount": {"create": False, "name": "mine"},
    },
    "placed with care": {
        "imagePullSecrets": [{"name": "registry"}],
        "extraEnv": [{"name": "HTTPS_PROXY", "value": "http://proxy:3128"}],
        "nodeSelector": {"pool": "system"},
        "tolerations": [{"key": "system", "operator": "Exists"}],
        "affinity": {"nodeAffinity": {}},
        "podLabels": {"team": "ml"},
        "podAnnotations": {"note": "x"},
        "priorityClassName": "system-cluster-critical",
        "logging": {"format": "console", "level": "debug"},
    },
}
MONITORS = {"ServiceMonitor", "PodMonitor", "PrometheusRule"}


_told: dict[tuple[str, str], str] = {}
"""What helm renders, by values and namespace: many tests look at the same variant."""


def rendered(kubernetes: Kubernetes, values: dict[str, Any], namespace: str = SYSTEM) -> list[dict[str, Any]]:
    key = (yaml.safe_dump(values), namespace)
    if key not in _told:
        command = ("helm", "template", "serin", CHART, "--namespace", namespace, "--values", "-")
        _told[key] = kubernetes.run(*command, text=key[0]).stdout
    return [each for each in yaml.load_all(_told[key], Loader=yaml.CSafeLoader) if each]


def one(objects: list[dict[str, Any]], kind: str) -> dict[str, Any]:
    (found,) = [each for each in objects if each["kind"] == kind]
    return found


def the_operator(objects: list[dict[str, Any]]) -> dict[str, Any]:
    name = "app.kubernetes.io/name"
    found = [
        each
        for each in objects
        if each["kind"] == "Deployment" and each["metadata"]["labels"][name] == "serin-operator"
    ]
    assert len(found) == 1
    return found[0]


@pytest.mark.parametrize("values", VARIANTS.values(), ids=VARIANTS)
def test_the_api_server_takes_every_object_without_a_warning(
    kubernetes: Kubernetes, namespaces: tuple[str, ...], values: dict[str, Any]
) -> None:
    objects = [each for each in rendered(kubernetes, values) if each["kind"] not in MONITORS]
    command = ("kubectl", "create", "--dry-run=server", "--validate=strict", "-f", "-")
    done = kubernetes.run(*command, text=yaml.dump_all(objects, Dumper=yaml.CSafeDumper))
    assert "Warning" not in done.stderr
    assert done.stdout.count("(server dry run)") == len(objects)


@pytest.mark.parametrize("values", VARIANTS.values(), ids=VARIANTS)
def test_the_operator_understands_every_variable_that_the_chart_sets(
    kubernetes: Kubernetes, monkeypatch: pytest.MonkeyPatch, values: dict[str, Any]
) -> None:
    deployment = the_operator(rendered(kubernetes, values))
    env = deployment["spec"]["template"]["spec"]["containers"][0]["env"]
    names = [each["name"] for each in env if each["name"].startswith("SERIN_")]
    assert len(names) == len(set(names))
    assert {name.removeprefix("SERIN_").lower() for name in names} <= set(Settings.model_fields)
    for each in env:
        monkeypatch.setenv(each["name"], each.get("value", "from-the-pod"))
    settings = Settings()
    assert settings.lease_namespace == SYSTEM
    assert list(settings.namespaces) == values.get("namespaces", [])


def test_the_crd_of_the_chart_is_that_of_the_types(kubernetes: Kubernetes) -> None:
    # Its queries have placeholders in the braces that Helm expands.
    crd = one(rendered(kubernetes, {}), "CustomResourceDefinition")
    assert crd["spec"] == custom_resource_definition()["spec"]


def test_the_alerts_are_those_of_the_file_but_for_budget_and_runbooks(kubernetes: Kubernetes) -> None:
    file = Path(CHART, "rules.yaml").read_text()
    assert one(rendered(kubernetes, {"alerts": {"enabled": True}}), "PrometheusRule")["spec"] == yaml.safe_load(file)
    values = {"alerts": {"enabled": True, "errorBudget": "0.0005", "runbooks": "https://wiki/serin"}}
    changed = one(rendered(kubernetes, values), "PrometheusRule")["spec"]
    default = "https://github.com/serin-dev/serin/blob/main/docs/runbooks"
    mine = file.replace("vector(0.001)", "vector(0.0005)").replace(default, "https://wiki/serin")
    assert changed == yaml.safe_load(mine)


def test_the_dashboards_are_the_files_with_the_label_of_the_sidecar(kubernetes: Kubernetes) -> None:
    found = [each for each in rendered(kubernetes, {"dashboards": {"enabled": True}}) if each["kind"] == "ConfigMap"]
    assert all(each["metadata"]["labels"]["grafana_dashboard"] == "1" for each in found)
    told = {name: json.loads(text) for each in found for name, text in each["data"].items()}
    files = Path(CHART, "dashboards").glob("*.json")
    assert told == {file.name: json.loads(file.read_text()) for file in files}


def test_every_setting_can_be_reached_from_the_values(kubernetes: Kubernetes) -> None:
    variants = (
        "with a token for Prometheus",
        "with a password for Prometheus",
        "with notices",
        "with traces",
        "with a store for models",
        "with a network policy",
    )
    everything = [VARIANTS[name] for name in variants]
    names = {
        each["name"]
        for values in everything
        for each in the_operator(rendered(kubernetes, values))["spec"]["template"]["spec"]["containers"][0]["env"]
    }
    assert {f"SERIN_{field}".upper() for field in Settings.model_fields} <= names


@pytest.mark.parametrize("values", VARIANTS.values(), ids=VARIANTS)
def test_the_pods_are_as_restricted_as_pods_can_be(kubernetes: Kubernetes, values: dict[str, Any]) -> None:
    objects = rendered(kubernetes, values)
    deployed = [each["spec"]["template"]["spec"] for each in objects if each["kind"] == "Deployment"]
    for spec in (*deployed, one(objects, "Pod")["spec"]):
        assert spec["securityContext"]["runAsNonRoot"] is True
        assert spec["securityContext"]["runAsUser"] == 65532
        assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        (container,) = spec["containers"]
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }


def test_the_page_for_everybody_has_no_token_and_no_rights(kubernetes: Kubernetes) -> None:
    objects = rendered(kubernetes, VARIANTS["with a page for everybody"])
    name = "app.kubernetes.io/name"
    ours = [each for each in objects if each["metadata"]["labels"][name] == "serin-ui"]
    assert sorted(each["kind"] for each in ours) == ["Deployment", "Service", "ServiceAccount"]
    bound = [subject["name"] for each in objects for subject in each.get("subjects") or ()]
    assert "serin-ui" not in bound
    (spec,) = [each["spec"]["template"]["spec"] for each in ours if each["kind"] == "Deployment"]
    assert spec["automountServiceAccountToken"] is False
    assert not [volume for volume in spec["volumes"] if "projected" in volume]


@pytest.mark.parametrize("name", [name for name in VARIANTS if "reports" in name])
def test_who_keeps_reports_reads_models_and_writes_configmaps_only_where_they_are_the_store(
    kubernetes: Kubernetes, tmp_path: Path, name: str
) -> None:
    objects = rendered(kubernetes, VARIANTS[name])
    ours = [each for each in objects if each["metadata"]["labels"]["app.kubernetes.io/name"] == "serin-reports"]
    rules = [rule for each in ours if each["kind"] in {"Role", "ClusterRole"} for rule in each["rules"]]
    reading = {"apiGroups": ["serin.dev"], "resources": ["modeldeployments"], "verbs": ["get", "list", "watch"]}
    writing = {"apiGroups": [""], "resources": ["configmaps"], "verbs": ["get", "create", "patch"]}
    each = [reading, writing] if VARIANTS[name]["report"]["store"] == "ConfigMap" else [reading]
    assert rules == each * max(1, len(VARIANTS[name].get("namespaces", [])))
    (container,) = one(ours, "Deployment")["spec"]["template"]["spec"]["containers"]
    mounts = {mount["mountPath"] for mount in container.get("volumeMounts", ())}
    variables = {each["name"]: each["value"] for each in container["env"]}
    for variable, value in variables.items():  # what is mounted in a pod is not there on this machine
        if value.startswith("/etc/serin"):
            assert value.rpartition("/")[0] in mounts or value in mounts
            variables[variable] = str(tmp_path) if value in mounts else __file__
    settings = ReporterSettings.of({**variables, "KUBERNETES_SERVICE_HOST": "10.0.0.1"})
    assert settings.store == VARIANTS[name]["report"]["store"]
    assert bool(settings.prometheus_credentials.username) == bool(settings.prometheus)


@pytest.mark.parametrize("name", [name for name in VARIANTS if "sweeper" in name])
def test_the_sweeper_may_list_modeldeployments_and_who_deletes_has_no_token(kubernetes: Kubernetes, name: str) -> None:
    objects = rendered(kubernetes, VARIANTS[name])
    ours = [each for each in objects if each["metadata"]["labels"]["app.kubernetes.io/name"] == "serin-sweep"]
    rules = [rule for each in ours if each["kind"] in {"Role", "ClusterRole"} for rule in each["rules"]]
    listing = {"apiGroups": ["serin.dev"], "resources": ["modeldeployments"], "verbs": ["list"]}
    namespaces = VARIANTS[name].get("namespaces", [])
    assert rules == [listing] * max(1, len(namespaces))
    pod = one(ours, "CronJob")["spec"]["jobTemplate"]["spec"]["template"]["spec"]
    (lister,), (sweeper,) = pod["initContainers"], pod["containers"]
    assert lister["args"] == ["/list/in-use.json", *namespaces]
    assert not pod["automountServiceAccountToken"]
    assert "token" in {each["name"] for each in lister["volumeMounts"]}
    assert "token" not in {each["name"] for each in sweeper["volumeMounts"]}
    env = {each["name"]: each["value"] for each in sweeper["env"]}
    for variable, value in env.items():
        assert variable.removeprefix("SERIN_").lower() in ServerSettings.__dataclass_fields__, value
    assert env["SERIN_SWEEP_DELETE"] == ("on" if VARIANTS[name]["sweep"].get("delete") else "off")
    for container in (lister, sweeper):
        assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
    assert authorities(pod, "SERIN_STORE_CA_FILE") == (
        AUTHORITIES if "caConfigMap" in VARIANTS[name]["sweep"] else None
    )
    mounted = {each["name"] for each in (*lister["volumeMounts"], *sweeper["volumeMounts"])}
    assert mounted == {each["name"] for each in pod["volumes"]}


AUTHORITIES = {"name": "authorities", "items": [{"key": "root.pem", "path": "ca.crt"}]}


def authorities(pod: dict[str, Any], variable: str) -> dict[str, Any] | None:
    """The ConfigMap that a variable of the pod's container leads to, by its mount; None where there is no such variable."""
    (container,) = pod["containers"]
    file = next((each["value"] for each in container["env"] if each["name"] == variable), None)
    if file is None:
        return None
    folder, _, name = file.rpartition("/")
    assert name == "ca.crt"
    volume = next(each["name"] for each in container["volumeMounts"] if each["mountPath"] == folder)
    return next(each["configMap"] for each in pod["volumes"] if each["name"] == volume)


def test_who_bumps_may_touch_the_one_object_that_is_named_and_sees_the_secret_of_its_source(
    kubernetes: Kubernetes,
) -> None:
    objects = rendered(kubernetes, VARIANTS["with bumps"])
    ours = [each for each in objects if each["metadata"]["labels"]["app.kubernetes.io/name"] == "serin-bump"]
    roles = [each["rules"] for each in ours if each["kind"] == "Role"]
    about = {"apiGroups": ["serin.dev"], "resources": ["modeldeployments"], "verbs": ["get", "patch"]}
    assert roles == [[{**about, "resourceNames": [name]}] for name in ("credit-risk", "churn")]
    assert len({(each["kind"], each["metadata"]["name"]) for each in ours}) == len(ours) == 8
    first, second = (each["spec"] for each in ours if each["kind"] == "CronJob")
    assert (first["schedule"], second["schedule"]) == ("*/15 * * * *", "7 * * * *")
    pods = [each["jobTemplate"]["spec"]["template"]["spec"] for each in (first, second)]
    settings = [{each["name"]: each["value"] for each in pod["containers"][0]["env"]} for pod in pods]
    assert settings[0]["SERIN_BUMP_VERSION"] == "v{}"
    assert settings[1] == {"SERIN_MODEL_URI": "s3://models/churn/*/", "SERIN_BUMP_OBJECT": "default/churn"}
    for pod in pods:
        (container,) = pod["containers"]
        assert container["securityContext"]["readOnlyRootFilesystem"] is True
        assert {each["name"] for each in container["volumeMounts"]} == {each["name"] for each in pod["volumes"]}
        known = set(ServerSettings.__dataclass_fields__)
        assert {each["name"].removeprefix("SERIN_").lower() for each in container["env"]} <= known
    assert [each["secret"]["secretName"] for each in pods[0]["volumes"] if "secret" in each] == ["mlflow"]
    assert authorities(pods[0], "SERIN_SOURCE_CA_FILE") == AUTHORITIES
    assert not [each for each in rendered(kubernetes, {}) if "bump" in each["metadata"]["name"]]


def test_the_operator_may_write_network_policies_only_where_it_is_told_whom_to_admit(kubernetes: Kubernetes) -> None:
    for values, is_allowed in (
        ({}, False),
        ({"networkPolicy": {"enabled": True}}, False),
        (VARIANTS["with a network policy"], True),
    ):
        objects = rendered(kubernetes, values)
        rules = [rule for each in objects if each["kind"] == "ClusterRole" for rule in each["rules"]]
        assert any("networkpolicies" in rule["resources"] for rule in rules) is is_allowed
        env = the_operator(objects)["spec"]["template"]["spec"]["containers"][0]["env"]
        told = [json.loads(each["value"]) for each in env if each["name"] == "SERIN_COLLECTOR_PEERS"]
        assert told == ([[{"namespaceSelector": {}}]] if is_allowed else [])


def test_without_being_asked_nothing_is_swept(kubernetes: Kubernetes) -> None:
    assert not [each for each in rendered(kubernetes, {}) if "sweep" in each["metadata"]["name"]]


def test_the_cluster_may_choose_who_pods_run_as(kubernetes: Kubernetes) -> None:
    objects = rendered(kubernetes, {"podUser": "Cluster"})
    deployment = the_operator(objects)["spec"]["template"]["spec"]
    for spec in (deployment, one(objects, "Pod")["spec"]):
        assert spec["securityContext"] == {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}}
    (setting,) = [each for each in deployment["containers"][0]["env"] if each["name"] == "SERIN_SERVING_POD_USER"]
    assert setting["value"] == "Cluster"


@pytest.mark.parametrize("values", VARIANTS.values(), ids=VARIANTS)
def test_no_role_reads_secrets_or_has_wildcards_or_the_power_to_give_power(
    kubernetes: Kubernetes, values: dict[str, Any]
) -> None:
    roles = [each for each in rendered(kubernetes, values) if each["kind"] in {"Role", "ClusterRole"}]
    for rule in [rule for role in roles for rule in role["rules"]]:
        assert not {"*", "serviceaccounts", "pods/exec"} & {*rule["resources"], *rule["verbs"]}
        if "secrets" in rule["resources"]:
            assert rule == {"apiGroups": [""], "resources": ["secrets"], "verbs": ["create"]}
        assert not {"impersonate", "bind", "escalate"} & set(rule["verbs"])
        if "pods" in rule["resources"]:
            assert set(rule["verbs"]) == {"get", "list", "watch"}


def test_every_verb_is_one_that_the_operator_uses(kubernetes: Kubernetes) -> None:
    roles = [each for each in rendered(kubernetes, {}) if each["kind"] in {"Role", "ClusterRole"}]
    rules = [rule for role in roles if "aggregate" not in str(role["metadata"]["labels"]) for rule in role["rules"]]
    updated = {resource for rule in rules if "update" in rule["verbs"] for resource in rule["resources"]}
    assert updated == {"modeldeployments/status", "modeldeployments/finalizers", "leases"}
    (lease,) = [rule for rule in rules if "resourceNames" in rule]
    assert lease["resourceNames"] == ["serin-operator"]
    assert set(lease["verbs"]) == {"get", "list", "watch", "update"}


def test_with_namespaces_listed_there_is_nothing_cluster_wide(kubernetes: Kubernetes) -> None:
    objects = rendered(kubernetes, VARIANTS["in two namespaces, nothing cluster-wide"])
    assert {each["metadata"]["namespace"] for each in objects} == {SYSTEM, "scoring", "fraud"}
    roles = sorted(each["metadata"]["namespace"] for each in objects if each["kind"] == "Role")
    assert roles == ["fraud", "scoring", SYSTEM]


def test_gateways_of_others_are_read_and_never_written(kubernetes: Kubernetes) -> None:
    objects = rendered(kubernetes, VARIANTS["in two namespaces, with Gateways of others"])
    roles = [
        each for each in objects if each["kind"] == "ClusterRole" and each["metadata"]["name"].endswith("-gateways")
    ]
    (role,) = roles
    assert {(*rule["resources"], *rule["verbs"]) for rule in role["rules"]} == {
        ("gatewayclasses", "get"),
        ("gateways", "get"),
    }


@pytest.mark.parametrize("name", ["as it comes", "with a page for everybody", "with reports in a bucket"])
def test_what_takes_minutes_to_start_is_not_killed_for_it(kubernetes: Kubernetes, name: str) -> None:
    for each in rendered(kubernetes, VARIANTS[name]):
        if each["kind"] == "Deployment":
            (container,) = each["spec"]["template"]["spec"]["containers"]
            starting = container["startupProbe"]
            assert starting["httpGet"] == container["livenessProbe"]["httpGet"]
            assert starting["periodSeconds"] * starting["failureThreshold"] >= 120
            assert min(starting["timeoutSeconds"], container["livenessProbe"]["timeoutSeconds"]) >= 5


def test_credentials_are_mounted_from_the_secret_and_stand_nowhere_else(kubernetes: Kubernetes) -> None:
    spec = the_operator(rendered(kubernetes, VARIANTS["with a token for Prometheus"]))["spec"]["template"]["spec"]
    (volume,) = [each for each in spec["volumes"] if "secret" in each]
    (container,) = spec["containers"]
    (mount,) = [each for each in container["volumeMounts"] if each["name"] == volume["name"]]
    values = {each["name"]: each.get("value") for each in container["env"]}
    assert volume["secret"]["secretName"] == "prometheus"
    assert values["SERIN_PROMETHEUS_BEARER_TOKEN_FILE"] == f"{mount['mountPath']}/token"
    assert values["SERIN_PROMETHEUS_CA_FILE"] == f"{mount['mountPath']}/ca.crt"


def test_channels_come_from_the_values_and_what_is_secret_from_their_secrets(
    kubernetes: Kubernetes, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = the_operator(rendered(kubernetes, VARIANTS["with notices"]))["spec"]["template"]["spec"]
    (container,) = spec["containers"]
    (value,) = [each["value"] for each in container["env"] if each["name"] == "SERIN_NOTIFY"]
    assert "slack" not in value
    monkeypatch.setenv("SERIN_NOTIFY", value)
    notify = Settings().notify
    assert notify is not None
    assert [(channel.name, channel.kind) for channel in notify.channels] == [("ops", "Slack"), ("on-call", "PagerDuty")]
    assert [each.channel for each in notify.defaults] == ["ops", "on-call"]
    volumes = {each["name"]: each["secret"] for each in spec["volumes"] if "secret" in each}
    for channel, secret in (("ops", "slack"), ("on-call", "pagerduty")):
        (mount,) = [each for each in container["volumeMounts"] if each["name"] == f"notify-{channel}"]
        assert mount["mountPath"] == f"{notify.folder}/{channel}"
        assert volumes[mount["name"]]["secretName"] == secret
        assert volumes[mount["name"]]["optional"] is True


def test_prometheus_scrapes_as_often_as_the_operator_believes(kubernetes: Kubernetes) -> None:
    objects = rendered(kubernetes, VARIANTS["with the Prometheus Operator"])
    monitors = {each["metadata"]["name"]: each["spec"] for each in objects if each["kind"] == "PodMonitor"}
    assert monitors.keys() == {"serin-models", "serin-collectors"}
    (endpoint,) = monitors["serin-models"]["podMetricsEndpoints"]
    (container,) = the_operator(objects)["spec"]["template"]["spec"]["containers"]
    assert endpoint == {"port": "metrics", "path": "/metrics", "interval": "5s"}
    assert {"name": "SERIN_SCRAPE_INTERVAL_SECONDS", "value": "5"} in container["env"]


def test_one_replica_has_no_disruption_budget_that_would_block_a_drain(kubernetes: Kubernetes) -> None:
    kinds = {each["kind"] for each in rendered(kubernetes, VARIANTS["one replica with roles of one's own"])}
    assert not kinds & {"PodDisruptionBudget", "Role", "ClusterRole", "ServiceAccount"}


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ("replicas=3", "additional properties 'replicas' not allowed"),
        ("prometheus.adress=http://x", "additional properties 'adress' not allowed"),
        ("prometheus.url=prometheus:9090", "/prometheus/url"),
        ("logging.level=verbose", "/logging/level"),
        ("replicaCount=0", "/replicaCount"),
        ("prometheus.auth.bearerTokenKey=token", "/prometheus/auth/existingSecret"),
        ("prometheus.scrapeIntervalSeconds=0", "/prometheus/scrapeIntervalSeconds"),
        ("prometheus.namespaceLabel=k8s.namespace", "/prometheus/namespaceLabel"),
        ("namespaces={Not_A_Namespace}", "/namespaces/0"),
        ("notify.channels[0].name=ops,notify.channels[0].kind=Fax", "/notify/channels/0/kind"),
        ("notify.defaults[0].channel=ops,notify.defaults[0].about={Lunch}", "/notify/defaults/0/about/0"),
        ("modelStore.fraud.uri=nfs://kept", "/modelStore/fraud/uri"),
        ("sweep.enabled=true", "sweep.uri: name the store"),
        ("sweep.olderThanHours=0.5", "/sweep/olderThanHours"),
        ("bump.watches[0].namespace=a,bump.watches[0].name=b", "missing property 'source'"),
        (
            "bump.watches[0].namespace=a,bump.watches[0].name=b,bump.watches[0].source=https://a/b",
            "/bump/watches/0/source",
        ),
        (
            "bump.watches[0].namespace=a,bump.watches[0].name=b,bump.watches[0].source=hf://a/b@c/,bump.watches[0].caConfigMap.name=x",
            "missing property 'key'",
        ),
        (
            "report.store=ConfigMap,report.settleSeconds=3600,report.maxAgeHours=1",
            "must be less than report.maxAgeHours",
        ),
        ("sweep.caConfigMap.key=", "/sweep/caConfigMap/key"),
        ("modelStore.fraud.credentials.secretName=x", "missing property 'uri'"),
    ],
)
def test_a_wrong_value_is_refused_by_name(kubernetes: Kubernetes, wrong: str, said: str) -> None:
    done = kubernetes.run("helm", "template", "serin", CHART, "--set", wrong, check=False)
    assert done.returncode
    assert said in done.stderr


def test_an_old_kubernetes_is_refused(kubernetes: Kubernetes) -> None:
    done = kubernetes.run("helm", "template", "serin", CHART, "--kube-version", "1.29.4", check=False)
    assert "requires kubeVersion" in done.stderr


def test_two_namespaced_releases_of_one_name_share_no_cluster_wide_role(kubernetes: Kubernetes) -> None:
    values = {"namespaces": ["scoring"], "crds": {"install": False}}
    names = [
        {each["metadata"]["name"] for each in rendered(kubernetes, values, namespace) if each["kind"] == "ClusterRole"}
        for namespace in ("team-a", "team-b")
    ]
    assert all(names)
    assert names[0].isdisjoint(names[1])

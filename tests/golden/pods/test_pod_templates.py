"""Pod templates, whole, kept beside this file: what the operator makes of a spec.

A difference restarts the pods of everybody whose version is born after it. If it is what you meant, run
``UPDATE_GOLDEN=1 make golden`` and commit the new template. A revision that changes
for a spec that did not is rolled out like a new model by the next operator, so those of old specs never may.
"""

import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.cluster.api.table import GOOD, WITH_TLS

from serin_operator.decide.manifests import collector
from serin_operator.decide.manifests.pod import template
from serin_operator.decide.wanted.revision import revision_of
from serin_operator.decide.world import ModelDeployment, OperatorConfig
from serin_operator.observe import views

TEMPLATES = Path(__file__).parent
CONFIG = OperatorConfig(
    serving_image="registry.example.com/serin-server:1", collector_image="registry.example.com/serin-collector:1"
)
EXAMPLE = yaml.safe_load(Path("examples/breast-cancer/modeldeployment.yaml").read_text())["spec"]
MODEL = {"version": "v1", "uri": "https://models.example.com/v1.onnx"}
PREDICTION_LOG = GOOD["spec"]["predictionLog"]

SPECS: dict[str, dict[str, Any]] = {
    "the_example": EXAMPLE,
    # Before its models came from a bucket: pods of it may still run.
    "the_example_at_first": {
        **{name: value for name, value in EXAMPLE.items() if name != "preflight"},
        "model": {"version": "v1", "uri": "http://models.serin-quickstart.svc/v1.onnx"},
    },
    "as_little_as_possible": {"model": MODEL},
    "all_of_runtime_at_first": {
        "model": {
            **MODEL,
            "headerSecret": {"name": "store", "key": "headers"},
            "caConfigMap": {"name": "store-ca", "key": "ca.crt"},
        },
        "runtime": {
            "image": "registry.example.com/mine:2",
            "imagePullPolicy": "Always",
            "imagePullSecrets": [{"name": "registry"}],
            "resources": {"requests": {"cpu": "500m"}, "limits": {"cpu": 2, "memory": "1Gi"}},
            "threads": 2,
            "env": [
                {"name": "SERIN_MAX_BATCH_ROWS", "value": "8"},
                {"name": "TOKEN", "valueFrom": {"secretKeyRef": {"name": "store", "key": "token"}}},
            ],
            "nodeSelector": {"kubernetes.io/arch": "amd64"},
            "tolerations": [{"key": "gpu", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 60}],
            "serviceAccountName": "models",
        },
    },
    "a_bucket_with_credentials": {
        "model": {
            **MODEL,
            "uri": "s3://models/credit/v1",
            "credentials": {"secretName": "store"},
            "caConfigMap": {"name": "store-ca", "key": "ca.crt"},
        }
    },
    "a_store_in_a_bucket": {
        "model": {
            **MODEL,
            "store": {
                "uri": "s3://kept/models",
                "credentials": {"secretName": "kept-reader"},
                "writeCredentials": {"secretName": "kept-writer"},
                "caConfigMap": {"name": "store-ca", "key": "ca.crt"},
            },
        }
    },
    "a_store_on_a_claim": {"model": {**MODEL, "store": {"uri": "pvc://kept/models"}}},
    "a_store_on_the_claim_of_its_source": {
        "model": {**MODEL, "uri": "pvc://models/credit/v1", "store": {"uri": "pvc://models/kept"}}
    },
    "signed_models": {
        "model": {
            **MODEL,
            "verify": {
                "certificateAuthorities": {"name": "signers", "key": "roots"},
                "signers": ["a@example.com", "b"],
            },
        },
    },
    "models_signed_without_a_key": {
        "model": {
            **MODEL,
            "uri": "oci://registry.example.com/acme/credit:v1",
            "verify": {
                "trustedRoot": {"name": "sigstore", "key": "trusted_root.json"},
                "issuer": "https://issuer.example.com",
                "signers": ["https://ci.example.com/credit/*"],
                "format": "Cosign",
            },
        },
    },
    "golden_samples": {
        "model": MODEL,
        "preflight": {
            "goldenSamples": {"configMapKeyRef": {"name": "golden", "key": "lines"}, "minMatch": 0.95, "mode": "Warn"}
        },
    },
    "budget_and_baseline": {
        "model": MODEL,
        "preflight": {
            "budget": {"maxP99Seconds": 0.005, "maxMemory": "512Mi", "maxSlowdown": 1.5},
            "baseline": {"mustBeat": "SimpleBaseline"},
        },
    },
    "batching": {
        "model": MODEL,
        "runtime": {
            "batching": "Off",
            "maxBatchRows": 64,
            "batchWindowSeconds": 0.002,
            "preferredBatchRows": [8, 32, 64],
        },
    },
    "tls_keys_and_signed_feedback": {
        "model": MODEL,
        "serving": {
            "tls": {"secretName": "credit-tls"},
            "apiKeys": {"secretKeyRef": {"name": "clients", "key": "lines"}},
            "feedback": {"signing": "Managed"},
        },
    },
    "a_prediction_log": {"model": MODEL, "predictionLog": PREDICTION_LOG},
    "everything_of_the_overlay": {"model": MODEL, "runtime": {"pod": GOOD["spec"]["runtime"]["pod"]}},
    "everything_of_serving": {"model": MODEL, "serving": WITH_TLS["serving"]},
}

REVISIONS_THAT_PODS_RUN_UNDER = {
    "the_example_at_first": "uww6t2ktqt",
    "as_little_as_possible": "grsmcqys33",
    "all_of_runtime_at_first": "qp7334naw7",
}


def mdep(spec: dict[str, Any]) -> ModelDeployment:
    metadata = {"namespace": "scoring", "name": "credit-risk", "uid": "u", "resourceVersion": "1"}
    return views.model_deployment({"metadata": metadata, "spec": spec})


@pytest.mark.parametrize("name", SPECS)
def test_a_pod_template_is_what_was_reviewed(name: str) -> None:
    owner = mdep(SPECS[name])
    revision = revision_of(owner.spec)
    parts = {
        part: template(owner, CONFIG, revision, "0" * 64, resolve=part == "resolving")
        for part in ("serving", "resolving")
    }
    told = yaml.safe_dump(json.loads(json.dumps(parts)), sort_keys=False, width=120)
    path = TEMPLATES / f"{name}.yaml"
    if os.environ.get("UPDATE_GOLDEN"):
        path.write_text(told)
    assert told == path.read_text()


@pytest.mark.parametrize(
    ("name", "log"),
    {
        "a_collector": PREDICTION_LOG,
        "a_collector_on_one_claim": {"sample": 1, "store": "pvc://logs/serin", "spoolClaim": "logs"},
        "a_collector_on_claims": {"sample": 1, "store": "pvc://logs/serin", "spoolClaim": "spool"},
    }.items(),
)
def test_a_collector_is_what_was_reviewed(name: str, log: dict[str, Any]) -> None:
    owner = mdep({"model": MODEL, "predictionLog": log})
    assert owner.spec.prediction_log is not None
    parts = [collector.deployment(owner, owner.spec.prediction_log, CONFIG), collector.service(owner)]
    told = yaml.safe_dump_all(json.loads(json.dumps(parts)), sort_keys=False, width=120)
    path = TEMPLATES / f"{name}.yaml"
    if os.environ.get("UPDATE_GOLDEN"):
        path.write_text(told)
    assert told == path.read_text()


def test_what_pods_log_is_part_of_a_revision_and_what_becomes_of_it_is_not() -> None:
    revisions = {
        field: revision_of(mdep({"model": MODEL, "predictionLog": {**PREDICTION_LOG, **change}}).spec)
        for field, change in {
            "as it is": {},
            "where": {"store": "gs://other", "credentials": None, "spoolClaim": "spool"},
            "how long": {"retentionDays": 1},
            "how many": {"sample": 0.5},
            "what": {"hide": ["other"]},
            "how large": {"maxBytes": 1},
        }.items()
    }
    same = {field for field, revision in revisions.items() if revision == revisions["as it is"]}
    assert same == {"as it is", "where", "how long"}
    assert revision_of(mdep({"model": MODEL}).spec) not in revisions.values()


def test_where_the_cluster_chooses_who_pods_run_as_no_user_is_named() -> None:
    owner = mdep(SPECS["as_little_as_possible"])
    pod = template(owner, replace(CONFIG, has_fixed_user=False), revision_of(owner.spec), "0" * 64)
    assert pod["spec"]["securityContext"] == {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}}


@pytest.mark.parametrize("name", REVISIONS_THAT_PODS_RUN_UNDER)
def test_a_spec_without_new_fields_keeps_the_revision_that_its_pods_run_under(name: str) -> None:
    assert revision_of(mdep(SPECS[name]).spec) == REVISIONS_THAT_PODS_RUN_UNDER[name]


@pytest.mark.parametrize("name", ["a_store_in_a_bucket", "a_store_on_a_claim"])
def test_where_a_model_is_kept_changes_no_revision_whether_the_spec_says_so_or_the_installation(name: str) -> None:
    spec = SPECS[name]
    plain = mdep({"model": MODEL})
    revision = revision_of(mdep(spec).spec)
    assert revision == revision_of(plain.spec) == REVISIONS_THAT_PODS_RUN_UNDER["as_little_as_possible"]
    for namespace in ("scoring", "*"):
        config = replace(CONFIG, stores={namespace: mdep(spec).spec.model.store})
        assert template(plain, config, revision, None) == template(mdep(spec), CONFIG, revision, None)
    elsewhere = replace(CONFIG, stores={"fraud": mdep(spec).spec.model.store})
    assert template(plain, elsewhere, revision, None) == template(plain, CONFIG, revision, None)

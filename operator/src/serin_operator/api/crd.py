"""The CustomResourceDefinition of ModelDeployment, from the types: schema, rules, columns, subresources."""

from typing import Any, Final

from serin_operator.api.names import GROUP, KIND, PLURAL, SHORT_NAME, VERSION
from serin_operator.api.rule import Rule
from serin_operator.api.rules import DEFAULTS, MAP_LISTS, RULES
from serin_operator.api.schema import Schema, fields, structural_schema
from serin_operator.api.spec import ModelDeploymentSpec
from serin_operator.api.status import ModelDeploymentStatus

_KIND_DESCRIPTION: Final = (
    "ModelDeployment serves one ONNX model and rolls new versions of it out: the model is fetched and verified once,"
    " served next to the stable version with a growing share of traffic, and promoted only while the evidence says that"
    " it is no worse; else it is rolled back by itself. Watch it with: kubectl get mdep -w"
)


def _condition(kind: str, field: str) -> str:
    return f'.status.conditions[?(@.type=="{kind}")].{field}'


_COLUMNS: Final = (
    ("Version", "string", ".status.stable.version", 0, "The version that serves."),
    ("Canary", "string", ".status.canary.version", 0, "The version that is being rolled out."),
    ("Weight", "integer", ".status.canary.weight", 0, "Share of traffic of the canary in percent."),
    ("Step", "string", ".status.canary.progress", 0, "Step of the rollout."),
    ("Verdict", "string", ".status.canary.verdict", 0, "What the evidence says so far: Pass, Fail or Inconclusive."),
    ("Ready", "string", _condition("Ready", "status"), 0, "Whether the wanted version serves on all counted pods."),
    ("Reason", "string", _condition("Ready", "reason"), 0, "Why it is ready, or not."),
    ("Age", "date", ".metadata.creationTimestamp", 0, "Age of the object."),
    ("Replicas", "integer", ".status.stable.readyReplicas", 1, "Ready pods of the version that serves."),
    ("Revision", "string", ".status.stable.revision", 1, "Name part of the objects of the version that serves."),
    ("SHA256", "string", ".status.stable.sha256", 1, "Digest of the model that serves."),
    ("URL", "string", ".status.url", 1, "Where clients inside the cluster send requests."),
)

_NOT_LOOKED_AT: Final = {"observedGeneration": -1}
"""Status of a new object. Without it kstatus takes an object that no operator has looked at for one that is done."""


def object_schema() -> Schema:
    """The schema of the whole object, with the CEL rules in place.

    Raises:
        ValueError: A rule or a list key names a path that the types do not have.
    """
    schema: Schema = {
        "description": _KIND_DESCRIPTION,
        "type": "object",
        "required": ["spec"],
        "properties": {
            "apiVersion": {"type": "string", "description": f"Always {GROUP}/{VERSION}."},
            "kind": {"type": "string", "description": f"Always {KIND}."},
            # The bound is the API server's own; said here, it bounds what the rule for the name can cost.
            "metadata": {"type": "object", "properties": {"name": {"type": "string", "maxLength": 253}}},
            "spec": structural_schema(ModelDeploymentSpec),
            "status": {**structural_schema(ModelDeploymentStatus), "default": dict(_NOT_LOOKED_AT)},
        },
    }
    nodes = dict(fields(schema))
    for rule in RULES:
        _node(nodes, rule.path).setdefault("x-kubernetes-validations", []).append(_validation(rule))
    for path, value in DEFAULTS.items():
        _node(nodes, path)["default"] = value
    for path, key in MAP_LISTS.items():
        _node(nodes, path).update({"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": [key]})
    return schema


def _node(nodes: dict[str, Schema], path: str) -> Schema:
    if path not in nodes:
        raise ValueError(f"the types have no field {path}")
    return nodes[path]


def _validation(rule: Rule) -> dict[str, str]:
    validation = {"rule": rule.rule, "message": rule.says}
    if rule.tells:
        validation["messageExpression"] = rule.tells
    if rule.field:
        validation["fieldPath"] = rule.field
    return validation


def _column(name: str, kind: str, path: str, priority: int, description: str) -> dict[str, Any]:
    column = {"name": name, "type": kind, "description": description, "jsonPath": path}
    # The API server leaves out a priority of 0, and a tool that compares would see a difference for ever.
    return {**column, "priority": priority} if priority else column


def custom_resource_definition() -> dict[str, Any]:
    """The CRD as an object to apply."""
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{PLURAL}.{GROUP}"},
        "spec": {
            "group": GROUP,
            "scope": "Namespaced",
            "names": {
                "kind": KIND,
                "listKind": f"{KIND}List",
                "plural": PLURAL,
                "singular": KIND.lower(),
                "shortNames": [SHORT_NAME],
                "categories": ["serin", "all"],
            },
            "versions": [
                {
                    "name": VERSION,
                    "served": True,
                    "storage": True,
                    "additionalPrinterColumns": [_column(*column) for column in _COLUMNS],
                    "subresources": {
                        "status": {},
                        "scale": {
                            "specReplicasPath": ".spec.replicas",
                            "statusReplicasPath": ".status.replicas",
                            "labelSelectorPath": ".status.selector",
                        },
                    },
                    "schema": {"openAPIV3Schema": object_schema()},
                }
            ],
        },
    }

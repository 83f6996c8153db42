"""What a schema cannot say, as CEL rules; each tells the way out.

All rules stand at or below ``spec``, the rule for the name alone at the root: a write of status runs the rules of the
whole object, so a rule that is tightened here must never block a status. CEL is preferred over ``pattern`` because a
pattern can only show itself. Errors of type stop CEL; there the API server names the field, and that is all it can do.
"""

from dataclasses import dataclass
from typing import Final

from serin_operator.api.names import MAX_NAME_LENGTH


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule.

    Args:
        path: Where it stands: ``spec.rollout.steps[].weight``; ``{}`` are the values of a map, empty is the root.
        rule: CEL; ``self`` is the value at the path.
        says: The rule and the way out, for people; in the reference, and the message when ``tells`` cannot be computed.
        tells: CEL that computes the message, with the bad value in it. Default: ``says``.
        field: Where the error points, below the path: ``.headerSecret``.
    """

    path: str
    rule: str
    says: str
    tells: str = ""
    field: str = ""


_NAME: Final = "a-z, 0-9 and -, beginning with a letter, ending with a letter or digit"
_SUBDOMAIN: Final = r"self.matches('^[a-z0-9]([-a-z0-9]*[a-z0-9])?([.][a-z0-9]([-a-z0-9]*[a-z0-9])?)*$')"
_LABEL_KEY: Final = "^([a-z0-9]([-a-z0-9.]*[a-z0-9])?/)?[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$"
_LABEL_VALUE: Final = "^([A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?)?$"
_KNOWN_RESOURCE: Final = "k in ['cpu', 'memory', 'ephemeral-storage'] || k.startsWith('hugepages-') || k.contains('/')"
_SET_BY_SERIN: Final = (
    "^SERIN_(MODEL_|SOURCE_|POD_|CONTAINER_|THREADS$|CACHE_DIR$|HTTP_PORT$|GRPC_PORT$|METRICS_PORT$|TERMINATION_LOG$)"
)

_NAME_RULE: Final = Rule(
    "",
    f"self.metadata.name.size() <= {MAX_NAME_LENGTH} && self.metadata.name.matches('^[a-z]([-a-z0-9]*[a-z0-9])?$')",
    f"metadata.name: use {_NAME}, at most {MAX_NAME_LENGTH} characters: Services and pods are named after it.",
    f"'metadata.name ' + self.metadata.name + ': use {_NAME}, at most {MAX_NAME_LENGTH} characters;"
    " Services and pods are named after it'",
)

_MODEL: Final = (
    Rule(
        "spec.model.version",
        "self.matches('^[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$')",
        "Use letters, digits, '-', '_' and '.', beginning and ending with a letter or digit, for example 2026-11-20.",
    ),
    Rule(
        "spec.model.uri",
        "self.matches('^(https?|pvc|file)://')",
        "Begin with https://, http://, pvc:// or file://. A model elsewhere: copy it to a claim (pvc://claim/path) or"
        " serve it over https.",
        "(self.contains('://') ? 'Serin does not read ' + self.split('://')[0] + '://' : 'the scheme is missing')"
        " + '; begin with https://, http://, pvc:// or file:// (a model elsewhere: copy it to a claim,"
        " pvc://claim/path, or serve it over https)'",
    ),
    Rule(
        "spec.model.uri",
        r"!self.matches('[\\s\\x00-\\x1f\\x7f#]|(^|/)[.][.](/|$)')",
        "No spaces, no '#' and no '..': write the path as it is, a space in a URL as %20.",
    ),
    Rule(
        "spec.model.uri",
        "!self.startsWith('file:') || self.matches('^file:///[^/]')",
        "After file:// comes an absolute path inside the serving image: file:///models/credit.onnx.",
    ),
    Rule(
        "spec.model.uri",
        "!self.startsWith('pvc:') || self.matches('^pvc://[a-z0-9]([-a-z0-9.]*[a-z0-9])?/[^/]')",
        "Write pvc://claim/path: the name of a PersistentVolumeClaim in this namespace, then the path inside it.",
    ),
    Rule(
        "spec.model.uri",
        "!self.matches('^https?://[^/]*@')",
        "Credentials do not belong into a URL, which everybody can read: take them out and name a Secret with the"
        " header in spec.model.headerSecret.",
    ),
    Rule(
        "spec.model.uri",
        "!self.matches('^https?:') || (isURL(self) && self.matches('^https?://[^/?]+/[^?]'))",
        "Write https://host/path: a host, then the path of the model's file.",
    ),
    Rule(
        "spec.model.sha256",
        "self.matches('^[0-9a-f]{64}$')",
        "64 lower-case hex digits without a prefix, as sha256sum prints them; or leave it out.",
        "(self.startsWith('sha256:') ? 'remove the prefix sha256:' : self.size() != 64 ? 'it has not 64 characters'"
        " : 'it is not lower-case hex') + '; write 64 lower-case hex digits, as sha256sum prints them"
        " (or leave it out: the digest of the first read is pinned)'",
    ),
    Rule(
        "spec.model",
        "!has(self.headerSecret) || self.uri.matches('^https?:')",
        "headerSecret is only for http(s) sources: remove it, or give an https:// URI.",
        field=".headerSecret",
    ),
    Rule(
        "spec.model",
        "!has(self.caConfigMap) || self.uri.startsWith('https:')",
        "caConfigMap is only for https sources: remove it, or give an https:// URI.",
        field=".caConfigMap",
    ),
)


def _object_name(path: str, kind: str) -> Rule:
    return Rule(
        path, _SUBDOMAIN, f"Give the name of a {kind} in this namespace: a-z, 0-9, '-' and '.', as kubectl shows it."
    )


def _object_key(path: str) -> Rule:
    return Rule(path, "self.matches('^[-._a-zA-Z0-9]+$')", "Keys have letters, digits, '-', '_' and '.' only.")


_REFERENCES: Final = tuple(
    rule
    for path, kind in (
        ("spec.model.headerSecret", "Secret"),
        ("spec.model.caConfigMap", "ConfigMap"),
        ("spec.runtime.env[].valueFrom.secretKeyRef", "Secret"),
        ("spec.runtime.env[].valueFrom.configMapKeyRef", "ConfigMap"),
    )
    for rule in (_object_name(f"{path}.name", kind), _object_key(f"{path}.key"))
)

_RESOURCES: Final = tuple(
    rule
    for path in ("spec.runtime.resources.requests", "spec.runtime.resources.limits")
    for rule in (
        Rule(
            path,
            f"self.all(k, {_KNOWN_RESOURCE})",
            "Use cpu, memory, ephemeral-storage, hugepages-<size> or a device such as nvidia.com/gpu.",
            f"'unknown resource ' + self.filter(k, !({_KNOWN_RESOURCE}))[0]"
            " + ': use cpu, memory, ephemeral-storage, hugepages-<size> or a device such as nvidia.com/gpu'",
        ),
        Rule(
            f"{path}{{}}",
            "type(self) == int ? self >= 0 : (isQuantity(self) && !quantity(self).isLessThan(quantity('0')))",
            "A quantity is a number, 0 or more, with a unit of Kubernetes: 2 or 500m for cpu, 512Mi or 2Gi for memory.",
            "'not a quantity: ' + string(self) + '; write a number, 0 or more, with a unit of Kubernetes:"
            " 2 or 500m for cpu, 512Mi or 2Gi for memory'",
        ),
    )
)

_EXCEEDING: Final = (
    "self.requests.exists(k, k in self.limits && isQuantity(string(self.requests[k]))"
    " && isQuantity(string(self.limits[k]))"
    " && quantity(string(self.requests[k])).isGreaterThan(quantity(string(self.limits[k]))))"
)

_RUNTIME: Final = (
    *_RESOURCES,
    Rule(
        "spec.runtime.resources",
        f"!has(self.requests) || !has(self.limits) || !{_EXCEEDING}",
        "A request must not be above its limit: lower the request or raise the limit.",
        field=".requests",
    ),
    Rule(
        "spec.runtime.image",
        "!self.contains('://') && self.matches('^[a-zA-Z0-9][-a-zA-Z0-9._:/@]*$')",
        "Write an image as registry/name:tag or registry/name@sha256:digest, without https:// and spaces.",
    ),
    _object_name("spec.runtime.imagePullSecrets[].name", "Secret"),
    _object_name("spec.runtime.serviceAccountName", "ServiceAccount"),
    Rule(
        "spec.runtime.env[].name",
        "self.matches('^[-._a-zA-Z][-._a-zA-Z0-9]*$')",
        "Names of variables have letters, digits, '_', '-' and '.', and do not begin with a digit.",
    ),
    Rule(
        "spec.runtime.env[].name",
        f"!self.matches('{_SET_BY_SERIN}')",
        "Serin sets SERIN_MODEL_…, SERIN_SOURCE_…, SERIN_POD_…, SERIN_CONTAINER_…, SERIN_THREADS, the ports and the"
        " cache itself: remove it and use the fields of spec.model and spec.runtime.",
        "self + ' is set by Serin itself: remove it and use the fields of spec.model and spec.runtime'",
    ),
    Rule(
        "spec.runtime.env[]",
        "has(self.value) != has(self.valueFrom)",
        "Give exactly one of value and valueFrom.",
        "'environment variable ' + self.name + ' has '"
        " + (has(self.value) ? 'both value and valueFrom: remove one'"
        " : 'no value: add value, or valueFrom with a Secret or ConfigMap')",
    ),
    Rule(
        "spec.runtime.env[].valueFrom",
        "has(self.secretKeyRef) != has(self.configMapKeyRef)",
        "Give exactly one of secretKeyRef and configMapKeyRef.",
    ),
    Rule(
        "spec.runtime.env",
        "self.all(e, self.exists_one(f, f.name == e.name))",
        "Each variable may be named once: remove the second one.",
    ),
    Rule(
        "spec.runtime.nodeSelector",
        f"self.all(k, k.matches('{_LABEL_KEY}') && self[k].matches('{_LABEL_VALUE}'))",
        "Write labels as nodes have them (kubectl get nodes --show-labels): kubernetes.io/arch: amd64.",
    ),
    Rule(
        "spec.runtime.tolerations[]",
        "has(self.key) || (has(self.operator) && self.operator == 'Exists')",
        "Without a key the operator must be Exists (every taint): add key, or operator: Exists.",
    ),
    Rule(
        "spec.runtime.tolerations[]",
        "!has(self.operator) || self.operator != 'Exists' || !has(self.value) || self.value == ''",
        "Operator Exists compares no value: remove value, or use operator Equal.",
        field=".value",
    ),
    Rule(
        "spec.runtime.tolerations[]",
        "!has(self.tolerationSeconds) || (has(self.effect) && self.effect == 'NoExecute')",
        "tolerationSeconds works only with effect NoExecute: set that effect, or remove the seconds.",
        field=".tolerationSeconds",
    ),
)

_ROLLOUT: Final = (
    Rule(
        "spec.rollout.steps",
        "self.map(s, s.weight).isSorted() && self.all(s, self.exists_one(t, t.weight == s.weight))",
        "Weights must rise from step to step, without repeats, for example 10, 25, 50: sort them, or remove one.",
    ),
    Rule(
        "spec.rollout",
        "!has(self.strategy) || self.strategy != 'Immediate' || !has(self.steps)",
        "Strategy Immediate moves all traffic at once: remove steps, or use strategy Canary.",
        field=".steps",
    ),
    Rule(
        "spec",
        "!has(self.analysis) || !has(self.rollout) || !has(self.rollout.strategy)"
        " || self.rollout.strategy != 'Immediate'",
        "Strategy Immediate leaves nothing to compare: remove spec.analysis, or use strategy Canary.",
        field=".analysis",
    ),
)

_ANALYSIS: Final = (
    Rule(
        "spec.analysis.metrics[].name",
        "self.matches('^[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$')",
        "Use letters, digits, '-', '_' and '.', beginning and ending with a letter or digit.",
    ),
    Rule(
        "spec.analysis.metrics",
        "self.all(m, self.exists_one(n, n.name == m.name))",
        "Each metric needs a name of its own: rename one of the two.",
    ),
    Rule(
        "spec.analysis.metrics[]",
        "[has(self.errorRate), has(self.accuracy)].filter(kind, kind).size() == 1",
        "Give exactly one kind: errorRate or accuracy. Two things are two metrics with a name each.",
        "'metric ' + self.name + (has(self.errorRate) ? ' has two kinds: make them two metrics with a name each'"
        " : ' has no kind: add errorRate: {} or accuracy: {}')",
    ),
)

RULES: Final = (_NAME_RULE, *_MODEL, *_REFERENCES, *_RUNTIME, *_ROLLOUT, *_ANALYSIS)

MAP_LISTS: Final = {
    "spec.runtime.env": "name",
    "spec.runtime.imagePullSecrets": "name",
    "spec.analysis.metrics": "name",
    "status.conditions": "type",
}
"""Lists that are maps by a key: two field managers can each own items, and a key cannot stand twice."""

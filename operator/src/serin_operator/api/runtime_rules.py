"""Rules for ``spec.runtime``."""

from typing import Final

from serin_operator.api.pod import DEFAULT_BATCH_ROWS
from serin_operator.api.rule import LABEL_KEY, LABEL_VALUE, Rule, object_name

_KNOWN_RESOURCE: Final = "k.matches('^(cpu|memory|ephemeral-storage|hugepages-.*|.*/.*)$')"
_SET_BY_SERIN: Final = "^SERIN_(MODEL_|SOURCE_|STORE(_|$)|POD_|CONTAINER_|PREDICTION_LOG|THREADS$|BATCHING$|CACHE_DIR$|HTTP_PORT$|GRPC_PORT$|METRICS_PORT$|TERMINATION_LOG$)"


_RESOURCES: Final = tuple(
    rule
    for path in ("spec.runtime.resources.requests", "spec.runtime.resources.limits")
    for rule in (
        Rule(
            path,
            f"self.all(k, {_KNOWN_RESOURCE})",
            "Use cpu, memory, ephemeral-storage, hugepages-<size> or a device such as nvidia.com/gpu.",
            f"'unknown resource ' + self.filter(k, !{_KNOWN_RESOURCE})[0]"
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

_LENT_WHOLE: Final = "k.matches('^hugepages-|/')"
_REQUESTED_AS_LIMITED: Final = (
    f"(!has(self.requests) || self.requests.all(k, !{_LENT_WHOLE} || (has(self.limits) && k in self.limits"
    " && string(self.requests[k]) == string(self.limits[k]))))"
)
_WHOLE: Final = (
    "(!has(self.limits) || self.limits.all(k, !k.contains('/') || !isQuantity(string(self.limits[k]))"
    " || quantity(string(self.limits[k])).isInteger()))"
)

_MOST_ROWS: Final = f"(has(self.maxBatchRows) ? self.maxBatchRows : {DEFAULT_BATCH_ROWS})"

_BATCHING: Final = (
    Rule(
        "spec.runtime.preferredBatchRows",
        "self.isSorted() && self.all(n, self.exists_one(m, m == n))",
        "Numbers of rows must rise, without repeats, for example 8, 16, 32: sort them, or remove one.",
    ),
    Rule(
        "spec.runtime",
        f"!has(self.preferredBatchRows) || self.preferredBatchRows.all(n, n <= {_MOST_ROWS})",
        f"No preferred number of rows may be above maxBatchRows (default {DEFAULT_BATCH_ROWS}): raise maxBatchRows, or"
        " remove what is above it.",
        field=".preferredBatchRows",
    ),
)

RUNTIME_RULES: Final = (
    *_RESOURCES,
    *_BATCHING,
    Rule(
        "spec.runtime.resources",
        f"!has(self.requests) || !has(self.limits) || !{_EXCEEDING}",
        "A request must not be above its limit: lower the request or raise the limit.",
        field=".requests",
    ),
    Rule(
        "spec.runtime.resources",
        f"{_REQUESTED_AS_LIMITED} && {_WHOLE}",
        "Devices and huge pages are lent whole: write a limit, and no request or an equal one: limits: {nvidia.com/gpu: 1}.",
        field=".limits",
    ),
    Rule(
        "spec.runtime.image",
        "!self.contains('://') && self.matches('^[a-zA-Z0-9][-a-zA-Z0-9._:/@]*$')",
        "Write an image as registry/name:tag or registry/name@sha256:digest, without https:// and spaces.",
    ),
    object_name("spec.runtime.imagePullSecrets[].name", "Secret"),
    object_name("spec.runtime.serviceAccountName", "ServiceAccount"),
    Rule(
        "spec.runtime.env[].name",
        "self.matches('^[-._a-zA-Z][-._a-zA-Z0-9]*$')",
        "Names of variables have letters, digits, '_', '-' and '.', and do not begin with a digit.",
    ),
    Rule(
        "spec.runtime.env[].name",
        f"!self.matches('{_SET_BY_SERIN}')",
        "Serin sets SERIN_MODEL_…, SERIN_SOURCE_…, SERIN_STORE…, SERIN_POD_…, SERIN_CONTAINER_…, SERIN_THREADS, batching, the ports and the"
        " cache itself: remove it and use the fields of spec.model and spec.runtime.",
        "self + ' is set by Serin itself: remove it and use the fields of spec.model and spec.runtime'",
    ),
    Rule(
        "spec.runtime.env[].name",
        "!self.startsWith('SERIN_TLS_')",
        "A variable mounts no certificate, and probes would speak plain HTTP to it: use spec.serving.tls with a Secret.",
        "self + ' mounts no certificate, and probes would speak plain HTTP to it: use spec.serving.tls with a Secret'",
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
        f"self.all(k, k.matches('{LABEL_KEY}') && self[k].matches('{LABEL_VALUE}'))",
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

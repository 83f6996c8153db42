"""The table of bad resources: what is changed in a good one, which field the refusal must name, and the way out."""

import copy
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

SERVING: dict[str, Any] = {
    "apiKeys": {"secretKeyRef": {"name": "clients", "key": "keys"}},
    "jwt": {
        "jwks": {"secretKeyRef": {"name": "issuer", "key": "jwks.json"}},
        "audience": "credit",
        "issuer": "https://issuer.example.com",
    },
    "feedback": {
        "signing": "FromSecret",
        "secretKeyRef": {"name": "labels", "key": "keys"},
        "unsigned": "Accept",
        "maxAgeSeconds": 86400,
    },
    "accessLog": {"sample": 0.01},
    "compression": {"minBytes": 16384},
    "cors": {"origins": ["https://app.example.com", "http://localhost:3000"]},
    "rateLimit": {"requestsPerSecond": 0.5, "burst": 20},
    "tracing": {"endpoint": "http://otel-collector.observability:4318", "sample": 0.01},
    "explain": {"maxEvaluations": 50000, "maxSeconds": 2.5},
    "payloadLog": {"to": "https://sink.example.com/events", "sample": 0.05, "maxBytes": 4096, "hide": ["name"]},
    "limits": {
        "maxBodyBytes": 1048576,
        "maxHeaderBytes": 8192,
        "memoryBudget": "256Mi",
        "maxInFlight": 64,
        "requestTimeoutSeconds": 5,
        "readTimeoutSeconds": 10,
        "idleTimeoutSeconds": 60,
        "connectionMaxRequests": 50,
        "connectionMaxSeconds": 15.5,
    },
    "prediction": {"output": "probability", "kind": "Regression", "tolerance": 0.5},
}

TLS: dict[str, Any] = {
    "secretName": "credit-tls",
    "clientCA": {"configMapKeyRef": {"name": "ca", "key": "ca.crt"}},
}
WITH_TLS: dict[str, Any] = {"serving": {**SERVING, "tls": TLS}, "traffic": {"routeRef": {"name": "mine"}}}
"""Not behind a route of Serin's own."""

SIGNED: dict[str, Any] = {
    "model": {
        "version": "2026-11-20",
        "uri": "s3://models/credit/2026-11-20/",
        "credentials": {"secretName": "store"},
        "store": {
            "uri": "gs://kept/models",
            "credentials": {"secretName": "kept-reader"},
            "writeCredentials": {"secretName": "kept-writer"},
            "caConfigMap": {"name": "store-ca", "key": "ca.crt"},
        },
        "optimize": {
            "variants": ["Graph", "Int8Dynamic", "Float16"],
            "maxAccuracyLoss": 0.005,
            "minSpeedup": 1.25,
        },
        "verify": {
            "certificateAuthorities": {"name": "signers", "key": "roots.pem"},
            "signers": ["release@example.com", "https://ci.example.com/release"],
        },
    }
}
"""A folder of a store: what a web server gives comes without a signature beside it."""

GOOD: dict[str, Any] = {
    "apiVersion": "serin.dev/v1alpha1",
    "kind": "ModelDeployment",
    "metadata": {"name": "credit-risk"},
    "spec": {
        "model": {
            "version": "2026-11-20",
            "uri": "https://models.example.com/credit/2026-11-20.onnx",
            "sha256": "9b74c9897bac770ffc029102a200c5de9b74c9897bac770ffc029102a200c5de",
            "headerSecret": {"name": "store", "key": "headers"},
            "caConfigMap": {"name": "store-ca", "key": "ca.crt"},
        },
        "predictionLog": {
            "sample": 0.05,
            "store": "s3://logs/serin",
            "credentials": {"secretName": "logs"},
            "hide": ["name"],
            "maxBytes": 4096,
            "retentionDays": 90,
        },
        "replicas": 3,
        "runtime": {
            "image": "registry.example.com:5000/serin-server@sha256:" + "0" * 64,
            "imagePullPolicy": "IfNotPresent",
            "imagePullSecrets": [{"name": "registry"}],
            "resources": {
                "requests": {"cpu": "500m", "memory": "256Mi"},
                "limits": {"cpu": 2, "memory": "1Gi", "nvidia.com/gpu": 1},
            },
            "threads": 2,
            "batching": "Trusted",
            "maxBatchRows": 64,
            "batchWindowSeconds": 0.002,
            "preferredBatchRows": [8, 32, 64],
            "env": [
                {"name": "SERIN_DRAIN_SECONDS", "value": "3"},
                {"name": "TOKEN", "valueFrom": {"secretKeyRef": {"name": "store", "key": "token"}}},
            ],
            "nodeSelector": {"kubernetes.io/arch": "amd64"},
            "tolerations": [{"key": "gpu", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 60}],
            "serviceAccountName": "models",
            "pod": {
                "labels": {"team": "risk", "example.com/cost-centre": "42"},
                "annotations": {"sidecar.istio.io/proxyCPU": "100m"},
                "topologySpreadConstraints": [
                    {
                        "maxSkew": 1,
                        "topologyKey": "topology.kubernetes.io/zone",
                        "whenUnsatisfiable": "DoNotSchedule",
                        "minDomains": 2,
                        "nodeAffinityPolicy": "Honor",
                        "nodeTaintsPolicy": "Honor",
                    },
                    {
                        "maxSkew": 2,
                        "topologyKey": "kubernetes.io/hostname",
                        "whenUnsatisfiable": "ScheduleAnyway",
                        "labelSelector": {"matchLabels": {"team": "risk"}},
                    },
                ],
                "affinity": {
                    "nodeAffinity": {
                        "requiredDuringSchedulingIgnoredDuringExecution": {
                            "nodeSelectorTerms": [
                                {"matchExpressions": [{"key": "disk", "operator": "In", "values": ["ssd", "nvme"]}]},
                                {"matchExpressions": [{"key": "cores", "operator": "Gt", "values": ["8"]}]},
                            ]
                        },
                        "preferredDuringSchedulingIgnoredDuringExecution": [
                            {
                                "weight": 10,
                                "preference": {"matchExpressions": [{"key": "spot", "operator": "DoesNotExist"}]},
                            }
                        ],
                    },
                    "podAffinity": {
                        "preferredDuringSchedulingIgnoredDuringExecution": [
                            {
                                "weight": 50,
                                "podAffinityTerm": {
                                    "topologyKey": "topology.kubernetes.io/zone",
                                    "labelSelector": {
                                        "matchExpressions": [{"key": "app", "operator": "In", "values": ["features"]}]
                                    },
                                },
                            }
                        ]
                    },
                    "podAntiAffinity": {
                        "requiredDuringSchedulingIgnoredDuringExecution": [{"topologyKey": "kubernetes.io/hostname"}]
                    },
                },
                "priorityClassName": "serving",
                "runtimeClassName": "gvisor",
                "volumes": [
                    {"name": "features", "mountPath": "/data/features", "persistentVolumeClaim": {"claimName": "f"}},
                    {
                        "name": "out",
                        "mountPath": "/data/out",
                        "persistentVolumeClaim": {"claimName": "out", "readOnly": False},
                    },
                    {
                        "name": "token",
                        "mountPath": "/etc/store",
                        "secret": {"secretName": "store", "items": [{"key": "token", "path": "token"}]},
                    },
                    {"name": "rules", "mountPath": "/etc/rules", "configMap": {"name": "rules"}},
                    {"name": "shm", "mountPath": "/dev/shm", "emptyDir": {"medium": "Memory", "sizeLimit": "64Mi"}},
                    {"name": "work", "mountPath": "/data/work", "emptyDir": {}},
                ],
            },
        },
        "serving": SERVING,
        "preflight": {
            "goldenSamples": {"configMapKeyRef": {"name": "golden", "key": "lines"}, "minMatch": 0.95, "mode": "Warn"},
            "signature": "Backward",
            "budget": {
                "maxP99Seconds": 0.005,
                "maxBatchP99Seconds": 0.02,
                "batchRows": 64,
                "maxMemory": "512Mi",
                "maxLoadSeconds": 20,
                "maxSlowdown": 1.5,
                "mode": "Warn",
            },
            "baseline": {"mustBeat": "SimpleBaseline", "required": False, "maxDrift": 0.25, "mode": "Fail"},
            "command": {
                "image": "registry.example.com/checks:1",
                "command": ["/check"],
                "args": ["--fair", "/model"],
                "env": [{"name": "LEAST", "value": "0.8"}],
                "resources": {"requests": {"cpu": "100m"}, "limits": {"cpu": 1, "memory": "256Mi"}},
                "timeoutSeconds": 120,
                "mode": "Warn",
            },
        },
        "rollout": {
            "strategy": "Canary",
            "steps": [
                {"weight": 5, "holdSeconds": 60, "pods": 1},
                {"weight": 25, "pods": "30%", "minSamples": 400},
                {"weight": 50, "minSamples": "Auto", "detect": 0.02, "power": 0.9},
            ],
            "progressDeadlineSeconds": 300,
            "deadlineSeconds": 3600,
            "onDeadline": "Pause",
        },
        "analysis": {
            "intervalSeconds": 30,
            "falseRollbackRate": 0.01,
            "minSamples": 100,
            "pairing": {"sample": 0.1, "maxPerSecond": 20, "timeoutSeconds": 0.05},
            "metrics": [
                {"name": "errors", "errorRate": {"maxIncrease": 0.005}},
                {"name": "accuracy", "accuracy": {}},
                {"name": "far", "absoluteError": {"above": 10}},
            ],
        },
        "traffic": {
            "gateway": {
                "parentRefs": [
                    {"name": "public", "namespace": "gateways", "sectionName": "https"},
                    {"group": "", "kind": "Service", "name": "credit-risk", "port": 80},
                ],
                "hostnames": ["models.example.com", "*.example.org"],
                "pathPrefix": "/credit-risk",
                "filters": [{"type": "RequestHeaderModifier", "requestHeaderModifier": {"remove": ["X-Secret"]}}],
                "timeouts": {"request": "10s", "backendRequest": "2500ms"},
            },
            "pins": [
                {"header": {"name": "X-Tester", "value": "yes"}, "to": "Canary"},
                {"cookie": {"name": "tester", "value": "1"}, "to": "Stable"},
            ],
        },
        "revisionHistoryLimit": 10,
        "paused": False,
    },
}


@dataclass(frozen=True)
class Bad:
    """One bad resource.

    Args:
        because: What is wrong, for people; the id of the test.
        path: Where the good resource is changed, ``steps.0.weight``; from ``spec`` unless it begins with ``metadata``.
        value: What stands there instead; ``DELETED`` takes the field away.
        field: What the refusal must name.
        way_out: What it must say to do; empty for errors of type and unknown fields, which cannot.
        before: Fields of ``spec`` that the good resource has instead, too.
    """

    because: str
    path: str
    value: Any
    field: str
    way_out: str = ""
    before: Mapping[str, Any] = field(default_factory=dict)

    @property
    def resource(self) -> dict[str, Any]:
        """The good resource with the change."""
        resource = copy.deepcopy(GOOD)
        resource["spec"].update(copy.deepcopy(dict(self.before)))
        path = self.path if self.path.startswith("metadata") else f"spec.{self.path}"
        *above, last = [int(part) if part.isdigit() else part for part in path.split(".")]
        place: Any = resource
        for part in above:
            place = place[part]
        if self.value is DELETED:
            del place[last]
        else:
            place[last] = self.value
        return resource


DELETED = object()

BAD = (
    # The name.
    Bad("the name is too long for its children", "metadata.name", "a" * 41, "metadata.name", "at most 40 characters"),
    Bad("the name begins with a digit", "metadata.name", "2026-credit", "metadata.name", "beginning with a letter"),
    Bad("the name has a dot", "metadata.name", "credit.risk", "metadata.name", "use a-z, 0-9 and -"),
    # The model.
    Bad("there is no model", "model", DELETED, "spec.model", "Required value"),
    Bad("there is no version", "model.version", DELETED, "spec.model.version", "Required value"),
    Bad("the version has a space", "model.version", "my model", "spec.model.version", "Use letters, digits"),
    Bad("the version is too long", "model.version", "v" * 64, "spec.model.version", "may not be more than 63"),
    Bad("the version is a number in YAML", "model.version", 7, "spec.model.version"),
    Bad("the scheme is not read", "model.uri", "ftp://host/m.onnx", "spec.model.uri", "copy it to a claim"),
    Bad(
        "a bucket has a key in it", "model.uri", "s3://me:key@models/m.onnx", "spec.model.uri", "spec.model.credentials"
    ),
    Bad(
        "a bucket's address has a query",
        "model.uri",
        "gs://models/m.onnx?token=x",
        "spec.model.uri",
        "Write s3://bucket",
    ),
    Bad(
        "an artifact's digest is cut", "model.uri", "oci://a.example/m@sha256:abc", "spec.model.uri", "Write oci://host"
    ),
    Bad(
        "an artifact has no repository", "model.uri", "oci://a.example", "spec.model.uri", "Write oci://host/repository"
    ),
    Bad("a hub's repository has no owner", "model.uri", "hf://credit", "spec.model.uri", "Write hf://org/repository"),
    Bad("a registered model has no version", "model.uri", "mlflow://a.example/credit", "spec.model.uri", "@alias"),
    Bad(
        "credentials for a source that takes headers",
        "model",
        {"version": "v1", "uri": "https://a.example/m.onnx", "credentials": {"secretName": "a"}},
        "spec.model.credentials",
        "headerSecret",
    ),
    Bad(
        "credentials have a bad name",
        "model",
        {"version": "v1", "uri": "s3://models/m.onnx", "credentials": {"secretName": "My_Secret"}},
        "spec.model.credentials.secretName",
        "as kubectl",
    ),
    Bad("the uri has no scheme", "model.uri", "models/m.onnx", "spec.model.uri", "begin with https://"),
    Bad("a file uri is relative", "model.uri", "file://models/m.onnx", "spec.model.uri", "an absolute path"),
    Bad("a claim uri has no path", "model.uri", "pvc://claim", "spec.model.uri", "Write pvc://claim/path"),
    Bad("a uri climbs out", "model.uri", "pvc://claim/../../etc/passwd", "spec.model.uri", "no '..'"),
    Bad("a uri has a space", "model.uri", "https://a.example/my model.onnx", "spec.model.uri", "%20"),
    Bad("a uri has a password", "model.uri", "https://u:p@a.example/m.onnx", "spec.model.uri", "headerSecret"),
    Bad("a URL has no path", "model.uri", "https://a.example", "spec.model.uri", "Write https://host/path"),
    Bad("a digest has a prefix", "model.sha256", "sha256:" + "a" * 64, "spec.model.sha256", "remove the prefix"),
    Bad("a digest is cut", "model.sha256", "abc123", "spec.model.sha256", "write 64 lower-case hex digits"),
    Bad("a digest is upper-case", "model.sha256", "A" * 64, "spec.model.sha256", "lower-case"),
    Bad(
        "headers for a source that is no URL",
        "model",
        {"version": "v1", "uri": "pvc://claim/m.onnx", "headerSecret": {"name": "a", "key": "b"}},
        "spec.model.headerSecret",
        "remove it",
    ),
    Bad(
        "a CA for plain http",
        "model",
        {"version": "v1", "uri": "http://a.example/m.onnx", "caConfigMap": {"name": "a", "key": "b"}},
        "spec.model.caConfigMap",
        "give an https:// URI",
    ),
    Bad(
        "a Secret has a bad name", "model.headerSecret.name", "My_Secret", "spec.model.headerSecret.name", "as kubectl"
    ),
    Bad("a Secret has a bad key", "model.headerSecret.key", "a/b", "spec.model.headerSecret.key", "Keys have letters"),
    Bad("a field of the model is unknown", "model.url", "https://a.example/m.onnx", "spec.model.url"),
    # Scale and history.
    Bad("fewer replicas than none", "replicas", -1, "spec.replicas", "greater than or equal to 0"),
    Bad("replicas are a string", "replicas", "three", "spec.replicas"),
    Bad("no history", "revisionHistoryLimit", 0, "spec.revisionHistoryLimit", "greater than or equal to 1"),
    Bad("paused is a word", "paused", "yes please", "spec.paused"),
    # How pods run.
    Bad("an image is a URL", "runtime.image", "https://r.example/a", "spec.runtime.image", "registry/name:tag"),
    Bad("a pull policy is unknown", "runtime.imagePullPolicy", "Sometimes", "imagePullPolicy", '"IfNotPresent"'),
    Bad("no threads", "runtime.threads", 0, "spec.runtime.threads", "greater than or equal to 1"),
    Bad(
        "memory has a unit of another world",
        "runtime.resources.limits.memory",
        "2GB",
        "spec.runtime.resources.limits",
        "512Mi or 2Gi for memory",
    ),
    Bad("less than no CPU", "runtime.resources.requests.cpu", "-1", "spec.runtime.resources.requests", "0 or more"),
    Bad(
        "a decimal without quotes",
        "runtime.resources.requests.cpu",
        0.5,
        "spec.runtime.resources.requests.cpu",
        "integer,string",
    ),
    Bad("a resource is misspelt", "runtime.resources.limits.mem", "1Gi", "spec.runtime.resources.limits", "use cpu"),
    Bad("more is asked for than allowed", "runtime.resources.requests.cpu", 3, "resources.requests", "raise the limit"),
    *(
        Bad(because, "runtime.resources", resources, "spec.runtime.resources.limits", "{nvidia.com/gpu: 1}")
        for because, resources in {
            "a GPU is requested without a limit": {"requests": {"nvidia.com/gpu": 1}},
            "a GPU is requested without a limit among others": {"requests": {"a.b/c": 1}, "limits": {"cpu": 1}},
            "fewer GPUs are requested than allowed": {"requests": {"a.b/c": 1}, "limits": {"a.b/c": 2}},
            "huge pages are requested without a limit": {"requests": {"hugepages-2Mi": "4Mi"}},
            "half a GPU": {"limits": {"nvidia.com/gpu": "0.5"}},
        }.items()
    ),
    Bad("a variable is Serin's", "runtime.env.0.name", "SERIN_MODEL_URI", "spec.runtime.env[0].name", "remove it"),
    Bad(
        "a variable begins with a digit",
        "runtime.env.0.name",
        "2FAST",
        "spec.runtime.env[0].name",
        "begin with a digit",
    ),
    Bad("a variable has no value", "runtime.env.0", {"name": "A"}, "spec.runtime.env[0]", "add value, or valueFrom"),
    Bad("a variable has two values", "runtime.env.1.value", "x", "spec.runtime.env[1]", "remove one"),
    Bad(
        "a value comes from nowhere",
        "runtime.env.1.valueFrom",
        {},
        "spec.runtime.env[1].valueFrom",
        "exactly one of secretKeyRef and configMapKeyRef",
    ),
    Bad("a variable is there twice", "runtime.env.0.name", "TOKEN", "spec.runtime.env", "remove the second one"),
    Bad("a label has a space", "runtime.nodeSelector.disk", "very fast", "nodeSelector", "Write labels as nodes have"),
    Bad("an effect is unknown", "runtime.tolerations.0.effect", "Never", "tolerations[0].effect", '"NoSchedule"'),
    Bad("a taint without key", "runtime.tolerations.0", {"value": "a"}, "tolerations[0]", "add key, or operator"),
    Bad("Exists compares no value", "runtime.tolerations.0.value", "a", "tolerations[0].value", "remove value"),
    Bad(
        "seconds without eviction",
        "runtime.tolerations.0.effect",
        "NoSchedule",
        "tolerations[0].tolerationSeconds",
        "remove the seconds",
    ),
    # The rollout.
    Bad("a strategy is unknown", "rollout.strategy", "Blue", "spec.rollout.strategy", '"Immediate"'),
    Bad("weights fall", "rollout.steps.0.weight", 30, "spec.rollout.steps", "Weights must rise"),
    Bad("a weight is there twice", "rollout.steps.0.weight", 25, "spec.rollout.steps", "without repeats"),
    Bad(
        "a weight is over 100",
        "rollout.steps.2.weight",
        101,
        "spec.rollout.steps[2].weight",
        "less than or equal to 100",
    ),
    Bad("a weight is a share", "rollout.steps.0.weight", 0.5, "spec.rollout.steps[0].weight"),
    Bad("there are no steps in the list", "rollout.steps", [], "spec.rollout.steps", "at least 1 items"),
    Bad(
        "steps of a rollout at once",
        "rollout",
        {"strategy": "Immediate", "steps": [{"weight": 5}]},
        "spec.rollout.steps",
        "remove steps, or use strategy Canary",
    ),
    Bad(
        "steps of blue-green",
        "rollout",
        {"strategy": "BlueGreen", "steps": [{"weight": 5}]},
        "spec.rollout.steps",
        "blueGreen.holdSeconds",
    ),
    Bad(
        "blue-green on the pods of stable",
        "rollout",
        {"strategy": "BlueGreen", "stableScale": "Shrink"},
        "spec.rollout.stableScale",
        "remove stableScale",
    ),
    Bad(
        "pods of a step where the weight shares them",
        "rollout",
        {"stableScale": "Shrink", "steps": [{"weight": 5, "pods": 1}]},
        "spec.rollout.steps",
        "remove pods",
    ),
    Bad("blue-green of a canary", "rollout.blueGreen", {}, "spec.rollout.blueGreen", "set strategy: BlueGreen"),
    Bad(
        "blue-green is over before it begins",
        "rollout",
        {"strategy": "BlueGreen", "blueGreen": {"holdSeconds": -1}},
        "spec.rollout.blueGreen.holdSeconds",
    ),
    Bad("a step has no pods", "rollout.steps.0.pods", 0, "spec.rollout.steps[0].pods", "from 1 to 1000"),
    Bad("a step has too many pods", "rollout.steps.0.pods", 1001, "spec.rollout.steps[0].pods", "from 1 to 1000"),
    Bad("a step has no share of the pods", "rollout.steps.0.pods", "0%", "spec.rollout.steps[0].pods", "1% to 100%"),
    Bad(
        "a step has more pods than there are",
        "rollout.steps.0.pods",
        "110%",
        "spec.rollout.steps[0].pods",
        "1% to 100%",
    ),
    Bad("pods of a step have a word", "rollout.steps.0.pods", "all", "spec.rollout.steps[0].pods", "1% to 100%"),
    Bad("a step needs no samples", "rollout.steps.0.minSamples", 0, "spec.rollout.steps[0].minSamples", "or Auto"),
    Bad(
        "as many samples as a word", "rollout.steps.1.minSamples", "many", "spec.rollout.steps[1].minSamples", "or Auto"
    ),
    Bad(
        "Auto of nothing", "rollout.steps.1.minSamples", "Auto", "spec.rollout.steps[1].minSamples", "Auto with detect"
    ),
    Bad("a number and Auto", "rollout.steps.1.detect", 0.02, "spec.rollout.steps[1].minSamples", "has no detect"),
    Bad("how surely, and of what", "rollout.steps.0.power", 0.9, "spec.rollout.steps[0].minSamples", "has no detect"),
    Bad("found by less than luck", "rollout.steps.2.power", 0.2, "spec.rollout.steps[2].power", "or equal to 0.5"),
    Bad("everything is found", "rollout.steps.2.detect", 1, "spec.rollout.steps[2].detect", "less than 1"),
    Bad(
        "samples of nobody",
        "rollout.steps.0",
        {"weight": 0, "minSamples": 100},
        "spec.rollout.steps[0].minSamples",
        "gets no requests",
    ),
    Bad(
        "a signature by nobody",
        "model.verify",
        {},
        "spec.model.verify",
        "either publicKeys or certificateAuthorities",
        SIGNED,
    ),
    *(
        Bad(
            f"a signature of {what}",
            "model.uri",
            uri,
            "spec.model.verify",
            "name the folder that holds the model and its model.sig",
            {"model": {"version": "v1", "verify": SIGNED["model"]["verify"]}},
        )
        for what, uri in {
            "a web server's file": "https://models.example.com/credit/",
            "a plain web server's file": "http://models.example.com/credit.onnx",
            "a bucket's file": "s3://models/credit/model.onnx",
            "a file in Google's store": "gs://models/credit/model.onnx",
            "a file in a container": "az://models/credit/model.onnx",
            "a hub's file": "hf://org/credit@main/model.onnx",
        }.items()
    ),
    Bad(
        "a signature by a key and by a certificate",
        "model.verify.publicKeys",
        {"name": "signers", "key": "keys.pem"},
        "spec.model.verify",
        "either publicKeys or certificateAuthorities",
        SIGNED,
    ),
    Bad(
        "signers without authorities",
        "model.verify",
        {"publicKeys": {"name": "signers", "key": "keys.pem"}, "signers": ["a@example.com"]},
        "spec.model.verify.signers",
        "name certificateAuthorities",
        SIGNED,
    ),
    Bad(
        "two signers in one",
        "model.verify.signers.0",
        "a@b.example, c@d.example",
        "spec.model.verify.signers",
        "No commas",
        SIGNED,
    ),
    Bad(
        "a root of trust that vouches for everybody",
        "model.verify",
        {"trustedRoot": {"name": "sigstore", "key": "root.json"}, "issuer": "https://issuer.example.com"},
        "spec.model.verify",
        "needs issuer and signers",
        SIGNED,
    ),
    Bad(
        "an issuer of nobody's",
        "model.verify.issuer",
        "https://issuer.example.com",
        "spec.model.verify",
        "issuer is for trustedRoot only",
        SIGNED,
    ),
    Bad(
        "a root of trust beside authorities",
        "model.verify",
        {**SIGNED["model"]["verify"], "issuer": "i", "trustedRoot": {"name": "sigstore", "key": "root.json"}},
        "spec.model.verify",
        "either publicKeys or certificateAuthorities or trustedRoot",
        SIGNED,
    ),
    Bad(
        "cosign in a bucket",
        "model.verify",
        {"publicKeys": {"name": "signers", "key": "keys.pem"}, "format": "Cosign"},
        "spec.model.verify.format",
        "Cosign is for oci://",
        SIGNED,
    ),
    Bad(
        "cosign by authorities",
        "model.verify.format",
        "Cosign",
        "spec.model.verify.format",
        "for publicKeys or trustedRoot",
        {"model": {"version": "v1", "uri": "oci://a.example/m:v1", "verify": SIGNED["model"]["verify"]}},
    ),
    Bad("a format that nobody knows", "model.verify.format", "Notary", "spec.model.verify.format", "Cosign", SIGNED),
    Bad(
        "signers in no ConfigMap",
        "model.verify.certificateAuthorities.name",
        "A B",
        "name",
        "Give the name of a ConfigMap",
        SIGNED,
    ),
    Bad("a budget without a limit", "preflight.budget", {"batchRows": 8}, "spec.preflight.budget", "add maxSlowdown"),
    Bad("a budget that is no size", "preflight.budget.maxMemory", "much", "spec.preflight.budget.maxMemory", "512Mi"),
    Bad("slower than nothing", "preflight.budget.maxSlowdown", 1, "spec.preflight.budget.maxSlowdown"),
    Bad("a baseline that beats what nobody knows", "preflight.baseline.mustBeat", "Best", "mustBeat", "SimpleBaseline"),
    Bad("a command of nothing", "preflight.command", {"mode": "Warn"}, "spec.preflight.command", "Say what to run"),
    Bad("an image with a scheme", "preflight.command.image", "https://a/b", "command.image", "registry/name:tag"),
    Bad("a variable with a space", "preflight.command.env.0.name", "A B", "command.env[0].name", "Use letters"),
    Bad(
        "limits that are none", "preflight.command.resources.limits", {"cpu": "two"}, "resources.limits", "500m for cpu"
    ),
    Bad(
        "a volume where the command finds the model",
        "preflight.command",
        {"command": ["/check"]},
        "spec.runtime.pod.volumes",
        "mount the volume elsewhere",
        {"runtime": {"pod": {"volumes": [{"name": "m", "mountPath": "/model/x", "emptyDir": {}}]}}},
    ),
    Bad("a signature gate of no known kind", "preflight.signature", "Forward", "spec.preflight.signature", "Backward"),
    Bad("samples that nobody compares", "analysis", DELETED, "spec.rollout.steps", "add spec.analysis"),
    Bad("a weight is below 0", "rollout.steps.0.weight", -1, "spec.rollout.steps[0].weight"),
    Bad("analysis of a rollout at once", "rollout", {"strategy": "Immediate"}, "spec.analysis", "remove spec.analysis"),
    Bad(
        "pods get no time",
        "rollout.progressDeadlineSeconds",
        1,
        "progressDeadlineSeconds",
        "greater than or equal to 10",
    ),
    Bad("a deadline has a unit", "rollout.deadlineSeconds", "2h", "spec.rollout.deadlineSeconds"),
    Bad("a field of the rollout is unknown", "rollout.step", [], "spec.rollout.step"),
    # The analysis.
    Bad("nothing is compared", "analysis.metrics", [], "spec.analysis.metrics", "at least 1 items"),
    Bad(
        "everything is asked twice, and more",
        "analysis.pairing.sample",
        1.5,
        "pairing.sample",
        "less than or equal to 1",
    ),
    Bad("pairs without keys", "serving.feedback", DELETED, "spec.analysis.pairing", "signing: Managed"),
    Bad("a metric has no kind", "analysis.metrics.0", {"name": "errors"}, "spec.analysis.metrics[0]", "add errorRate"),
    Bad(
        "a metric has two kinds", "analysis.metrics.0.accuracy", {}, "spec.analysis.metrics[0]", "make them two metrics"
    ),
    Bad("two metrics have one name", "analysis.metrics.0.name", "accuracy", "spec.analysis.metrics", "rename one"),
    Bad("a metric has a bad name", "analysis.metrics.0.name", "the errors", "metrics[0].name", "Use letters, digits"),
    Bad(
        "a margin is nothing", "analysis.metrics.0.errorRate.maxIncrease", 0, "errorRate.maxIncrease", "greater than 0"
    ),
    Bad("rollbacks are a coin", "analysis.falseRollbackRate", 0.5, "spec.analysis.falseRollbackRate", "less than 0.5"),
    Bad(
        "looks too often", "analysis.intervalSeconds", 1, "spec.analysis.intervalSeconds", "greater than or equal to 2"
    ),
)

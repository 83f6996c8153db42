"""More rows of the table of bad resources: what may not be laid over the pods."""

from tests.cluster.api.table import Bad

_REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution"
_TERMS = f"runtime.pod.affinity.nodeAffinity.{_REQUIRED}.nodeSelectorTerms"
_NEAR = "runtime.pod.affinity.podAffinity.preferredDuringSchedulingIgnoredDuringExecution.0.podAffinityTerm"

BAD_OVERLAYS = (
    Bad("a label is Serin's", "runtime.pod.labels", {"serin.dev/revision": "x"}, "pod.labels", "give it another key"),
    Bad(
        "a label says whose pods they are",
        "runtime.pod.labels",
        {"app.kubernetes.io/name": "mine"},
        "spec.runtime.pod.labels",
        "app.kubernetes.io/name is set by Serin",
    ),
    Bad(
        "a label is a Deployment's",
        "runtime.pod.labels",
        {"pod-template-hash": "x"},
        "pod.labels",
        "remove it, or give",
    ),
    Bad("a pod's label has a space", "runtime.pod.labels", {"team": "very good"}, "pod.labels", "a value of letters"),
    Bad(
        "an annotation is Serin's",
        "runtime.pod.annotations",
        {"serin.dev/written": "x"},
        "pod.annotations",
        "remove it",
    ),
    Bad(
        "an annotation loosens AppArmor",
        "runtime.pod.annotations",
        {"container.apparmor.security.beta.kubernetes.io/server": "unconfined"},
        "spec.runtime.pod.annotations",
        "would loosen what keeps pods safe: remove it",
    ),
    Bad(
        "an annotation asks for a device",
        "runtime.pod.annotations",
        {"cdi.k8s.io/gpu": "vendor.com/gpu=all"},
        "spec.runtime.pod.annotations",
        "cdi.k8s.io/gpu is set by Serin, or reaches the node",
    ),
    Bad("an annotation has no key", "runtime.pod.annotations", {"a b": "c"}, "pod.annotations", "a key such as"),
    Bad(
        "a spread stands there twice",
        "runtime.pod.topologySpreadConstraints",
        [{"maxSkew": skew, "topologyKey": "zone", "whenUnsatisfiable": "ScheduleAnyway"} for skew in (1, 2)],
        "spec.runtime.pod.topologySpreadConstraints",
        "remove the second one",
    ),
    Bad(
        "fewest places of a spread that may be broken",
        "runtime.pod.topologySpreadConstraints.1.minDomains",
        2,
        "topologySpreadConstraints[1].minDomains",
        "set that, or remove it",
    ),
    Bad("no skew", "runtime.pod.topologySpreadConstraints.0.maxSkew", 0, "[0].maxSkew", "greater than or equal to 1"),
    Bad("a place is no label", f"{_NEAR}.topologyKey", "my zone", "podAffinityTerm.topologyKey", "Write a label"),
    Bad(
        "a node is chosen by no values", f"{_TERMS}.0.matchExpressions.0.values", [], "values", "add values, or remove"
    ),
    Bad(
        "a node has more than a word",
        f"{_TERMS}.1.matchExpressions.0.values",
        ["many"],
        "nodeSelectorTerms[1].matchExpressions[0].values",
        "Gt and Lt one whole number",
    ),
    Bad(
        "pods are compared as numbers",
        f"{_NEAR}.labelSelector.matchExpressions.0.operator",
        "Gt",
        "matchExpressions[0].operator",
        '"DoesNotExist"',
    ),
    Bad("pods of other namespaces are looked at", f"{_NEAR}.namespaces", ["other"], "podAffinityTerm.namespaces"),
    Bad("a priority is a number", "runtime.pod.priorityClassName", 1000, "spec.runtime.pod.priorityClassName"),
    Bad("a class has a bad name", "runtime.pod.runtimeClassName", "gVisor", "pod.runtimeClassName", "of the cluster"),
    Bad("a folder of the node is mounted", "runtime.pod.volumes.0.hostPath", {"path": "/"}, "volumes[0].hostPath"),
    Bad("a volume is Serin's", "runtime.pod.volumes.0.name", "cache", "volumes", "is the name of a volume of Serin"),
    Bad("a volume may be Serin's one day", "runtime.pod.volumes.0.name", "serin-new", "volumes", "give it another"),
    Bad("two volumes have one name", "runtime.pod.volumes.0.name", "rules", "spec.runtime.pod.volumes", "Duplicate"),
    Bad("a volume hides the cache", "runtime.pod.volumes.0.mountPath", "/var/cache", "mountPath", "mount it elsewhere"),
    Bad("a volume hides the models", "runtime.pod.volumes.0.mountPath", "/mnt", "mountPath", "mount it elsewhere"),
    Bad("a volume lies in Serin's keys", "runtime.pod.volumes.0.mountPath", "/etc/serin/tls", "mountPath", "elsewhere"),
    Bad("a volume hides the program", "runtime.pod.volumes.0.mountPath", "/usr/bin", "mountPath", "mount it elsewhere"),
    Bad("a volume hides everything", "runtime.pod.volumes.0.mountPath", "//", "mountPath", "Write an absolute path"),
    Bad("a volume climbs out", "runtime.pod.volumes.0.mountPath", "/data/../app", "mountPath", "without ':', '..'"),
    Bad("a volume's path is relative", "runtime.pod.volumes.0.mountPath", "data", "mountPath", "an absolute path"),
    Bad("two volumes in one place", "runtime.pod.volumes.0.mountPath", "/etc/rules", "pod.volumes", "mount one of the"),
    Bad(
        "a volume of no kind",
        "runtime.pod.volumes.0",
        {"name": "a", "mountPath": "/data/a"},
        "spec.runtime.pod.volumes",
        "volume a needs exactly one of secret, configMap, emptyDir and persistentVolumeClaim",
    ),
    Bad(
        "a volume of two kinds",
        "runtime.pod.volumes.0.emptyDir",
        {},
        "spec.runtime.pod.volumes",
        "add one, or remove the others",
    ),
    Bad(
        "a key goes into a folder",
        "runtime.pod.volumes.2.secret.items.0.path",
        "../token",
        "secret.items[0].path",
        "Write the name of a file",
    ),
    Bad(
        "a folder of no size", "runtime.pod.volumes.4.emptyDir.sizeLimit", "0", "emptyDir.sizeLimit", "a number above 0"
    ),
    Bad(
        "a container is brought along", "runtime.pod.initContainers", [{"name": "a"}], "spec.runtime.pod.initContainers"
    ),
    Bad("the pod is on the node's network", "runtime.pod.hostNetwork", True, "spec.runtime.pod.hostNetwork"),
)

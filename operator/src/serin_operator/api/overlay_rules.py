"""Rules for ``spec.runtime.pod``."""

from collections.abc import Iterator
from typing import Final

from serin_operator.api.rule import LABEL_KEY, LABEL_VALUE, Rule, object_key, object_name

_POD: Final = "spec.runtime.pod"
_AFFINITY: Final = f"{_POD}.affinity"
_REQUIRED: Final = "requiredDuringSchedulingIgnoredDuringExecution"
_PREFERRED: Final = "preferredDuringSchedulingIgnoredDuringExecution"
_VOLUMES: Final = f"{_POD}.volumes"

VOLUMES_OF_SERIN: Final = (
    *("cache", "tmp", "model", "source", "source-ca", "source-credentials", "golden"),
    *("tls", "client-ca", "api-keys", "jwks", "feedback"),
)
"""Names that volumes of Serin's have, together with everything that begins with serin-."""

_LABELS_OF_OTHERS: Final = (
    "(^|[.])serin[.]dev/|^app[.]kubernetes[.]io/(name|managed-by)$|^pod-template-hash$|^batch[.]kubernetes[.]io/"
    "|^(job-name|controller-uid)$"
)
_LOOSENING: Final = (
    "(^|[.])serin[.]dev/|^container[.]apparmor[.]security[.]|(^|[.])seccomp[.]security[.]|^io[.]kubernetes[.]cri-o[.]"
    "|^cdi[.]k8s[.]io/"
)
FOLDERS_OF_SERIN: Final = "^/(tmp|var/cache/serin|etc/serin|mnt/models|app|opt/venv)(/|$)"
_FOLDERS_OF_THE_SYSTEM: Final = (
    "^/(bin|sbin|lib|lib32|lib64|usr|proc|sys|dev|boot)(/|$)|^/(etc|var|var/cache|var/run|run|mnt|opt|root|home)$"
)


def _of_nodes() -> Iterator[str]:
    yield f"{_AFFINITY}.nodeAffinity.{_REQUIRED}.nodeSelectorTerms[]"
    yield f"{_AFFINITY}.nodeAffinity.{_PREFERRED}[].preference"


def _of_pods() -> Iterator[str]:
    """Where a place and the pods in it are named."""
    yield f"{_POD}.topologySpreadConstraints[]"
    for kind in ("podAffinity", "podAntiAffinity"):
        yield f"{_AFFINITY}.{kind}.{_REQUIRED}[]"
        yield f"{_AFFINITY}.{kind}.{_PREFERRED}[].podAffinityTerm"


def _requirement(path: str, *, of_nodes: bool) -> Iterator[Rule]:
    number = (
        "self.operator in ['Gt', 'Lt'] ? has(self.values) && self.values.size() == 1"
        " && self.values[0].matches('^-?[0-9]+$') : "
        if of_nodes
        else ""
    )
    yield Rule(
        path,
        "self.operator in ['In', 'NotIn'] ? has(self.values) && self.values.size() > 0 : "
        f"{number}!has(self.values) || self.values.size() == 0",
        f"In and NotIn need values, {'Gt and Lt one whole number, ' if of_nodes else ''}Exists and DoesNotExist have none:"
        " add values, or remove them.",
        field=".values",
    )
    yield Rule(
        path,
        f"self.key.matches('{LABEL_KEY}') && (!has(self.values) || self.values.all(v, v.matches('{LABEL_VALUE}')))",
        "Write key and values as labels have them, for example topology.kubernetes.io/zone.",
        field=".key",
    )


def _places() -> Iterator[Rule]:
    for path in _of_nodes():
        yield from _requirement(f"{path}.matchExpressions[]", of_nodes=True)
    for path in _of_pods():
        yield Rule(
            f"{path}.topologyKey",
            f"self.matches('{LABEL_KEY}')",
            "Write a label that nodes have, for example topology.kubernetes.io/zone or kubernetes.io/hostname.",
        )
        yield Rule(
            f"{path}.labelSelector.matchLabels",
            f"self.all(k, k.matches('{LABEL_KEY}') && self[k].matches('{LABEL_VALUE}'))",
            "Write labels as pods have them (kubectl get pods --show-labels): app: frontend.",
        )
        yield from _requirement(f"{path}.labelSelector.matchExpressions[]", of_nodes=False)


def _volume_sources() -> Iterator[Rule]:
    for source, name, kind in (("secret", "secretName", "Secret"), ("configMap", "name", "ConfigMap")):
        yield object_name(f"{_VOLUMES}[].{source}.{name}", kind)
        yield object_key(f"{_VOLUMES}[].{source}.items[].key")
        yield Rule(
            f"{_VOLUMES}[].{source}.items[].path",
            "self.matches('^[-._a-zA-Z0-9]+$') && self != '.' && !self.startsWith('..')",
            "Write the name of a file, without folders: letters, digits, '-', '_' and '.'.",
        )
    yield object_name(f"{_VOLUMES}[].persistentVolumeClaim.claimName", "PersistentVolumeClaim")
    yield Rule(
        f"{_VOLUMES}[].emptyDir.sizeLimit",
        "type(self) == int ? self > 0 : (isQuantity(self) && quantity(self).isGreaterThan(quantity('0')))",
        "A size is a number above 0 with a unit of Kubernetes: 512Mi or 2Gi.",
    )


OVERLAY_RULES: Final = (
    Rule(
        f"{_POD}.labels",
        f"self.all(k, k.matches('{LABEL_KEY}') && self[k].matches('{LABEL_VALUE}'))",
        "Labels have a key such as team or example.com/team, and a value of letters, digits, '-', '_' and '.'.",
    ),
    Rule(
        f"{_POD}.labels",
        f"!self.exists(k, k.matches('{_LABELS_OF_OTHERS}'))",
        "By serin.dev/…, app.kubernetes.io/name and managed-by, and what Deployments and Jobs set, pods are found: remove"
        " the label, or give it another key.",
        f"self.filter(k, k.matches('{_LABELS_OF_OTHERS}'))[0]"
        " + ' is set by Serin or Kubernetes, and pods are found by it: remove it, or give it another key'",
    ),
    Rule(
        f"{_POD}.annotations",
        f"self.all(k, k.size() <= 317 && k.matches('{LABEL_KEY}'))",
        "Annotations have a key such as example.com/team: letters, digits, '-', '_' and '.', a domain and '/' before it.",
    ),
    Rule(
        f"{_POD}.annotations",
        f"!self.exists(k, k.matches('{_LOOSENING}'))",
        "serin.dev/… is Serin's, and AppArmor, seccomp, CRI-O and CDI annotations reach the node: remove the annotation.",
        f"self.filter(k, k.matches('{_LOOSENING}'))[0]"
        " + ' is set by Serin, or reaches the node and would loosen what keeps pods safe: remove it'",
    ),
    Rule(
        f"{_POD}.topologySpreadConstraints",
        "self.all(a, self.exists_one(b, b.topologyKey == a.topologyKey && b.whenUnsatisfiable == a.whenUnsatisfiable))",
        "topologyKey and whenUnsatisfiable together may stand once: remove the second one.",
    ),
    Rule(
        f"{_POD}.topologySpreadConstraints[]",
        "!has(self.minDomains) || self.whenUnsatisfiable == 'DoNotSchedule'",
        "minDomains works only with whenUnsatisfiable DoNotSchedule: set that, or remove it.",
        field=".minDomains",
    ),
    *_places(),
    object_name(f"{_POD}.priorityClassName", "PriorityClass", "of the cluster"),
    object_name(f"{_POD}.runtimeClassName", "RuntimeClass", "of the cluster"),
    Rule(
        f"{_VOLUMES}[].name",
        "self.matches('^[a-z0-9]([-a-z0-9]*[a-z0-9])?$')",
        "Names of volumes have a-z, 0-9 and '-', and begin and end with a letter or digit.",
    ),
    Rule(
        f"{_VOLUMES}[].name",
        f"!(self in {list(VOLUMES_OF_SERIN)}) && !self.startsWith('serin-')",
        f"Serin has volumes of its own named {', '.join(VOLUMES_OF_SERIN)} or serin-…: give it another name.",
        "self + ' is the name of a volume of Serin: give it another'",
    ),
    Rule(
        f"{_VOLUMES}[].mountPath",
        r"self.matches('^(/[^/:\\s]+)+$') && !self.matches('/[.][.]?(/|$)')",
        "Write an absolute path without ':', '..', spaces and a '/' at its end: /data or /etc/features.",
    ),
    Rule(
        f"{_VOLUMES}[].mountPath",
        f"self == '/dev/shm' || !self.matches('{FOLDERS_OF_SERIN}|{_FOLDERS_OF_THE_SYSTEM}')",
        "Folders of Serin (/tmp, /app, /etc/serin, /mnt/models, /var/cache/serin, /opt/venv) and of the system stay as they"
        " are: mount it elsewhere, for example at /data.",
        "self + ' is, or holds, a folder of Serin or of the system: mount it elsewhere, for example at /data'",
    ),
    Rule(
        f"{_VOLUMES}[]",
        "[has(self.secret), has(self.configMap), has(self.emptyDir), has(self.persistentVolumeClaim)]"
        ".filter(kind, kind).size() == 1",
        "Give exactly one of secret, configMap, emptyDir and persistentVolumeClaim.",
        "'volume ' + self.name + ' needs exactly one of secret, configMap, emptyDir and persistentVolumeClaim:"
        " add one, or remove the others'",
    ),
    Rule(
        _VOLUMES,
        "self.all(v, self.exists_one(w, w.mountPath == v.mountPath))",
        "Each mountPath may be used once: mount one of the two elsewhere.",
    ),
    *_volume_sources(),
)

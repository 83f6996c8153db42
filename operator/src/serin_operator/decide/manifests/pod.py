"""The pod template of a revision: the same container serves, and resolves once before."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from serin_operator.api import names
from serin_operator.api.overlay import PodOverlay
from serin_operator.api.spec import EnvVar, Runtime
from serin_operator.api.variables import variables_of
from serin_operator.decide.manifests import models, overlay, prediction_log, preflight, serving
from serin_operator.decide.world import ModelDeployment, OperatorConfig

JsonObject = dict[str, Any]

NAMESPACE_VARIABLE = "SERIN_MODEL_NAMESPACE"
SAFE_TO_EVICT = "cluster-autoscaler.kubernetes.io/safe-to-evict"
"""Without it the autoscaler keeps every node that has a pod with an emptyDir; ours hold only what can be fetched again."""
USER = 65532
CACHE = "/var/cache/serin"
SCRATCH = "/tmp"  # noqa: S108 - a mount point of the pod, an emptyDir of its own
UNREACHABLE_SECONDS = 30
TERMINATION_GRACE_SECONDS = 120
"""More than a server takes to leave: 90 s at most until its clients know, then 25 s for what is in flight."""


def template(
    mdep: ModelDeployment,
    config: OperatorConfig,
    revision: str,
    sha256: str | None,
    *,
    resolve: bool = False,
    uri: str | None = None,
    variant: str | None = None,
) -> JsonObject:
    """Pod template of ``revision``.

    Args:
        mdep: Whose spec is rendered.
        config: Gives the default serving image, and whether pods name their user.
        revision: The revision that the pods belong to.
        sha256: The digest that pods are pinned to; None while it is being resolved and the spec pins none.
        resolve: For the Job that fetches, verifies and loads once, instead of serving.
        uri: Where that Job found the model; None: where the spec says.
        variant: What that Job made of it, which has the digest and lies in the store alone; None: the model as it is.
    """
    runtime = mdep.spec.runtime or Runtime()
    more = runtime.pod or PodOverlay()
    own = names.child_labels(mdep.name, revision, names.COMPONENT_RESOLVE if resolve else names.COMPONENT_SERVER)
    asked = _Asked(uri, sha256, models.variables(mdep.spec.model, config.store_of(mdep), variant))
    mode = overlay.file_mode(has_fixed_user=config.has_fixed_user)
    pod: JsonObject = {
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "securityContext": {
            "runAsNonRoot": True,
            **({"runAsUser": USER, "runAsGroup": USER, "fsGroup": USER} if config.has_fixed_user else {}),
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "containers": [_container(mdep, config, revision, asked, resolve=resolve)],
        "volumes": [
            {"name": "cache", "emptyDir": {}},
            {"name": "tmp", "emptyDir": {}},
            *models.volumes(mdep.spec.model, config.store_of(mdep), resolve=resolve),
            *serving.volumes(_mounted(mdep, resolve=resolve), mode),
            *overlay.volumes(more, mode),
        ],
        "tolerations": _tolerations(runtime),
    }
    if runtime.service_account_name:
        pod["serviceAccountName"] = runtime.service_account_name
    if runtime.image_pull_secrets:
        pod["imagePullSecrets"] = [{"name": s.name} for s in runtime.image_pull_secrets]
    if runtime.node_selector:
        pod["nodeSelector"] = dict(runtime.node_selector)
    if resolve:
        pod["restartPolicy"] = "Never"
    else:
        pod["terminationGracePeriodSeconds"] = TERMINATION_GRACE_SECONDS
        pod["topologySpreadConstraints"] = overlay.spread(more, own)
    pod["affinity"] = overlay.affinity(more, own, resolve=resolve)
    pod["priorityClassName"], pod["runtimeClassName"] = more.priority_class_name, more.runtime_class_name
    metadata: JsonObject = {"labels": overlay.labels(more, own)}
    if annotations := {**({} if resolve else {SAFE_TO_EVICT: "true"}), **(more.annotations or {})}:
        metadata["annotations"] = annotations
    return {"metadata": metadata, "spec": {name: value for name, value in pod.items() if value is not None}}


@dataclass(frozen=True)
class _Asked:
    """The model that a pod is to load, as far as it is known more exactly than the spec says."""

    uri: str | None
    sha256: str | None
    opened_by: Mapping[str, str]
    """Variables that say how source and store are opened."""


def _container(
    mdep: ModelDeployment, config: OperatorConfig, revision: str, asked: _Asked, *, resolve: bool
) -> JsonObject:
    runtime = mdep.spec.runtime or Runtime()
    policy = runtime.image_pull_policy or (None if runtime.image else config.serving_image_pull_policy)
    container: JsonObject = {
        "name": names.CONTAINER,
        "image": runtime.image or config.serving_image,
        "args": ["resolve" if resolve else "serve"],
        "env": _environment(mdep, revision, asked, _settings(mdep, resolve=resolve)),
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
        "volumeMounts": [
            {"name": "cache", "mountPath": CACHE},
            {"name": "tmp", "mountPath": SCRATCH},
            *models.mounts(mdep.spec.model, config.store_of(mdep), resolve=resolve),
            *serving.volume_mounts(_mounted(mdep, resolve=resolve)),
            *overlay.volume_mounts(runtime.pod or PodOverlay()),
        ],
        "terminationMessagePolicy": "FallbackToLogsOnError",
    }
    if policy:
        container["imagePullPolicy"] = policy
    if runtime.resources:
        container["resources"] = runtime.resources.model_dump(exclude_none=True)
    if not resolve:
        container["ports"] = serving.ports(mdep.spec.serving)
        ready = serving.probe(mdep.spec.serving, f"/v2/models/{mdep.name}/ready")
        live = serving.probe(mdep.spec.serving, "/v2/health/live")
        # The model may take its time to load; being alive must not depend on it.
        container["startupProbe"] = {**live, "periodSeconds": 1, "failureThreshold": 120, "timeoutSeconds": 5}
        container["readinessProbe"] = {**ready, "periodSeconds": 2, "failureThreshold": 2, "timeoutSeconds": 5}
        container["livenessProbe"] = {**live, "periodSeconds": 10, "failureThreshold": 3, "timeoutSeconds": 5}
    return container


def _settings(mdep: ModelDeployment, *, resolve: bool) -> dict[str, str]:
    serves = {
        **serving.control(mdep.name, mdep.spec),
        **serving.slices(mdep.spec),
        **serving.bounds(mdep.spec),
        **serving.scores(mdep.spec),
        **prediction_log.variables(mdep.name, mdep.spec),
    }
    more = preflight.variables(mdep.spec) if resolve else serves
    return {**serving.variables(_mounted(mdep, resolve=resolve)), **more}


def _mounted(mdep: ModelDeployment, *, resolve: bool) -> tuple[serving.Mount, ...]:
    """What serving needs; the Job that resolves serves nobody, is shown no key, and has what its gates need."""
    if resolve:
        return preflight.mounts_of(mdep.spec)
    return (*serving.mounts_of(mdep.name, mdep.spec.serving), *prediction_log.mounts_of(mdep.name, mdep.spec))


def _environment(mdep: ModelDeployment, revision: str, asked: _Asked, files: Mapping[str, str]) -> list[JsonObject]:
    model, runtime = mdep.spec.model, mdep.spec.runtime or Runtime()
    digest = asked.sha256 or model.sha256
    fixed = {
        "SERIN_MODEL_NAME": mdep.name,
        "SERIN_MODEL_VERSION": model.version,
        "SERIN_MODEL_REVISION": revision,
        "SERIN_MODEL_URI": asked.uri or model.uri,
        **({"SERIN_MODEL_SHA256": digest.lower()} if digest else {}),
        **({"SERIN_THREADS": str(runtime.threads)} if runtime.threads else {}),
        "SERIN_CACHE_DIR": CACHE,
        **asked.opened_by,
        **variables_of(mdep.spec.model_dump(by_alias=True, exclude_none=True)),
        **files,
    }
    env: list[JsonObject] = [_variable(v) for v in runtime.env or ()]
    env += [{"name": name, "value": value} for name, value in fixed.items()]
    env += [
        # Read where the pod runs: a template that is restored into another namespace takes that one's name.
        _of_the_pod(NAMESPACE_VARIABLE, "metadata.namespace"),
        _of_the_pod("SERIN_POD_NAME", "metadata.name"),
        _of_the_pod("SERIN_POD_UID", "metadata.uid"),
        {
            "name": "SERIN_CONTAINER_CPU_LIMIT",
            "valueFrom": {"resourceFieldRef": {"resource": "limits.cpu", "divisor": "1"}},
        },
    ]
    return env


def _of_the_pod(name: str, path: str) -> JsonObject:
    return {"name": name, "valueFrom": {"fieldRef": {"apiVersion": "v1", "fieldPath": path}}}


def namespace_of(born: Mapping[str, Any]) -> str | None:
    """The namespace that a pod template names as its own; None: that in which its pods run."""
    containers = (born.get("spec") or {}).get("containers") or []
    env = next((each.get("env") or [] for each in containers if each.get("name") == names.CONTAINER), [])
    return next((each.get("value") for each in env if each.get("name") == NAMESPACE_VARIABLE), None)


def _variable(variable: EnvVar) -> JsonObject:
    if variable.value_from is None:
        return {"name": variable.name, "value": variable.value or ""}
    source = variable.value_from
    ref = source.secret_key_ref or source.config_map_key_ref
    kind = "secretKeyRef" if source.secret_key_ref else "configMapKeyRef"
    return {"name": variable.name, "valueFrom": {kind: ref.model_dump() if ref else {}}}


def _tolerations(runtime: Runtime) -> list[JsonObject]:
    """The user's, and a short wait for nodes that are gone (the default keeps their pods for five minutes)."""
    mine = [t.model_dump(by_alias=True, exclude_none=True) for t in runtime.tolerations or ()]
    lost = [
        {"key": key, "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": UNREACHABLE_SECONDS}
        for key in ("node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable")
        if not any(t.get("key") == key for t in mine)
    ]
    return [*mine, *lost]

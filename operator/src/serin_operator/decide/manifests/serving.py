"""What ``spec.serving`` means for a pod: files from Secrets, names of ports, and probes that fit.

Secrets are mounted whole folders at a time, never by subPath: only so does a new certificate or key reach the server,
which looks at its files every few seconds.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from serin_operator.api import names
from serin_operator.api.kinds.of_labels import FAR
from serin_operator.api.kinds.of_scores import SCORE
from serin_operator.api.pod import EnvVarSource, SecretKey
from serin_operator.api.serving import Feedback, Serving, Signing
from serin_operator.api.spec import ModelDeploymentSpec

JsonObject = dict[str, Any]

FOLDER = "/etc/serin"
CONTROL_VARIABLE = "SERIN_PAIRING_CONTROL"
SLICES_VARIABLE = "SERIN_FEEDBACK_SLICES"
BOUNDS_VARIABLE = "SERIN_FEEDBACK_BOUNDS"
SCORES_VARIABLE = "SERIN_FEEDBACK_SCORES"
PORT_HTTPS = "https"
PORT_GRPCS = "grpcs"


@dataclass(frozen=True)
class Mount:
    """One Secret or ConfigMap as a folder of the server's."""

    volume: str
    """Name of the volume and of its folder."""
    source: JsonObject
    files: Mapping[str, str]
    """Variable of the server to the file in the folder."""

    @property
    def folder(self) -> str:
        """Where it is mounted."""
        return f"{FOLDER}/{self.volume}"


def mounts_of(name: str, serving: Serving | None) -> tuple[Mount, ...]:
    """Everything that the pods of the ModelDeployment ``name`` mount in order to serve."""
    return tuple(_mounts(name, serving)) if serving else ()


def _mounts(name: str, serving: Serving) -> Iterator[Mount]:
    if serving.tls:
        pair = {"SERIN_TLS_CERT_FILE": "tls.crt", "SERIN_TLS_KEY_FILE": "tls.key"}
        yield Mount("tls", _secret(serving.tls.secret_name, {file: file for file in pair.values()}), pair)
        if serving.tls.client_ca:
            yield _one("client-ca", "SERIN_TLS_CLIENT_CA_FILE", "ca.crt", serving.tls.client_ca)
    if serving.api_keys:
        yield _one("api-keys", "SERIN_API_KEYS_FILE", "keys", serving.api_keys.secret_key_ref)
    if serving.jwt:
        yield _one("jwks", "SERIN_JWKS_FILE", "jwks.json", serving.jwt.jwks)
    if keys := _feedback_keys(name, serving.feedback):
        yield _one("feedback", "SERIN_FEEDBACK_KEY_FILE", "keys", keys)


def _feedback_keys(name: str, feedback: Feedback | None) -> SecretKey | None:
    if feedback is None or feedback.signing is None:
        return None
    if feedback.signing is Signing.MANAGED:
        return SecretKey(name=names.feedback_secret(name), key=names.FEEDBACK_KEYS)
    return feedback.secret_key_ref


def signing_of(serving: Serving | None) -> Signing | None:
    """Whose keys sign feedback; None where nothing is signed."""
    return serving.feedback.signing if serving and serving.feedback else None


def _one(volume: str, variable: str, file: str, reference: EnvVarSource | SecretKey) -> Mount:
    """One key of a Secret or ConfigMap as one file."""
    if isinstance(reference, SecretKey):
        return Mount(volume, _secret(reference.name, {reference.key: file}), {variable: file})
    if secret := reference.secret_key_ref:
        return Mount(volume, _secret(secret.name, {secret.key: file}), {variable: file})
    config_map = reference.config_map_key_ref
    items = [{"key": config_map.key, "path": file}] if config_map else []
    source = {"name": config_map.name if config_map else "", "items": items}
    return Mount(volume, {"configMap": source}, {variable: file})


def _secret(name: str, files: Mapping[str, str]) -> JsonObject:
    items = [{"key": key, "path": path} for key, path in files.items()]
    return {"secret": {"secretName": name, "items": items}}


def variables(mounts: tuple[Mount, ...]) -> dict[str, str]:
    """Variables of the server that name mounted files."""
    return {variable: f"{mount.folder}/{file}" for mount in mounts for variable, file in mount.files.items()}


def volumes(mounts: tuple[Mount, ...], mode: int) -> list[JsonObject]:
    """Volumes of the pod, whose files have this mode."""
    return [
        {"name": mount.volume, **{kind: {**source, "defaultMode": mode} for kind, source in mount.source.items()}}
        for mount in mounts
    ]


def volume_mounts(mounts: tuple[Mount, ...]) -> list[JsonObject]:
    """Where the server sees them."""
    return [{"name": mount.volume, "mountPath": mount.folder, "readOnly": True} for mount in mounts]


def slices(spec: ModelDeploymentSpec) -> dict[str, str]:
    """By which slices labels are counted."""
    metrics = spec.analysis.metrics if spec.analysis else []
    asked = [one.slices for one in metrics if one.slices]
    told = [{"by": one.by, **({"cuts": one.cuts} if one.cuts else {"values": one.values})} for one in asked]
    distinct = [one for number, one in enumerate(told) if one not in told[:number]]
    text = json.dumps(distinct, ensure_ascii=False).replace("$(", "$$(")  # which the kubelet would take for a variable
    return {SLICES_VARIABLE: text} if distinct else {}


def bounds(spec: ModelDeploymentSpec) -> dict[str, str]:
    """Above which distances labels are counted by slice."""
    metrics = spec.analysis.metrics if spec.analysis else []
    asked = [said for kind, said in (one.asked for one in metrics if one.asked and one.slices) if kind.field == FAR]
    told = list(dict.fromkeys(said.above for said in asked))
    return {BOUNDS_VARIABLE: json.dumps(told)} if told else {}


def scores(spec: ModelDeploymentSpec) -> dict[str, str]:
    """By which scores predictions are counted."""
    metrics = spec.analysis.metrics if spec.analysis else []
    asked = [said for kind, said in (one.asked for one in metrics if one.asked) if kind.field == SCORE]
    told = list(dict.fromkeys((said.made_of, *said.ends) for said in asked))
    text = json.dumps([{"of": of, "between": [low, high]} for of, low, high in told])
    return {SCORES_VARIABLE: text} if told else {}


def control(name: str, spec: ModelDeploymentSpec) -> dict[str, str]:
    """Where a version finds what it is compared with: the same for all, whatever their role."""
    if spec.analysis is None or spec.analysis.pairing is None:
        return {}
    secure = spec.serving is not None and spec.serving.tls is not None
    return {CONTROL_VARIABLE: f"{'https' if secure else 'http'}://{names.control_service(name)}"}


def ports(serving: Serving | None) -> list[JsonObject]:
    """Ports of the container, named after what they speak: Services find the pods of a protocol by these names."""
    secure = serving is not None and serving.tls is not None
    named = {
        PORT_HTTPS if secure else "http": names.PORT_HTTP,
        PORT_GRPCS if secure else "grpc": names.PORT_GRPC,
        "metrics": names.PORT_METRICS,
    }
    return [{"name": name, "containerPort": port, "protocol": "TCP"} for name, port in named.items()]


def probe(serving: Serving | None, path: str) -> JsonObject:
    """How the kubelet asks for ``path``: as clients do, but for mutual TLS.

    The kubelet trusts any certificate and has none of its own, so where clients must show one it asks on the metrics
    port, which is plain and answers the same addresses from the same state.
    """
    tls = serving.tls if serving else None
    if tls is None:
        return {"httpGet": {"path": path, "port": "http", "scheme": "HTTP"}}
    if tls.client_ca is None:
        return {"httpGet": {"path": path, "port": PORT_HTTPS, "scheme": "HTTPS"}}
    return {"httpGet": {"path": path, "port": "metrics", "scheme": "HTTP"}}


def speaks_tls(template: Mapping[str, Any]) -> bool:
    """Whether pods of ``template``, whenever it was born, serve over TLS."""
    found = (template.get("spec") or {}).get("containers") or ()
    ours: Mapping[str, Any] = next((each for each in found if each.get("name") == names.CONTAINER), {})
    return any(port.get("name") == PORT_HTTPS for port in ours.get("ports") or ())

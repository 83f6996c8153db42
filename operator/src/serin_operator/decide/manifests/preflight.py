"""What ``spec.preflight`` and ``spec.model.verify`` mean for the Job that resolves: settings of the server, and files."""

import json
from collections.abc import Iterator

from serin_operator.api.preflight import GateMode, Preflight, SignatureGate
from serin_operator.api.spec import ConfigMapKey, ModelDeploymentSpec
from serin_operator.api.status_of_versions import VersionStatus
from serin_operator.decide.manifests.serving import Mount

VOLUME = "golden"
VERIFY = "serin-verify"
"""A name that nobody else may have had: those that begin so were always refused."""
_FILE = "golden.jsonl"


def mounts_of(spec: ModelDeploymentSpec) -> tuple[Mount, ...]:
    """Everything that the Job mounts for its gates."""
    return tuple(_mounts(spec))


def _mounts(spec: ModelDeploymentSpec) -> Iterator[Mount]:
    golden = spec.preflight.golden_samples if spec.preflight else None
    if golden and golden.config_map_key_ref:
        yield _file(VOLUME, "SERIN_GOLDEN", _FILE, golden.config_map_key_ref)
    verify = spec.model.verify
    if verify and verify.public_keys:
        yield _file(VERIFY, "SERIN_VERIFY_KEYS", "keys.pem", verify.public_keys)
    elif verify and verify.certificate_authorities:
        yield _file(VERIFY, "SERIN_VERIFY_CERTIFICATES", "authorities.pem", verify.certificate_authorities)


def _file(volume: str, variable: str, file: str, reference: ConfigMapKey) -> Mount:
    source = {"configMap": {"name": reference.name, "items": [{"key": reference.key, "path": file}]}}
    return Mount(volume, source, {variable: file})


def variables(spec: ModelDeploymentSpec) -> dict[str, str]:
    """Settings of the server that ask for the gates."""
    signers = {"SERIN_VERIFY_SIGNERS": ",".join(spec.model.verify.signers or ())} if spec.model.verify else {}
    return {**_golden(spec.preflight), **{name: text for name, text in signers.items() if text}}


def _golden(preflight: Preflight | None) -> dict[str, str]:
    golden = preflight.golden_samples if preflight else None
    if golden is None:
        return {}
    least = {} if golden.min_match is None else {"SERIN_PREFLIGHT_GOLDEN_MIN_MATCH": f"{golden.min_match:.12g}"}
    return {"SERIN_PREFLIGHT_GOLDEN": (golden.mode or GateMode.FAIL).lower(), **least}


def comparison(preflight: Preflight | None, stable: VersionStatus | None) -> dict[str, str]:
    """Settings that have the signature compared with that of ``stable``, as the ledger knows it."""
    asked = preflight.signature if preflight else None
    if stable is None or asked is SignatureGate.ANY or (asked is None and stable.signature is None):
        return {}
    known = stable.signature.model_dump(by_alias=True, exclude_none=True) if stable.signature else {}
    # Kubernetes would put the value of a variable where $(NAME) stands.
    text = json.dumps({"version": stable.version, **known}, separators=(",", ":")).replace("$", "\\u0024")
    return {"SERIN_PREFLIGHT_SIGNATURE": (asked or GateMode.WARN).lower(), "SERIN_PREFLIGHT_STABLE": text}

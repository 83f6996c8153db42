"""What ``spec.preflight`` means for the Job that resolves: settings of the server, and samples as a file."""

import json

from serin_operator.api.preflight import GateMode, Preflight, SignatureGate
from serin_operator.api.status import VersionStatus
from serin_operator.decide.manifests.serving import Mount

VOLUME = "golden"
_FILE = "golden.jsonl"


def mounts_of(preflight: Preflight | None) -> tuple[Mount, ...]:
    """Everything that the Job mounts for its gates."""
    golden = preflight.golden_samples if preflight else None
    if golden is None or golden.config_map_key_ref is None:
        return ()
    items = [{"key": golden.config_map_key_ref.key, "path": _FILE}]
    source = {"configMap": {"name": golden.config_map_key_ref.name, "items": items}}
    return (Mount(VOLUME, source, {"SERIN_GOLDEN": _FILE}),)


def variables(preflight: Preflight | None) -> dict[str, str]:
    """Settings of the server that ask for the gates."""
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

"""What ``spec.preflight`` and ``spec.model.verify`` mean for the Job that resolves: settings of the server, and files."""

import json
from collections.abc import Iterator

from serin_operator.api.optimize import Optimize
from serin_operator.api.preflight import Budget, GateMode, MustBeat, Preflight, SignatureGate, TrainingBaseline
from serin_operator.api.quantity import whole_units
from serin_operator.api.spec import ConfigMapKey, ModelDeploymentSpec, SignatureFormat, Verify
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
    elif verify and verify.trusted_root:
        yield _file(VERIFY, "SERIN_VERIFY_ROOT", "trusted_root.json", verify.trusted_root)


def _file(volume: str, variable: str, file: str, reference: ConfigMapKey) -> Mount:
    source = {"configMap": {"name": reference.name, "items": [{"key": reference.key, "path": file}]}}
    return Mount(volume, source, {variable: file})


def variables(spec: ModelDeploymentSpec) -> dict[str, str]:
    """Settings of the server that ask for the gates."""
    asked = spec.preflight or Preflight()
    gates = {**_golden(asked), **_budget(asked.budget), **_baseline(asked.baseline), **_optimize(spec.model.optimize)}
    return {**gates, **_verify(spec.model.verify)}


def _verify(verify: Verify | None) -> dict[str, str]:
    if verify is None:
        return {}
    return {
        **({"SERIN_VERIFY_SIGNERS": ",".join(verify.signers)} if verify.signers else {}),
        **({"SERIN_VERIFY_ISSUER": verify.issuer} if verify.issuer else {}),
        **({"SERIN_VERIFY_FORMAT": "cosign"} if verify.format is SignatureFormat.COSIGN else {}),
    }


def _golden(preflight: Preflight) -> dict[str, str]:
    golden = preflight.golden_samples
    if golden is None:
        return {}
    least = {} if golden.min_match is None else {"SERIN_PREFLIGHT_GOLDEN_MIN_MATCH": f"{golden.min_match:.12g}"}
    return {"SERIN_PREFLIGHT_GOLDEN": (golden.mode or GateMode.FAIL).lower(), **least}


def _budget(budget: Budget | None) -> dict[str, str]:
    if budget is None:
        return {}
    limits = {
        "MAX_P99_SECONDS": budget.max_p99_seconds,
        "MAX_BATCH_P99_SECONDS": budget.max_batch_p99_seconds,
        "BATCH_ROWS": budget.batch_rows,
        "MAX_MEMORY_BYTES": None if budget.max_memory is None else whole_units(str(budget.max_memory)),
        "MAX_LOAD_SECONDS": budget.max_load_seconds,
        "MAX_SLOWDOWN": budget.max_slowdown,
    }
    asked = {"SERIN_PREFLIGHT_BUDGET": (budget.mode or GateMode.FAIL).lower()}
    return {
        **asked,
        **{f"SERIN_PREFLIGHT_{name}": _number(limit) for name, limit in limits.items() if limit is not None},
    }


def _baseline(baseline: TrainingBaseline | None) -> dict[str, str]:
    if baseline is None:
        return {}
    return {
        "SERIN_PREFLIGHT_BASELINE": (baseline.mode or GateMode.FAIL).lower(),
        **({"SERIN_PREFLIGHT_BASELINE_REQUIRED": "off"} if baseline.required is False else {}),
        **({"SERIN_PREFLIGHT_BASELINE_MUST_BEAT": "on"} if baseline.must_beat is MustBeat.SIMPLE_BASELINE else {}),
        **({"SERIN_PREFLIGHT_BASELINE_MAX_DRIFT": _number(baseline.max_drift)} if baseline.max_drift else {}),
    }


def _optimize(optimize: Optimize | None) -> dict[str, str]:
    if optimize is None:
        return {}
    loss, speedup = optimize.max_accuracy_loss, optimize.min_speedup
    return {
        "SERIN_OPTIMIZE_VARIANTS": ",".join(optimize.variants),
        **({"SERIN_OPTIMIZE_MAX_ACCURACY_LOSS": _number(loss)} if loss is not None else {}),
        **({"SERIN_OPTIMIZE_MIN_SPEEDUP": _number(speedup)} if speedup is not None else {}),
    }


def _number(value: float) -> str:
    return str(value) if isinstance(value, int) else f"{value:.12g}"


def before(preflight: Preflight | None, stable: VersionStatus | None) -> dict[str, str]:
    """What the gates need that compare with ``stable``: where its model lies, and what was measured of it."""
    budget, baseline = (preflight.budget, preflight.baseline) if preflight else (None, None)
    is_asked = (budget and budget.max_slowdown) or (baseline and baseline.max_drift)
    if stable is None or stable.sha256 is None or not is_asked:
        return {}
    measured = stable.measured.model_dump(by_alias=True, exclude_none=True) if stable.measured else {}
    told: dict[str, object] = {
        "version": stable.version,
        "uri": stable.uri,
        "sha256": stable.sha256,
        **({"variant": stable.optimized.variant} if stable.optimized else {}),
        "measured": measured,
    }
    return {"SERIN_PREFLIGHT_BEFORE": _spelled(told)}


def _spelled(told: dict[str, object]) -> str:
    # Kubernetes would put the value of a variable where $(NAME) stands.
    return json.dumps(told, separators=(",", ":")).replace("$", "\\u0024")


def comparison(preflight: Preflight | None, stable: VersionStatus | None) -> dict[str, str]:
    """Settings that have the signature compared with that of ``stable``, as the ledger knows it."""
    asked = preflight.signature if preflight else None
    if stable is None or asked is SignatureGate.ANY or (asked is None and stable.signature is None):
        return {}
    known = stable.signature.model_dump(by_alias=True, exclude_none=True) if stable.signature else {}
    text = _spelled({"version": stable.version, **known})
    return {"SERIN_PREFLIGHT_SIGNATURE": (asked or GateMode.WARN).lower(), "SERIN_PREFLIGHT_STABLE": text}

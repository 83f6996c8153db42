"""Everything that can be set, read once: flags win over the environment, the environment over defaults."""

import math
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from itertools import combinations
from pathlib import Path
from typing import Any, Final

from serin_server.config.choices import CHOICES, MOST_LOGGED_BYTES, PROVIDERS, VARIANTS
from serin_server.config.words import DESCRIPTIONS
from serin_server.scoring import scores_in
from serin_server.slicing import bounds_in, slicings_in
from serin_server.uris import name_in, shown

__all__ = ["DESCRIPTIONS", "PROVIDERS", "TERMINATION_LOG", "InvalidSetting", "Settings", "settings_from"]

TERMINATION_LOG: Final = Path("/dev/termination-log")


class InvalidSetting(Exception):
    """A setting that cannot be used; names the variable, what came and what would do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Settings of one server; each field is `SERIN_<FIELD>` in the environment and `--<field>` on the command line."""

    model_uri: str
    model_name: str
    models: str = ""
    model_control: str = "off"
    model_namespace: str = "default"
    model_version: str = "1"
    model_revision: str = ""
    model_sha256: str = ""
    model_variant: str = ""
    pod_name: str = ""
    pod_uid: str = ""
    container_cpu_limit: float = 0.0
    threads: int = 1
    processes: int = 1
    providers: str = "cpu"
    gpu_memory_limit_bytes: int = 0
    use_tf32: str = "on"
    host: str = ""
    http_port: int = 8080
    grpc_port: int = 8081
    metrics_port: int = 8082
    grpc: str = "on"
    cache_dir: Path = Path("/var/cache/serin")
    mounts_dir: Path = Path("/mnt/models")
    source_headers_file: Path | None = None
    source_ca_file: Path | None = None
    source_credentials_dir: Path | None = None
    store: str = ""
    store_credentials_dir: Path | None = None
    store_ca_file: Path | None = None
    store_timeout_seconds: float = 10.0
    store_until_seconds: float = 0.0
    sweep_in_use: Path | None = None
    sweep_older_than_hours: float = 168.0
    sweep_delete: str = "off"
    optimize_variants: str = ""
    optimize_max_accuracy_loss: float = 0.01
    optimize_min_speedup: float = 1.1
    optimize_seconds: float = 120.0
    bump_file: Path | None = None
    bump_object: str = ""
    bump_version: str = "{}"
    bump_write: str = "on"
    bump_settle_seconds: float = 60.0
    verify_keys: Path | None = None
    verify_certificates: Path | None = None
    verify_signers: str = ""
    verify_root: Path | None = None
    verify_issuer: str = ""
    verify_format: str = "bundle"
    source_timeout_seconds: float = 30.0
    source_total_seconds: float = 3600.0
    source_redirect_hosts: str = ""
    warmup_seconds: float = 120.0
    drain_seconds: float = 5.0
    drain_max_seconds: float = 90.0
    connection_max_requests: int = 100
    connection_max_seconds: float = 30.0
    max_body_bytes: int = 64 * 1024 * 1024
    max_body_growth: float = 10.0
    max_header_bytes: int = 16 * 1024
    read_timeout_seconds: float = 20.0
    idle_timeout_seconds: float = 300.0
    request_timeout_seconds: float = 30.0
    max_in_flight: int = 1024
    memory_budget_bytes: int = 0
    max_batch_rows: int = 256
    batching: str = "proven"
    preferred_batch_rows: str = "auto"
    batch_window_seconds: float = 0.0
    concurrent_runs: int = 0
    feedback_key_file: Path | None = None
    feedback_unsigned: str = "auto"
    feedback_max_age_seconds: float = 30 * 86400.0
    feedback_kind: str = "class"
    feedback_tolerance: float = 0.0
    feedback_slices: str = ""
    feedback_scores: str = ""
    feedback_bounds: str = ""
    prediction_output: str = ""
    pairing_control: str = ""
    pairing_sample: float = 0.0
    pairing_max_per_second: float = 50.0
    pairing_timeout_seconds: float = 0.05
    pairing_max_bytes: int = 64 * 1024
    explain: str = "off"
    explain_background: Path | None = None
    explain_max_evaluations: int = 20_000
    explain_seconds: float = 5.0
    explain_max_waiting: int = 4
    embeddings: str = "auto"
    embedding_shortens: str = "off"
    baseline: Path | None = None
    tls_cert_file: Path | None = None
    tls_key_file: Path | None = None
    tls_client_ca_file: Path | None = None
    api_keys_file: Path | None = None
    jwks_file: Path | None = None
    jwt_audience: str = ""
    jwt_issuer: str = ""
    rate_limit_per_second: float = 0.0
    rate_limit_burst: int = 0
    cors_origins: str = ""
    gzip_min_bytes: int = 0
    access_log_sample: float = 0.0
    payload_log: str = ""
    payload_log_sample: float = 0.01
    payload_log_max_bytes: int = 64 * 1024
    payload_log_hide: str = ""
    prediction_log: str = ""
    prediction_log_sample: float = 0.01
    prediction_log_hide: str = ""
    prediction_log_max_bytes: int = 64 * 1024
    prediction_log_key_file: Path | None = None
    otlp_endpoint: str = ""
    otlp_sample: float = 0.0
    golden: Path | None = None
    preflight_golden: str = "off"
    preflight_golden_min_match: float = 1.0
    preflight_signature: str = "off"
    preflight_stable: str = ""
    preflight_before: str = ""
    preflight_budget: str = "off"
    preflight_max_p99_seconds: float = 0.0
    preflight_max_batch_p99_seconds: float = 0.0
    preflight_batch_rows: int = 32
    preflight_max_memory_bytes: int = 0
    preflight_max_load_seconds: float = 0.0
    preflight_max_slowdown: float = 0.0
    preflight_baseline: str = "off"
    preflight_baseline_required: str = "on"
    preflight_baseline_must_beat: str = "off"
    preflight_baseline_max_drift: float = 0.0
    preflight_command_folder: Path | None = None
    warmup: Path | None = None
    termination_log: Path = TERMINATION_LOG
    log_format: str = "json"
    log_level: str = "info"

    @property
    def intra_op_threads(self) -> int:
        """Threads of ONNX Runtime: what was asked for, within each process's share of the CPU limit."""
        share = int(self.container_cpu_limit / self.processes) if self.container_cpu_limit else 0
        if self.threads == 0:
            return max(1, share)
        return min(self.threads, max(1, share)) if share else self.threads

    @property
    def provider_names(self) -> tuple[str, ...]:
        """The execution providers, best first, by their short names."""
        return tuple(name.strip().lower() for name in self.providers.split(",") if name.strip())

    @property
    def variants(self) -> tuple[str, ...]:
        """The variants of the model that resolve tries, by their names."""
        return tuple(filter(None, map(str.strip, self.optimize_variants.split(","))))

    @property
    def preferred_rows(self) -> tuple[int, ...] | None:
        """The numbers of rows that batches are filled up to; None to leave it to the provider."""
        if self.preferred_batch_rows == AUTO:
            return None
        return tuple(int(rows) for rows in self.preferred_batch_rows.split(",") if rows.strip())

    @property
    def is_pack(self) -> bool:
        """Whether several models are served."""
        return bool(self.models)

    @property
    def is_grpc_enabled(self) -> bool:
        """Whether the protocol is served over gRPC too."""
        return self.grpc != "off"

    @property
    def is_pairing(self) -> bool:
        """Whether a share of the requests is asked of another version as well."""
        return bool(self.pairing_control) and self.pairing_sample > 0

    @property
    def origins(self) -> tuple[str, ...]:
        """The origins whose pages may have browsers ask, as browsers write them."""
        return tuple(origin.strip().rstrip("/") for origin in self.cors_origins.split(",") if origin.strip())

    @property
    def batching_mode(self) -> str:
        """When requests share a run; runs of one row cannot be shared."""
        return self.batching if self.max_batch_rows > 1 else "off"

    @property
    def revision(self) -> str:
        """The revision that responses carry as `model_version`; on a laptop the version stands in for it."""
        return self.model_revision or self.model_version


AUTO: Final = "auto"
PACK: Final = "pack"
"""What several models together are called, unless somebody says otherwise."""
_DIGEST: Final = re.compile(r"(sha256:)?[0-9a-fA-F]{64}")
_SERVER: Final = re.compile(r"https?://([A-Za-z0-9._-]{1,253}|\[[0-9a-fA-F:.]{2,45}\])(:\d{1,5})?/?")
_COLLECTOR: Final = re.compile(_SERVER.pattern + r"([A-Za-z0-9._~-]+/?)*")
_STORE: Final = re.compile(r"((s3|gs|az|pvc)://[^/?#@\s]+|file:///[^/?#\s])[^?#\s]*")
_ORIGIN: Final = re.compile(r"[a-z][a-z0-9+.-]*://[^/?#@,\s]+")


def settings_from(
    environment: Mapping[str, str] = os.environ, flags: Mapping[str, str] | None = None, *, needs_model: bool = True
) -> Settings:
    """The settings of this process. Raises `InvalidSetting` naming what cannot be used and what would do."""
    given: dict[str, Any] = {}
    for field in fields(Settings):
        text = (flags or {}).get(field.name)
        source = f"--{field.name.replace('_', '-')}"
        if text is None:
            source = f"SERIN_{field.name.upper()}"
            text = environment.get(source)
        if text is not None and field.name == "batching":
            text = text.strip().lower()
        if text is not None and (text != "" or field.type is str):
            given[field.name] = parsed(source, field.type, text)
    if needs_model and bool(given.get("model_uri")) == bool(given.get("models")):
        both = "SERIN_MODEL_URI and SERIN_MODELS are both set: a model alone, or several as NAME=URI"
        raise InvalidSetting(
            both if given.get("models") else "SERIN_MODEL_URI (--model) is not set: say which model to serve"
        )
    given.setdefault("model_uri", "")
    given.setdefault("model_name", PACK if given.get("models") else name_in(given["model_uri"]) or "model")
    return checked(Settings(**given))


def parsed(source: str, kind: object, text: str) -> object:
    """A setting's value as its field has it. Raises `InvalidSetting`, by the name of its source."""
    try:
        if kind is int:
            return int(text)
        if kind is float:
            # CPU limits come as Kubernetes writes them: 2, or 1500m.
            return float(text[:-1]) / 1000 if text.endswith("m") else float(text)
    except ValueError:
        raise InvalidSetting(f"{source}={text!r} is not a number: give one like 10") from None
    if kind in (Path, Path | None):
        return Path(text)
    return text


def checked(settings: Settings) -> Settings:
    """The settings, where they can be used together. Raises `InvalidSetting`."""
    for problem in (
        *_numbers(settings),
        *_words(settings),
        *_addresses(settings),
        *_stores(settings),
        *_combinations(settings),
        *_signatures(settings),
        *_lists(settings),
        *_batches(settings),
        *_variants(settings),
    ):
        raise InvalidSetting(problem)
    return settings


def _numbers(settings: Settings) -> Iterator[str]:
    for field in fields(Settings):
        value = getattr(settings, field.name)
        if isinstance(value, (int, float)) and not (math.isfinite(value) and value >= 0):
            yield f"SERIN_{field.name.upper()}={value} is negative or endless: give 0 or more"
    for name in ("source", "store"):
        if not getattr(settings, f"{name}_timeout_seconds"):
            yield f"SERIN_{name.upper()}_TIMEOUT_SECONDS=0 leaves a {name} no time to answer: give some seconds"
    for name in ("http_port", "grpc_port", "metrics_port"):
        if getattr(settings, name) > 65535:
            yield f"SERIN_{name.upper()}={getattr(settings, name)} is not a port: give 0 to 65535"
    for name in (
        "access_log_sample",
        "payload_log_sample",
        "prediction_log_sample",
        "otlp_sample",
        "pairing_sample",
        "preflight_golden_min_match",
    ):
        if getattr(settings, name) > 1:
            yield f"SERIN_{name.upper()}={getattr(settings, name)} is a fraction: give 0 to 1"
    if settings.processes < 1:
        yield f"SERIN_PROCESSES={settings.processes} is too small: give 1 or more"


def _words(settings: Settings) -> Iterator[str]:
    for name, words in CHOICES.items():
        if getattr(settings, name) not in words:
            yield f"SERIN_{name.upper()}={getattr(settings, name)!r} is not known: give {', '.join(words)}"
    for name in settings.provider_names:
        if name not in PROVIDERS and settings.provider_names != (AUTO,):
            yield f"SERIN_PROVIDERS={settings.providers!r}: {name!r} is not known: {', '.join(PROVIDERS)}, or auto alone"
    if not settings.provider_names:
        yield f"SERIN_PROVIDERS={settings.providers!r} names none: give auto, or {', '.join(PROVIDERS)}"
    if settings.model_sha256 and not _DIGEST.fullmatch(settings.model_sha256):
        yield f"SERIN_MODEL_SHA256={settings.model_sha256!r} is no digest: give the 64 hexadecimal digits of sha256sum"


def _addresses(settings: Settings) -> Iterator[str]:
    if settings.pairing_control and not _SERVER.fullmatch(settings.pairing_control):
        yield f"SERIN_PAIRING_CONTROL={shown(settings.pairing_control)!r}: give an address like http://model-control:8080"
    for origin in settings.origins:
        if origin != "*" and not _ORIGIN.fullmatch(origin):
            yield f"SERIN_CORS_ORIGINS: {origin[:100]!r} is no origin: give https://app.example.com, several by comma, or *"
    if settings.payload_log and settings.payload_log != "stdout" and "://" not in settings.payload_log:
        yield f"SERIN_PAYLOAD_LOG={shown(settings.payload_log)!r}: give stdout or an http:// address"
    if settings.prediction_log_max_bytes > MOST_LOGGED_BYTES:
        yield f"SERIN_PREDICTION_LOG_MAX_BYTES={settings.prediction_log_max_bytes} is too much: give at most {MOST_LOGGED_BYTES}"
    if settings.prediction_log and not _SERVER.fullmatch(settings.prediction_log):
        yield f"SERIN_PREDICTION_LOG={shown(settings.prediction_log)!r}: give an address like http://model-collector:8090"
    if settings.otlp_endpoint and not _COLLECTOR.fullmatch(settings.otlp_endpoint):
        yield f"SERIN_OTLP_ENDPOINT={shown(settings.otlp_endpoint)!r}: give an address like http://collector:4318"


def _stores(settings: Settings) -> Iterator[str]:
    if settings.store and not _STORE.fullmatch(settings.store):
        yield f"SERIN_STORE={shown(settings.store)!r}: give s3://bucket/prefix, gs://…, az://… or pvc://claim/path"
    if settings.sweep_older_than_hours < 1:
        yield f"SERIN_SWEEP_OLDER_THAN_HOURS={settings.sweep_older_than_hours} might hit what is just being kept: give 1 or more"


def _combinations(settings: Settings) -> Iterator[str]:
    ports = [
        name for name in ("http_port", "grpc_port", "metrics_port") if name != "grpc_port" or settings.is_grpc_enabled
    ]
    if settings.processes > 1 and 0 in [getattr(settings, name) for name in ports]:
        yield "several processes share their ports: give each port a number"
    for one, other in combinations(ports, 2):
        if getattr(settings, one) and getattr(settings, one) == getattr(settings, other):
            yield f"SERIN_{one.upper()} and SERIN_{other.upper()} are both {getattr(settings, one)}: give each its own port"
    if bool(settings.tls_cert_file) != bool(settings.tls_key_file):
        yield "SERIN_TLS_CERT_FILE and SERIN_TLS_KEY_FILE belong together: give both or none"
    if settings.rate_limit_per_second and settings.api_keys_file is None and settings.jwks_file is None:
        yield "SERIN_RATE_LIMIT_PER_SECOND is by key: give SERIN_API_KEYS_FILE or SERIN_JWKS_FILE too"
    if settings.is_pairing and settings.feedback_key_file is None:
        yield "SERIN_PAIRING_SAMPLE needs SERIN_FEEDBACK_KEY_FILE: only by a key do versions of one model know one another"


def _signatures(settings: Settings) -> Iterator[str]:
    if settings.verify_root is not None and not (
        settings.verify_signers.strip(", ") and settings.verify_issuer.strip()
    ):
        yield "SERIN_VERIFY_ROOT vouches for everybody: say in SERIN_VERIFY_SIGNERS and SERIN_VERIFY_ISSUER who may sign"


def _lists(settings: Settings) -> Iterator[str]:
    try:
        slicings_in(settings.feedback_slices)
    except ValueError as error:
        yield f"SERIN_FEEDBACK_SLICES: {error}: give a JSON list of {{by, values}} or {{by, cuts}}"
    try:
        scores_in(settings.feedback_scores)
    except ValueError as error:
        yield f"SERIN_FEEDBACK_SCORES: {error}: give a JSON list of {{of, between: [low, high]}}"
    try:
        bounds_in(settings.feedback_bounds)
    except ValueError as error:
        yield f"SERIN_FEEDBACK_BOUNDS: {error}: give a JSON list of distances, as [0.5, 10]"


def _batches(settings: Settings) -> Iterator[str]:
    if settings.preflight_batch_rows < 1:
        yield "SERIN_PREFLIGHT_BATCH_ROWS=0 is no batch: give 1 or more"
    rows = settings.preferred_batch_rows
    if rows != AUTO:
        given = [text.strip() for text in rows.split(",") if text.strip()]
        if not all(text.isdigit() and 0 < int(text) <= settings.max_batch_rows for text in given):
            most = settings.max_batch_rows
            yield f"SERIN_PREFERRED_BATCH_ROWS={rows!r}: give auto, or numbers from 1 to {most} (max_batch_rows) by comma"
    if settings.batch_window_seconds and settings.batch_window_seconds >= settings.request_timeout_seconds > 0:
        yield (
            f"SERIN_BATCH_WINDOW_SECONDS={settings.batch_window_seconds:g} is no less than "
            f"SERIN_REQUEST_TIMEOUT_SECONDS={settings.request_timeout_seconds:g}: give something like 0.005"
        )


def _variants(settings: Settings) -> Iterator[str]:
    for name in settings.variants:
        if name not in VARIANTS:
            yield f"SERIN_OPTIMIZE_VARIANTS: {name[:50]!r} is not known: give {', '.join(VARIANTS)}, or some of them by comma"
    if settings.optimize_max_accuracy_loss >= 1:
        yield f"SERIN_OPTIMIZE_MAX_ACCURACY_LOSS={settings.optimize_max_accuracy_loss:g} is a share of the rows: give less than 1"
    if settings.optimize_min_speedup < 1:
        yield f"SERIN_OPTIMIZE_MIN_SPEEDUP={settings.optimize_min_speedup:g} would let a variant be slower: give 1 or more"

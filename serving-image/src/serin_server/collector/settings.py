"""What can be set of a collector: flags win over the environment, the environment over defaults."""

import math
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Final

from serin_server.config.settings import InvalidSetting, parsed
from serin_server.uris import shown

PREFIX: Final = "collector_"


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Settings of one collector; each field is `SERIN_<FIELD>` in the environment and `--<field>`, without `collector`, as a flag."""

    collector_store: str
    collector_spool: Path = Path("/var/spool/serin")
    collector_key_file: Path | None = None
    collector_host: str = ""
    collector_port: int = 8090
    collector_credentials_dir: Path | None = None
    collector_ca_file: Path | None = None
    collector_mounts_dir: Path = Path("/mnt/models")
    collector_timeout_seconds: float = 30.0
    collector_hide: str = ""
    collector_retention_days: int = 0
    collector_write_seconds: float = 300.0
    collector_write_bytes: int = 32 << 20
    collector_max_spool_bytes: int = 1 << 30
    collector_max_batch_bytes: int = 8 << 20
    collector_drain_seconds: float = 60.0
    collector_log_format: str = "json"
    collector_model_name: str = ""
    collector_model_namespace: str = ""

    @property
    def ca_file(self) -> Path | None:
        """The authorities to trust; None: those of the system."""
        beside = self.collector_credentials_dir / "ca.crt" if self.collector_credentials_dir else None
        return self.collector_ca_file or (beside if beside and beside.exists() else None)

    @property
    def whose(self) -> dict[str, str]:
        """Labels of its metrics, as those of servers; none where nothing is said."""
        said = {"model_namespace": self.collector_model_namespace, "model_name": self.collector_model_name}
        return {label: value for label, value in said.items() if value}

    @property
    def hidden(self) -> frozenset[str]:
        """Names of tensors that are never written."""
        return frozenset(filter(None, map(str.strip, self.collector_hide.split(","))))


DESCRIPTIONS: Final[Mapping[str, str]] = {
    "collector_store": "where tables are written: s3://bucket/prefix, gs://…, az://…, pvc://claim/path or file:///path",
    "collector_spool": "folder where batches lie until they are objects in the store; only one collector may have it",
    "collector_key_file": "file of `<id>:<key>` lines; who sends predictions has to show one of the keys; anybody may when there is none",
    "collector_host": "address to listen on, all addresses when empty",
    "collector_port": "port for batches, health and /metrics, 0 for any free port",
    "collector_credentials_dir": "folder with a file for each variable that opens the store (AWS_ACCESS_KEY_ID, …), which win over the environment",
    "collector_ca_file": "PEM file of the authorities to trust when the store is reached by TLS; ca.crt of the folder of credentials when empty",
    "collector_mounts_dir": "folder under which claims are mounted: pvc://claim/p is <mounts_dir>/claim/p",
    "collector_timeout_seconds": "longest silence of the store before a write is tried again",
    "collector_hide": "names of tensors, by comma, that are never written, even if servers tell them",
    "collector_retention_days": "days after which what was predicted, and its labels, are deleted; 0 for never",
    "collector_write_seconds": "age at which batches become objects in the store",
    "collector_write_bytes": "size at which they do so before",
    "collector_max_spool_bytes": "most that may wait for the store; beyond it batches are refused with 503, and servers keep or drop them",
    "collector_max_batch_bytes": "largest batch, 413 above",
    "collector_drain_seconds": "longest time after SIGTERM to write what waits; what is left stays in the spool",
    "collector_log_format": "json or console",
    "collector_model_name": "name of the ModelDeployment, a label of its metrics; Serin sets it",
    "collector_model_namespace": "namespace of the ModelDeployment, a label of its metrics; Serin sets it",
}
"""What each means, in the reference's words."""


def settings_from(environment: Mapping[str, str] = os.environ, flags: Mapping[str, str] | None = None) -> Settings:
    """The settings of this process. Raises `InvalidSetting` naming what cannot be used and what would do."""
    given: dict[str, Any] = {}
    for field in fields(Settings):
        source = f"--{flag_of(field.name)}"
        text = (flags or {}).get(field.name)
        if text is None:
            source = f"SERIN_{field.name.upper()}"
            text = environment.get(source)
        if text:
            given[field.name] = parsed(source, field.type, text)
    if "collector_store" not in given:
        raise InvalidSetting("SERIN_COLLECTOR_STORE (--store) is not set: say where tables are written")
    settings = Settings(**given)
    for problem in _problems(settings):
        raise InvalidSetting(problem)
    return settings


def flag_of(field: str) -> str:
    """The flag of a field, without its dashes."""
    return field.removeprefix(PREFIX).replace("_", "-")


def _problems(settings: Settings) -> Iterator[str]:
    scheme = settings.collector_store.partition("://")[0]
    if scheme not in ("s3", "gs", "az", "pvc", "file"):
        yield (
            f"SERIN_COLLECTOR_STORE={shown(settings.collector_store)!r}: give s3://bucket/prefix, gs://…, az://…, "
            "pvc://claim/path or file:///path"
        )
    for field in fields(Settings):
        value = getattr(settings, field.name)
        if isinstance(value, (int, float)) and not (math.isfinite(value) and value >= 0):
            yield f"SERIN_{field.name.upper()}={value} is negative or endless: give 0 or more"
    if settings.collector_port > 65535:
        yield f"SERIN_COLLECTOR_PORT={settings.collector_port} is not a port: give 0 to 65535"
    if settings.collector_max_spool_bytes < 2 * settings.collector_max_batch_bytes:
        yield "SERIN_COLLECTOR_MAX_SPOOL_BYTES leaves no room for two batches: give more, or less to SERIN_COLLECTOR_MAX_BATCH_BYTES"
    if settings.collector_log_format not in ("json", "console"):
        yield f"SERIN_COLLECTOR_LOG_FORMAT={settings.collector_log_format!r} is not known: give json, console"

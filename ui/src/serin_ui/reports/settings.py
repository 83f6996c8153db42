"""What the environment says: where the API server, Prometheus and the store are, and which ends are told."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from serin_ui.series import Credentials
from serin_ui.settings import BadSettings, address_in, api_in, file_in, names_in, number_in, port_in

CONFIG_MAP: Final = "ConfigMap"
"""The store that is no store: a ConfigMap beside each model."""
_SCHEMES: Final = ("s3", "gs", "az", "pvc", "file")
_TOKEN: Final = Path("/var/run/secrets/kubernetes.io/serviceaccount/token")
_CA: Final = Path("/var/run/secrets/kubernetes.io/serviceaccount/ca.crt")


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Of one process."""

    api: str
    """Address of the API server, without a path."""
    api_ca: Path | None
    """Certificates that it is checked against; None: those of the system."""
    token: Path
    """A file with the token of this process."""
    port: int
    """Of /healthz and /metrics."""
    namespaces: tuple[str, ...]
    """Whose models are looked after; empty: all."""
    store: str
    """`ConfigMap`, or `s3://bucket/prefix`, gs://, az://, pvc://claim/path or file:///path."""
    credentials: Path | None
    """A folder with a file for each variable that opens the store, as Kubernetes mounts a Secret."""
    mounts: Path
    """Under which claims are mounted."""
    max_age_seconds: float
    """Ends that lie further back are not told."""
    settle_seconds: float
    """After an end, so that Prometheus has the last of it."""
    keep: int
    """Versions in a ConfigMap."""
    prometheus: str
    """Address of Prometheus; empty: reports have no series over time."""
    prometheus_credentials: Credentials

    @classmethod
    def of(cls, environment: Mapping[str, str]) -> "Settings":
        """From SERIN_REPORTS_*.

        Raises:
            BadSettings: Something is missing or cannot be read.
        """
        token = file_in(environment, "SERIN_REPORTS_TOKEN_FILE") or _TOKEN
        max_age, settle = _times(environment)
        return cls(
            api=api_in(environment, "SERIN_REPORTS_API"),
            api_ca=file_in(environment, "SERIN_REPORTS_API_CA") or (_CA if _CA.is_file() else None),
            token=token,
            port=port_in(environment, "SERIN_REPORTS_PORT"),
            namespaces=names_in(environment, "SERIN_REPORTS_NAMESPACES"),
            store=_store(environment.get("SERIN_REPORTS_STORE", "").strip()),
            credentials=_folder(environment, "SERIN_REPORTS_CREDENTIALS_DIR"),
            mounts=Path(environment.get("SERIN_REPORTS_MOUNTS_DIR") or "/mnt/models"),
            max_age_seconds=max_age,
            settle_seconds=settle,
            keep=int(number_in(environment, "SERIN_REPORTS_KEEP", 20, least=1, most=40)),
            prometheus=address_in(environment, "SERIN_REPORTS_PROMETHEUS_URL"),
            prometheus_credentials=Credentials(
                file_in(environment, "SERIN_REPORTS_PROMETHEUS_TOKEN_FILE"),
                environment.get("SERIN_REPORTS_PROMETHEUS_USERNAME", ""),
                file_in(environment, "SERIN_REPORTS_PROMETHEUS_PASSWORD_FILE"),
                file_in(environment, "SERIN_REPORTS_PROMETHEUS_CA_FILE"),
                _headers(environment.get("SERIN_REPORTS_PROMETHEUS_HEADERS", "")),
            ),
        )


def _times(environment: Mapping[str, str]) -> tuple[float, float]:
    """How old an end may be, and how old it has to be, in seconds."""
    hours = number_in(environment, "SERIN_REPORTS_MAX_AGE_HOURS", 24.0, least=0.01, most=8784)
    settle = number_in(environment, "SERIN_REPORTS_SETTLE_SECONDS", 60.0, least=0, most=3600)
    if settle >= 3600 * hours:
        raise BadSettings(
            f"SERIN_REPORTS_SETTLE_SECONDS ({settle:g}) must be less than SERIN_REPORTS_MAX_AGE_HOURS ({hours:g}, which is "
            f"{3600 * hours:g} seconds): lower the one or raise the other, or every end is too old when its report is due"
        )
    return 3600 * hours, settle


def _store(said: str) -> str:
    if said != CONFIG_MAP and said.partition("://")[0] not in _SCHEMES:
        raise BadSettings(
            "SERIN_REPORTS_STORE says where reports are kept: ConfigMap, s3://bucket/prefix, gs://…, az://… or pvc://claim/path"
        )
    return said


def _folder(environment: Mapping[str, str], name: str) -> Path | None:
    said = environment.get(name, "").strip()
    if said and not Path(said).is_dir():
        raise BadSettings(f"{name} names {said}, which is no folder: mount the Secret there, or leave {name} out")
    return Path(said) if said else None


def _headers(said: str) -> dict[str, str]:
    try:
        found = json.loads(said) if said.strip() else {}
    except ValueError:
        found = None
    if not isinstance(found, dict) or not all(isinstance(value, str) for value in found.values()):
        raise BadSettings('SERIN_REPORTS_PROMETHEUS_HEADERS must be JSON like {"X-Scope-OrgID": "team-a"}')
    for name, value in found.items():
        if not f"{name}{value}".isprintable():
            raise BadSettings(
                f"SERIN_REPORTS_PROMETHEUS_HEADERS: the header {name!r} must be one line, without control characters"
            )
    return found

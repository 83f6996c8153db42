"""What the environment says: where the API server and Prometheus are, and how people say who they are."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


class BadSettings(Exception):
    """A variable that cannot be used; the message names it and the way out."""


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Of one process."""

    api: str
    """Address of the API server, without a path."""
    api_ca: Path | None
    """Certificates that it is checked against; None: those of the system."""
    port: int
    namespaces: tuple[str, ...]
    """What is listed where a person names no namespace; empty: all at once."""
    prometheus: str
    """Address of Prometheus; empty: pages have no series over time."""
    prometheus_token: Path | None
    """A file with a bearer token for it."""
    signs_in: bool
    """Whether people may paste a token. Without, an auth proxy sends it with each request."""

    @classmethod
    def of(cls, environment: Mapping[str, str]) -> "Settings":
        """From SERIN_UI_*.

        Raises:
            BadSettings: Something is missing or cannot be read.
        """
        return cls(
            api=_api(environment),
            api_ca=_file(environment, "SERIN_UI_API_CA"),
            port=_port(environment.get("SERIN_UI_PORT") or "8080"),
            namespaces=tuple(
                one.strip() for one in environment.get("SERIN_UI_NAMESPACES", "").split(",") if one.strip()
            ),
            prometheus=_address(environment, "SERIN_UI_PROMETHEUS_URL"),
            prometheus_token=_file(environment, "SERIN_UI_PROMETHEUS_TOKEN_FILE"),
            signs_in=_switch(environment, "SERIN_UI_SIGN_IN", default=True),
        )


def _api(environment: Mapping[str, str]) -> str:
    if said := _address(environment, "SERIN_UI_API"):
        return said
    host, port = environment.get("KUBERNETES_SERVICE_HOST"), environment.get("KUBERNETES_SERVICE_PORT", "443")
    if not host:
        raise BadSettings(
            "SERIN_UI_API is not set, and this is no pod: set it to the address of the API server, https://…"
        )
    return f"https://{f'[{host}]' if ':' in host else host}:{port}"


def _address(environment: Mapping[str, str], name: str) -> str:
    said = environment.get(name, "").strip().rstrip("/")
    if said and not said.startswith(("http://", "https://")):
        raise BadSettings(f"{name} must begin with http:// or https://")
    return said


def _file(environment: Mapping[str, str], name: str) -> Path | None:
    said = environment.get(name, "").strip()
    if not said:
        return None
    if not Path(said).is_file():
        raise BadSettings(f"{name} names {said}, which is no file: mount it, or leave {name} out")
    return Path(said)


def _port(said: str) -> int:
    if not said.isdecimal() or not 1 <= int(said) <= 65535:
        raise BadSettings("SERIN_UI_PORT must be a number from 1 to 65535")
    return int(said)


def _switch(environment: Mapping[str, str], name: str, *, default: bool) -> bool:
    said = environment.get(name, "").strip().lower()
    if said not in {"", "on", "off"}:
        raise BadSettings(f"{name} must be on or off")
    return said == "on" if said else default

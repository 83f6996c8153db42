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
            api=api_in(environment, "SERIN_UI_API"),
            api_ca=file_in(environment, "SERIN_UI_API_CA"),
            port=port_in(environment, "SERIN_UI_PORT"),
            namespaces=names_in(environment, "SERIN_UI_NAMESPACES"),
            prometheus=address_in(environment, "SERIN_UI_PROMETHEUS_URL"),
            prometheus_token=file_in(environment, "SERIN_UI_PROMETHEUS_TOKEN_FILE"),
            signs_in=_switch(environment, "SERIN_UI_SIGN_IN", default=True),
        )


def api_in(environment: Mapping[str, str], name: str) -> str:
    """The address of the API server: what is set, else the one that pods are told. Raises `BadSettings`."""
    if said := address_in(environment, name):
        return said
    host, port = environment.get("KUBERNETES_SERVICE_HOST"), environment.get("KUBERNETES_SERVICE_PORT", "443")
    if not host:
        raise BadSettings(f"{name} is not set, and this is no pod: set it to the address of the API server, https://…")
    return f"https://{f'[{host}]' if ':' in host else host}:{port}"


def address_in(environment: Mapping[str, str], name: str) -> str:
    """An address, or nothing. Raises `BadSettings`."""
    said = environment.get(name, "").strip().rstrip("/")
    if said and not said.startswith(("http://", "https://")):
        raise BadSettings(f"{name} must begin with http:// or https://")
    return said


def file_in(environment: Mapping[str, str], name: str) -> Path | None:
    """A file that is there, or none. Raises `BadSettings`."""
    said = environment.get(name, "").strip()
    if not said:
        return None
    if not Path(said).is_file():
        raise BadSettings(f"{name} names {said}, which is no file: mount it, or leave {name} out")
    return Path(said)


def port_in(environment: Mapping[str, str], name: str) -> int:
    """A port; 8080 where none is set. Raises `BadSettings`."""
    return int(number_in(environment, name, 8080, least=1, most=65535))


def number_in(environment: Mapping[str, str], name: str, default: float, *, least: float, most: float) -> float:
    """A number within these bounds. Raises `BadSettings`."""
    said = environment.get(name, "").strip()
    try:
        number = float(said) if said else default
    except ValueError:
        number = least - 1
    if not least <= number <= most or (isinstance(default, int) and number != int(number)):
        raise BadSettings(f"{name} must be a number from {least:g} to {most:g}")
    return number


def names_in(environment: Mapping[str, str], name: str) -> tuple[str, ...]:
    """Names, separated by commas."""
    return tuple(one.strip() for one in environment.get(name, "").split(",") if one.strip())


def _switch(environment: Mapping[str, str], name: str, *, default: bool) -> bool:
    said = environment.get(name, "").strip().lower()
    if said not in {"", "on", "off"}:
        raise BadSettings(f"{name} must be on or off")
    return said == "on" if said else default

"""The host's way to PyPI, for pip inside a build: index, proxy and certificates of the host."""

from __future__ import annotations

import configparser
import os
from collections.abc import Mapping
from pathlib import Path

_CERTIFICATES = Path("/etc/ssl/certs")
_SETTINGS = ("index-url", "extra-index-url", "trusted-host", "proxy", "cert", "timeout", "retries")
_INSIDE_CERTIFICATE = "/etc/ssl/host-ca.crt"


def merged(files: list[Path], environment: Mapping[str, str]) -> dict[str, str]:
    """The settings that reach PyPI, later files over earlier ones and PIP_… variables over all, as pip does."""
    found: dict[str, str] = {}
    for file in files:
        parser = configparser.RawConfigParser()
        parser.read(file)
        for section in ("global", "install"):
            if parser.has_section(section):
                found |= {name: value for name, value in parser.items(section) if name in _SETTINGS}
    for name in _SETTINGS:
        if value := environment.get(f"PIP_{name.upper().replace('-', '_')}"):
            found[name] = value
    return found


def mounts(folder: Path, environment: Mapping[str, str] = os.environ) -> dict[Path, str]:
    """Files to mount into build steps, source to target; what must be written is written into `folder`."""
    home = Path(environment.get("HOME", "/root"))
    places = [Path("/etc/pip.conf"), home / ".pip/pip.conf", home / ".config/pip/pip.conf"]
    if chosen := environment.get("PIP_CONFIG_FILE"):
        places.append(Path(chosen))
    settings = merged([place for place in places if place.is_file()], environment)
    result: dict[Path, str] = {}
    if _CERTIFICATES.is_dir():
        result[_CERTIFICATES] = str(_CERTIFICATES)
    if (certificate := settings.get("cert")) and Path(certificate).is_file():
        result[Path(certificate).resolve()] = _INSIDE_CERTIFICATE
        settings["cert"] = _INSIDE_CERTIFICATE
    if settings:
        lines = [f"{name} = {value}".replace("\n", "\n  ") for name, value in sorted(settings.items())]
        file = folder / "pip.conf"
        file.write_text("\n".join(["[global]", *lines, ""]))
        result[file] = "/etc/pip.conf"
    return result

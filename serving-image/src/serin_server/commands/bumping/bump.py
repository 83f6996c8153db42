"""`serin-server bump`: looks where a moving name points, and writes the new version, its address and digest where they are asked for.

Into a file, for CI to commit; or into an object, with rights for that one object. It says what it changes, and changes nothing else.
"""

import re
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Final

from serin_server.commands.bumping.manifest import Manifest, Pinned
from serin_server.commands.bumping.newest import Newest, newest
from serin_server.commands.bumping.resource import Resource
from serin_server.config.settings import InvalidSetting, Settings
from serin_server.model.source import fetch
from serin_server.model.sources.asked import Source
from serin_server.process.model import source_of, trust_of
from serin_server.security.signed import check_by
from serin_server.uris import shown

EXIT_WOULD_CHANGE: Final = 3
_LABEL: Final = re.compile(r"[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?")
_LONGEST: Final = 63


def bump(settings: Settings) -> int:
    """0: it is written, or there is nothing new; 3: there is, and nothing is to be written. Raises `LoadFailure`, `InvalidSetting`."""
    target = _target(settings)
    now, source = target.pinned, replace(source_of(settings), sha256="", store=None)
    found = newest(source)
    _check_same_kind(now.uri, found.uri)
    if found.uri == now.uri and now.sha256:
        return _said(f"{target.name}: nothing new, {shown(settings.model_uri)} is {now.version}")
    if found.busy_seconds is not None and found.busy_seconds < settings.bump_settle_seconds:
        return _said(
            f"{target.name}: {found.name} was written to {found.busy_seconds:.0f} s ago: left for the next time"
        )
    wanted = _wanted(settings, source, found)
    if wanted.sha256 == now.sha256:
        return _said(f"{target.name}: nothing new, {found.name} holds the bytes of {now.version}")
    if wanted.version == now.version and now.sha256:
        raise InvalidSetting(
            f"version {now.version} stands for sha256 {now.sha256}, and {shown(found.uri)} now has {wanted.sha256}: publish new bytes "
            "under a new name, or give another pattern (SERIN_BUMP_VERSION)"
        )
    difference = target.difference(wanted)
    if settings.bump_write == "on":
        target.write(wanted)
    _said(f"{target.name}: {now.version} to {wanted.version} (sha256:{wanted.sha256[:12]})")
    sys.stdout.write(difference)
    return 0 if settings.bump_write == "on" else EXIT_WOULD_CHANGE


def _said(text: str) -> int:
    sys.stdout.write(f"{text}\n")
    return 0


def _target(settings: Settings) -> Manifest | Resource:
    if settings.bump_file is not None:
        return Manifest(settings.bump_file, settings.bump_object)
    if settings.bump_object:
        return Resource(settings.bump_object)
    raise InvalidSetting(
        "say where the new version is to be written: SERIN_BUMP_FILE (--bump-file), or SERIN_BUMP_OBJECT as namespace/name"
    )


def _check_same_kind(now: str, found: str) -> None:
    one, other = (uri.partition("://")[0] for uri in (now, found))
    if one != other:
        raise InvalidSetting(
            f"spec.model.uri is a {one}:// address, and the new one would be {other}://: change it by hand once, with its credentials"
        )


def _wanted(settings: Settings, source: Source, found: Newest) -> Pinned:
    version = settings.bump_version.replace("{}", found.name)
    if not _LABEL.fullmatch(version) or len(version) > _LONGEST:
        raise InvalidSetting(
            f"{version[:100]!r} is no label for a version (letters, digits, '-', '_' and '.', 63 at most): give a pattern like v{{}} "
            "(SERIN_BUMP_VERSION)"
        )
    settings.cache_dir.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=settings.cache_dir, prefix="bump-") as scratch:
        fetched = fetch(replace(source, uri=found.uri, cache_dir=Path(scratch)))
        check_by(trust_of(settings))(fetched)
    return Pinned(version, found.uri, fetched.sha256)

"""URIs as they may be shown: without the name, password and query that open a store.

A presigned query or a password in an address is a secret, and messages travel: into logs, conditions, reports and
tickets. Everything that shows an address shows it by `shown`; text that others wrote goes through `scrubbed`.
"""

import re
from pathlib import Path
from typing import Final
from urllib.parse import unquote

CUT: Final = "…"
_LONGEST: Final = 300
_PARTS: Final = re.compile(r"^([a-z][a-z0-9+.-]*:)?(//)?([^/?#\\]*)(.*)$", re.IGNORECASE | re.DOTALL)
_HOST: Final = re.compile(r"^(\[[0-9a-z:.%]*\]|[^:@\[\]]*)(:[0-9]*)?$", re.IGNORECASE)
_IN_TEXT: Final = re.compile(r"[a-z][a-z0-9+.-]*://[^\s'\"<>]+", re.IGNORECASE)


def shown(uri: str) -> str:
    """The URI with `…` for its user information and its query; what cannot be read as an address is cut behind the scheme."""
    scheme, slashes, authority, rest = (part or "" for part in _PARTS.fullmatch(uri).groups())  # type: ignore[union-attr]
    if not slashes:  # a plain path, unless it looks like `name:password@host`
        cut = re.sub(r"^[^/]*:[^/]*@", f"{CUT}@", uri)
        return _printable(cut if not scheme else cut.partition("?")[0] + f"?{CUT}" * ("?" in cut))
    user, at, host = authority.rpartition("@")
    if not _HOST.match(host):  # a password with a slash in it looks like a host and a path
        return _printable(f"{scheme}//{CUT}")
    del user
    return _printable(f"{scheme}//{f'{CUT}@' if at else ''}{host}{_without_query(rest)}")


def name_in(uri: str) -> str:
    """The last part of a URI without its ending, as far as it may be shown: what a model is called that has no name."""
    bare = uri if "://" not in uri else shown(uri).removesuffix(f"?{CUT}").partition("://")[2].removeprefix(f"{CUT}@")
    return Path(bare).stem


def scrubbed(text: str, *uris: str) -> str:
    """Text in which every address is shown as `shown` does, and what is secret in `uris` stands nowhere."""
    for uri in uris:
        for secret in _secrets(uri):
            text = text.replace(secret, CUT)
    return _IN_TEXT.sub(_shown_in_text, text)


def _shown_in_text(match: re.Match[str]) -> str:
    found = match[0]
    scheme, _, rest = found.partition("://")
    authority, slash, path = rest.partition("/")
    host = authority.rpartition("@")[2]
    bare = f"{scheme}://{f'{CUT}@' if '@' in authority else ''}{host}{slash}{path}"
    return _without_query(bare)


def _without_query(rest: str) -> str:
    place = re.search(r"[?#]", rest)
    if place is None:
        return rest
    ending = re.search(r"[:,.;)\]]*$", rest[place.start() :])
    return f"{rest[: place.start()]}?{CUT}{ending[0] if ending else ''}"


def _secrets(uri: str) -> list[str]:
    """What of a URI may stand nowhere, the longest first; what is shorter than four characters would hit other words."""
    _, _, rest = uri.partition("://")
    authority = re.split(r"[/?#]", rest, maxsplit=1)[0]
    user = authority.rpartition("@")[0]
    query = re.search(r"[?#](.*)$", rest, re.DOTALL)
    values = [user, *user.split(":", 1), *(re.split(r"[=&?#]", query[1]) if query else ()), query[1] if query else ""]
    found = {form for value in values for form in (value, unquote(value)) if len(form) >= 4}
    return sorted(found, key=len, reverse=True)


def _printable(text: str) -> str:
    """One bounded line of text, whatever came."""
    line = "".join(each if each.isprintable() else f"\\x{ord(each):02x}" for each in text)
    return line if len(line) <= _LONGEST else line[: _LONGEST - 1] + CUT

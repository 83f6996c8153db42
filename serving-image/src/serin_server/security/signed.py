"""Whether every file of a model is one that somebody has signed who may, before anything reads it.

The bundle lies beside the model: `model.sig` in its folder, or beside its only file (of artifacts that cosign has signed:
cosigned.py). Everything that a server would read is
covered, `baseline.json` and samples too: they decide rollouts. What lies there and is not signed is refused, whatever the
signer meant to leave out; only what git keeps is passed over, which nobody reads.
"""

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Final

from serin_server.failures import LoadFailure, Reason
from serin_server.model.digest import file_digest
from serin_server.model.load import Check, unsigned
from serin_server.model.sources.asked import Fetched
from serin_server.security.bundle import MOST_BYTES, bundle_of, files_of
from serin_server.security.refused import invalid
from serin_server.security.signers import Trust, signer_of
from serin_server.uris import shown

BUNDLE: Final = "model.sig"
_BESIDE: Final = ("baseline.json", "golden.jsonl", "warmup.jsonl", "background.jsonl")
_OF_GIT: Final = (".git", ".gitattributes", ".github", ".gitignore")
_ALONE: Final = "."
_COMMANDS: Final = {"publicKeys": "key", "certificateAuthorities": "certificate", "trustedRoot": "sigstore"}


def check_by(trust: Trust) -> Check:
    """What judges a fetched model before anything reads it."""
    if trust.asks and trust.of_artifact:
        from serin_server.security.cosigned import signer_of_artifact  # noqa: PLC0415 (only where something is verified)

        return partial(signer_of_artifact, trust=trust)
    return partial(_signer, trust) if trust.asks else unsigned


def _signer(trust: Trust, fetched: Fetched) -> str:
    text = _bundle_beside(fetched.path, trust)
    try:
        bundle = bundle_of(text)
    except ValueError as error:
        raise invalid(f"{BUNDLE} is no bundle of model signing: {error}") from None
    signer = signer_of(bundle, trust)
    try:
        signed = files_of(bundle.payload)
    except ValueError as error:
        raise invalid(f"{BUNDLE}: {error}") from None
    _check(signed, fetched)
    return signer


def _bundle_beside(model: Path, trust: Trust) -> bytes:
    file = model / BUNDLE if model.is_dir() else model.with_name(BUNDLE)
    try:
        if not file.is_file():  # a pipe would be waited for
            raise FileNotFoundError(file)
        with file.open("rb") as opened:
            return opened.read(MOST_BYTES + 1)
    except OSError:
        message = (
            f"no {BUNDLE} lies beside the model, and spec.model.verify wants one: sign the model's folder"
            f" (model_signing sign {_COMMANDS[trust.wanted]} …), upload the bundle into it, and name the folder in spec.model.uri"
        )
        raise LoadFailure(Reason.SIGNATURE_MISSING, message) from None


def _check(signed: Mapping[str, str], fetched: Fetched) -> None:
    there = dict(fetched.listing())
    if fetched.path.is_dir():
        there = {
            name: digest for name, digest in there.items() if name != BUNDLE and name.partition("/")[0] not in _OF_GIT
        }
        gone = sorted(set(signed) - set(there))
        if gone:
            raise invalid(f"{shown(gone[0])!r} is signed, and is not there{_more(gone)}")
    elif set(signed) == {_ALONE}:
        signed = {fetched.path.name: signed[_ALONE]}
    for beside in () if fetched.path.is_dir() else _BESIDE:
        if (file := fetched.path.with_name(beside)).is_file():
            there[beside] = file_digest(file)
    unsigned = sorted(set(there) - set(signed))
    if unsigned:
        raise invalid(f"{shown(unsigned[0])!r} is not signed{_more(unsigned)}")
    changed = sorted(name for name, digest in there.items() if signed[name] != digest)
    if changed:
        raise invalid(f"{shown(changed[0])!r} is not what was signed{_more(changed)}")


def _more(names: list[str]) -> str:
    return f" (and {len(names) - 1} more)" if len(names) > 1 else ""

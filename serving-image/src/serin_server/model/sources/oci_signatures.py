"""The signatures that cosign keeps beside an artifact: under a tag of its digest, or as what refers to it (OCI 1.1).

cosign 2 writes the tag `sha256-<digest>.sig`, whose layers are payloads with the signature in an annotation. cosign 3 writes
Sigstore bundles that refer to the artifact; a registry that keeps no list of those has one under the tag `sha256-<digest>`.
https://github.com/sigstore/cosign/blob/main/specs/SIGNATURE_SPEC.md, …/BUNDLE_SPEC.md. Nothing here is believed.
"""

import hashlib
import itertools
import json
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from serin_server.failures import LoadFailure
from serin_server.model.answers import Refused
from serin_server.model.sources.asked import Attached

MOST_SIGNATURES: Final = 16
BUNDLE: Final = "application/vnd.dev.sigstore.bundle.v0.3+json"
PAYLOAD: Final = "application/vnd.dev.cosign.simplesigning.v1+json"
SIGNATURE: Final = "https://sigstore.dev/cosign/sign/v1"
_PREDICATE: Final = "dev.sigstore.bundle.predicateType"
_UNTOLD: Final = (None, "", "application/vnd.oci.empty.v1+json")
"""What cosign writes for the type of a bundle into a list under a tag: the type of its empty configuration."""
_MOST_BYTES: Final = 1 << 20
_MOST_LISTED: Final = 128
_NOT_THERE: Final = (400, 404, 405, 410, 501)
"""Statuses of registries without such a tag, or without lists of what refers to what."""
_GONE: Final = (404, 410)
_DIGEST: Final = re.compile(r"sha256:[0-9a-f]{64}")

Asked = Callable[[str], bytes]
"""Something small of the repository by its path there. Raises `LoadFailure`."""
Unfit = Callable[[str], LoadFailure]


class _Unreadable(Exception):
    """One attachment cannot be read; the sentence says why."""


def attached_to(digest: str, asked: Asked, unfit: Unfit) -> tuple[Attached, ...]:
    """The signatures of the artifact with a digest (hexadecimal), at most 16. Raises `LoadFailure`."""
    every = itertools.chain(_under_a_tag(digest, asked, unfit), _referring(digest, asked, unfit))
    found = tuple(itertools.islice(every, MOST_SIGNATURES + 1))
    if len(found) > MOST_SIGNATURES:
        raise unfit(f"it has more than {MOST_SIGNATURES} signatures: remove those that nobody needs (cosign clean)")
    return found


def _under_a_tag(digest: str, asked: Asked, unfit: Unfit) -> Iterator[Attached]:
    text = _if_there(f"manifests/sha256-{digest}.sig", asked)
    for layer in _objects(text, "layers", unfit):
        if layer.get("mediaType") == PAYLOAD:
            kept = _annotations(layer)
            try:
                yield Attached(_proven(layer, "blobs", asked), kept)
            except _Unreadable as why:
                yield Attached(b"", kept, str(why))


def _referring(digest: str, asked: Asked, unfit: Unfit) -> Iterator[Attached]:
    text = _if_there(f"referrers/sha256:{digest}", asked) or _if_there(f"manifests/sha256-{digest}", asked)
    for descriptor in _objects(text, "manifests", unfit):
        if descriptor.get("artifactType") not in (BUNDLE, *_UNTOLD) or _says_otherwise(descriptor):
            continue
        try:
            manifest = _proven(descriptor, "manifests", asked)
            told = _object(manifest)
            layers = told.get("layers")
            first = layers[0] if isinstance(layers, list) and layers and isinstance(layers[0], dict) else {}
            if BUNDLE not in (told.get("artifactType"), first.get("mediaType")) or _says_otherwise(told):
                continue
            yield Attached(_proven(first, "blobs", asked))
        except _Unreadable as why:
            yield Attached(b"", unfit=str(why))


def _annotations(described: Mapping[str, Any]) -> dict[str, str]:
    kept = described.get("annotations")
    return {str(name): str(value) for name, value in kept.items()} if isinstance(kept, dict) else {}


def _says_otherwise(described: Mapping[str, Any]) -> bool:
    """Whether it says itself that it is no signature, an attestation for example: to pass it by is only ever a refusal."""
    return _annotations(described).get(_PREDICATE, SIGNATURE) != SIGNATURE


def _if_there(path: str, asked: Asked) -> bytes:
    try:
        return asked(path)
    except Refused as refused:
        if refused.status in _NOT_THERE:
            return b""
        raise


def _objects(text: bytes, key: str, unfit: Unfit) -> list[Mapping[str, Any]]:
    if not text:
        return []
    try:
        listed = json.loads(text).get(key) or []
        found: list[Mapping[str, Any]] = [each for each in listed if isinstance(each, dict)]
    except (ValueError, AttributeError, TypeError, RecursionError):
        raise unfit("the manifest of its signatures is no JSON object: sign it again (cosign sign)") from None
    if len(found) > _MOST_LISTED:
        raise unfit(
            f"more than {_MOST_LISTED} things are attached to it: remove those that nobody needs (cosign clean)"
        )
    return found


def _object(text: bytes) -> Mapping[str, Any]:
    try:
        told = json.loads(text)
    except (ValueError, RecursionError):
        told = None
    if not isinstance(told, dict):
        raise _Unreadable("the manifest of a signature is no JSON object: sign it again (cosign sign)")
    return told


def _proven(descriptor: Mapping[str, Any], kind: str, asked: Asked) -> bytes:
    """What a descriptor names, as its digest says."""
    digest = str(descriptor.get("digest"))
    if not _DIGEST.fullmatch(digest):
        raise _Unreadable("one of its signatures is named by no sha256: sign it again (cosign sign)")
    try:
        content = asked(f"{kind}/{digest}")
    except Refused as refused:
        if refused.status not in _GONE:
            raise
        raise _Unreadable(
            "one of its signatures is listed and not there any more: sign it again (cosign sign)"
        ) from None
    if len(content) > _MOST_BYTES or f"sha256:{hashlib.sha256(content).hexdigest()}" != digest:
        raise _Unreadable(
            "one of its signatures is not what its digest says, or larger than 1 MiB: sign it again (cosign sign)"
        )
    return content

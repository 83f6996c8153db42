"""Artifacts of an OCI registry: `oci://host/repository:tag` or `…@sha256:…`, as ModelPack, KitOps and ORAS pack models.

A tag is resolved once; from then on everything is named by digest, and verified by it: the manifest here, each layer when it is
written. With one raw layer the layer's digest is the model's own.
"""

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

from serin_server.failures import LoadFailure, Reason, one_line
from serin_server.model.answers import Refused
from serin_server.model.download import Client
from serin_server.model.sources.asked import Source
from serin_server.model.sources.oci_login import Login, login_of
from serin_server.model.sources.oci_signatures import attached_to
from serin_server.model.sources.remote import Remote, RemoteFile
from serin_server.model.sources.web import terms_of
from serin_server.uris import shown

_REFERENCE: Final = re.compile(
    r"(?P<scheme>oci|oci\+http)://(?P<host>[\w.-]+(?::\d+)?|\[[0-9a-fA-F:]+\](?::\d+)?)/(?P<name>[a-z0-9]+(?:[._/-]+[a-z0-9]+)*)"
    r"(?::(?P<tag>\w[\w.-]{0,127}))?(?:@(?P<digest>sha256:[0-9a-f]{64}))?"
)
_MANIFEST: Final = "application/vnd.oci.image.manifest.v1+json"
_INDEX: Final = "application/vnd.oci.image.index.v1+json"
_DOCKER: Final = "application/vnd.docker.distribution.manifest.v2+json"
_ACCEPT: Final = {"Accept": f"{_MANIFEST}, {_INDEX}, {_DOCKER}"}
_IMAGE_CONFIGS: Final = ("application/vnd.oci.image.config.v1+json", "application/vnd.docker.container.image.v1+json")
_NAMES: Final = ("org.cncf.model.filepath", "org.cnai.model.filepath", "org.opencontainers.image.title")
_UNPACK: Final = "io.deis.oras.content.unpack"
_NOT_SERVED: Final = re.compile(r"application/vnd\.(cncf\.model|kitops\.modelkit)\.(code|dataset)\.")
_DIGEST: Final = re.compile(r"sha256:([0-9a-f]{64})")


@contextmanager
def opened(source: Source) -> Iterator[Remote]:
    """The layers of an artifact that hold the model and what belongs to it; not those of code and data sets."""
    found = _REFERENCE.fullmatch(source.uri)
    if found is None:
        message = f"{shown(source.uri)}: write it as oci://host/repository:tag or oci://host/repository@sha256:<digest>"
        raise LoadFailure(Reason.SOURCE_UNSUPPORTED, message)
    scheme, host, name, tag, digest = found.groups()
    with Client(source.uri, terms_of(source)) as client:
        login = login_of(source, client, host, name, is_plain=scheme == "oci+http")
        artifact = _Artifact(source.uri, client, login)
        manifest, came = artifact.manifest(digest or tag or "latest")
        files = tuple(artifact.files(manifest))
        resolved = "" if digest else f"{scheme}://{host}/{name}@sha256:{came}"
        if source.with_signatures:
            attached = attached_to(came, artifact.asked, artifact.unfit)
            yield Remote(files, is_folder=None, resolved_uri=resolved, artifact=came, attached=attached)
        else:
            yield Remote(files, is_folder=None, resolved_uri=resolved)


@dataclass(frozen=True, slots=True)
class _Artifact:
    """One artifact of one repository."""

    uri: str
    client: Client
    login: Login

    def manifest(self, reference: str) -> tuple[Mapping[str, Any], str]:
        """The manifest of a tag or digest, and its digest. Raises `LoadFailure`."""
        text = self.asked(f"manifests/{reference}")
        came = hashlib.sha256(text).hexdigest()
        if reference.startswith("sha256:") and reference != f"sha256:{came}":
            message = (
                f"{shown(self.uri)}: the registry sent a manifest with the digest sha256:{came}: it is damaged, or lies"
            )
            raise LoadFailure(Reason.DIGEST_MISMATCH, message)
        try:
            manifest = json.loads(text)
            inner = manifest.get("manifests")
        except (ValueError, AttributeError):
            raise self.unfit("its manifest is no JSON object: check the address") from None
        if inner is None:
            return manifest, came
        if len(inner) != 1:
            raise self.unfit(f"it is an index of {len(inner)} manifests: name one of them by its digest")
        return self.manifest(_digest(self.uri, inner[0]))[0], came

    def files(self, manifest: Mapping[str, Any]) -> Iterator[RemoteFile]:
        """What its layers hold. Raises `LoadFailure` for what cannot be read."""
        layers = manifest.get("layers") or []
        config = (manifest.get("config") or {}).get("mediaType", "")
        if config in _IMAGE_CONFIGS and not any(_name(layer) for layer in layers):
            raise self.unfit(
                "it is a container image: push the model as an artifact (oras push, modctl, kit), or copy it to a claim"
            )
        for layer in layers:
            kind = str(layer.get("mediaType", ""))
            if _NOT_SERVED.match(kind):
                continue
            if kind.endswith("zstd"):
                raise self.unfit(
                    f"a layer of it is {one_line(kind, 100)}, and zstd is not read: pack it with gzip or raw"
                )
            yield self._file(layer, kind)

    def _file(self, layer: Mapping[str, Any], kind: str) -> RemoteFile:
        digest = _digest(self.uri, layer)
        annotations = layer.get("annotations") or {}
        is_archive = annotations.get(_UNPACK) == "true" or (
            _UNPACK not in annotations and re.search(r"\.tar(\+gzip)?$", kind) is not None
        )
        name = _name(layer)
        if not name and not is_archive:
            raise self.unfit(
                f"a layer of it ({one_line(kind, 100)}) has no file name (annotation {_NAMES[-1]}): name it"
            )

        def read() -> Iterator[bytes]:
            url = f"{self.login.repository}/blobs/{digest}"
            return self.client.stream(url, self.login.headers())

        return RemoteFile("." if is_archive else name, read, digest.removeprefix("sha256:"), is_archive)

    def asked(self, path: str) -> bytes:
        """Something small of the repository; the registry says how to log in when it is asked without. Raises `LoadFailure`."""
        url = f"{self.login.repository}/{path}"
        try:
            return self.client.small(url, {**_ACCEPT, **self.login.headers()})[0]
        except Refused as refused:
            if refused.status != 401 or not self.login.is_let_in(refused.challenge):
                raise
        return self.client.small(url, {**_ACCEPT, **self.login.headers()})[0]

    def unfit(self, why: str) -> LoadFailure:
        """Why what lies there cannot be served."""
        return LoadFailure(Reason.SOURCE_UNSUPPORTED, f"{shown(self.uri)}: {why}")


def _name(layer: Mapping[str, Any]) -> str:
    annotations = layer.get("annotations") or {}
    return next((str(annotations[each]) for each in _NAMES if annotations.get(each)), "")


def _digest(uri: str, descriptor: Mapping[str, Any]) -> str:
    digest = str(descriptor.get("digest", ""))
    if not _DIGEST.fullmatch(digest):
        message = f"{shown(uri)}: its manifest names a layer by {one_line(digest, 80)!r}, and only sha256 is read"
        raise LoadFailure(Reason.SOURCE_UNSUPPORTED, message)
    return digest

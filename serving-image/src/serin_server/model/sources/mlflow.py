"""Registered models of an MLflow tracking server: `mlflow://host/name/version` or `mlflow://host/name@alias`.

An alias is resolved once to its version. Artifacts come through the server where it keeps them itself (`mlflow-artifacts:`), else
straight from the bucket that it names, with the same credentials.
"""

import base64
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, Final
from urllib.parse import quote, unquote, urlencode, urlsplit

from serin_server.failures import LoadFailure, Reason, one_line
from serin_server.model.download import Client
from serin_server.model.sources.asked import Source
from serin_server.model.sources.credentials import Credentials
from serin_server.model.sources.registry import opener
from serin_server.model.sources.remote import Remote, RemoteFile
from serin_server.model.sources.web import terms_of
from serin_server.uris import scrubbed, shown

_REFERENCE: Final = re.compile(
    r"mlflow(?P<plain>\+http)?://(?P<host>[^/@?#]+)/(?P<name>[^/@?#]+)(?:@(?P<alias>[^/@?#]+)|/(?P<version>\d+))"
)
_API: Final = "api/2.0/mlflow"
_PROXIED: Final = "mlflow-artifacts"
_BUCKETS: Final = ("s3", "gs")
_MOST_FOLDERS: Final = 200


@contextmanager
def opened(source: Source) -> Iterator[Remote]:
    """The folder of a registered version. Raises `LoadFailure`."""
    found = _REFERENCE.fullmatch(source.uri)
    if found is None:
        message = f"{shown(source.uri)}: write it as mlflow://host/name/version or mlflow://host/name@alias"
        raise LoadFailure(Reason.SOURCE_UNSUPPORTED, message)
    plain, host, name, alias, version = (unquote(part or "") for part in found.groups())
    with Client(source.uri, terms_of(source)) as client:
        scheme = "http" if plain else "https"
        server = _Server(source.uri, client, _headers(source), f"{scheme}://{host}")
        resolved = ""
        if alias:
            version = server.version_of(name, alias)
            resolved = f"mlflow{plain}://{host}/{quote(name)}/{version}"
        place = server.place_of(name, version)
        kind = urlsplit(place).scheme
        if kind == _PROXIED:
            yield Remote(tuple(server.files(urlsplit(place).path.strip("/"))), is_folder=True, resolved_uri=resolved)
        elif kind in _BUCKETS:
            with opener(kind)(replace(source, uri=f"{place.rstrip('/')}/")) as remote:
                yield replace(remote, resolved_uri=resolved)
        else:
            message = (
                f"{shown(source.uri)} keeps its artifacts at {shown(place)}, which pods cannot read: let the server pass "
                "them on (mlflow server --serve-artifacts), or keep them in s3:// or gs://"
            )
            raise LoadFailure(Reason.SOURCE_UNSUPPORTED, message)


def _headers(source: Source) -> Mapping[str, str]:
    credentials = Credentials(source.credentials_dir)
    if token := credentials.get("MLFLOW_TRACKING_TOKEN"):
        return {"Authorization": f"Bearer {token}"}
    if name := credentials.get("MLFLOW_TRACKING_USERNAME"):
        pair = f"{name}:{credentials.get('MLFLOW_TRACKING_PASSWORD')}".encode()
        return {"Authorization": f"Basic {base64.b64encode(pair).decode()}"}
    return {}


@dataclass(frozen=True, slots=True)
class _Server:
    """One tracking server."""

    uri: str
    client: Client
    headers: Mapping[str, str] = field(repr=False)
    address: str

    def version_of(self, name: str, alias: str) -> str:
        """The version that an alias points at now."""
        said = self._asked(f"{_API}/registered-models/alias", {"name": name, "alias": alias})
        version = str((said.get("model_version") or {}).get("version", ""))
        if not version.isdigit():
            raise self._unfit(f"its alias {alias} names no version")
        return version

    def place_of(self, name: str, version: str) -> str:
        """Where the artifacts of a version lie."""
        asked = {"name": name, "version": version}
        return str(self._asked(f"{_API}/model-versions/get-download-uri", asked).get("artifact_uri", ""))

    def files(self, root: str) -> Iterator[RemoteFile]:
        """Every file below a path of the server's artifacts."""
        folders, seen = [""], 0
        while folders:
            below = folders.pop()
            seen += 1
            if seen > _MOST_FOLDERS:
                raise self._unfit(f"it holds more than {_MOST_FOLDERS} folders")
            path = "/".join(part for part in (root, below) if part)
            for each in self._asked("api/2.0/mlflow-artifacts/artifacts", {"path": path}).get("files") or []:
                name = "/".join(part for part in (below, str(each.get("path", "")).rpartition("/")[2]) if part)
                if each.get("is_dir"):
                    folders.append(name)
                else:
                    url = f"{self.address}/api/2.0/mlflow-artifacts/artifacts/{quote(root)}/{quote(name)}"
                    yield RemoteFile(name, partial(self.client.stream, url, self.headers))

    def _asked(self, path: str, query: Mapping[str, str]) -> dict[str, Any]:
        said, _ = self.client.document(f"{self.address}/{path}?{urlencode(query)}", self.headers)
        if not isinstance(said, dict):
            raise self._unfit("it answers as no MLflow server does")
        return said

    def _unfit(self, why: str) -> LoadFailure:
        message = f"{shown(self.uri)}: {scrubbed(one_line(why, 200))}: check the address and the model's name"
        return LoadFailure(Reason.SOURCE_UNSUPPORTED, message)

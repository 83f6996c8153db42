"""Repositories of the Hugging Face Hub, or of a mirror: `hf://org/repo@revision/path`, a file or a folder.

A branch or tag is resolved once to its commit. Files that the Hub keeps in large storage come with their sha256, which is verified.
"""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import PurePosixPath
from typing import Any, Final
from urllib.parse import quote, unquote, urljoin

from serin_server.failures import LoadFailure, Reason
from serin_server.model.download import Client
from serin_server.model.sources.asked import Source
from serin_server.model.sources.credentials import Credentials
from serin_server.model.sources.remote import Remote, RemoteFile
from serin_server.model.sources.web import terms_of
from serin_server.uris import shown

_REFERENCE: Final = re.compile(
    r"hf://(?P<repo>[\w.-]+/[\w.-]+)(?:@(?P<revision>[^/@?#]+))?(?:/(?P<path>[^?#]*))?", re.ASCII
)
_COMMIT: Final = re.compile(r"[0-9a-f]{40}")
_SHA256: Final = re.compile(r"[0-9a-f]{64}")
_NEXT: Final = re.compile(r'<([^>]+)>\s*;\s*rel="next"')
_MOST_PAGES: Final = 20
_DEFAULT: Final = "https://huggingface.co"


@contextmanager
def opened(source: Source) -> Iterator[Remote]:
    """The file or the folder of a path in a repository, at one commit."""
    found = _REFERENCE.fullmatch(source.uri)
    if found is None:
        message = f"{shown(source.uri)}: write it as hf://org/repository@revision/path/model.onnx"
        raise LoadFailure(Reason.SOURCE_UNSUPPORTED, message)
    repo, revision, path = (unquote(part or "") for part in found.groups())
    credentials = Credentials(source.credentials_dir)
    token = credentials.get("HF_TOKEN")
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    endpoint = (credentials.get("HF_ENDPOINT") or _DEFAULT).rstrip("/")
    with Client(source.uri, terms_of(source)) as client:
        yield _Repository(source.uri, client, headers, endpoint, repo).model(revision or "main", path)


@dataclass(frozen=True, slots=True)
class _Repository:
    """One repository of models."""

    uri: str
    client: Client
    headers: Mapping[str, str] = field(repr=False)
    endpoint: str
    repo: str

    def model(self, revision: str, path: str) -> Remote:
        """What lies at a path of a revision. Raises `LoadFailure`."""
        commit = self._commit(revision)
        key = path.strip("/")
        above = PurePosixPath(key).parent
        resolved = "" if commit == revision else f"hf://{self.repo}@{commit}/{path}"
        if key:
            entry = next((each for each in self._tree(commit, str(above), deep=False) if each.get("path") == key), None)
            if entry is None:
                message = f"{shown(self.uri)}: there is no {shown(key)} at revision {revision} (commit {commit}): check the path"
                raise LoadFailure(Reason.SOURCE_NOT_FOUND, message)
            if entry.get("type") == "file":
                file = self._file(commit, entry, above)
                return Remote(
                    [file], is_folder=False, resolved_uri=resolved, beside=partial(self._beside, commit, above)
                )
        files = [self._file(commit, each, PurePosixPath(key)) for each in self._tree(commit, key, deep=True)]
        return Remote(files, is_folder=True, resolved_uri=resolved)

    def _commit(self, revision: str) -> str:
        if _COMMIT.fullmatch(revision):
            return revision
        url = f"{self.endpoint}/api/models/{self.repo}/revision/{quote(revision, safe='')}"
        said, _ = self.client.document(url, self.headers)
        commit = said.get("sha") if isinstance(said, dict) else None
        if not isinstance(commit, str) or not _COMMIT.fullmatch(commit):
            message = f"{shown(self.uri)}: {shown(url)} names no commit: check HF_ENDPOINT"
            raise LoadFailure(Reason.SOURCE_UNSUPPORTED, message)
        return commit

    def _tree(self, commit: str, folder: str, *, deep: bool) -> Iterator[Mapping[str, Any]]:
        """What a folder holds, and with `deep` every file below it."""
        below = "" if folder in ("", ".") else f"/{quote(folder)}"
        url = f"{self.endpoint}/api/models/{self.repo}/tree/{commit}{below}{'?recursive=true' if deep else ''}"
        for _ in range(_MOST_PAGES):
            entries, headers = self.client.document(url, self.headers)
            for each in entries if isinstance(entries, list) else []:
                if isinstance(each, dict) and (not deep or each.get("type") == "file"):
                    yield each
            following = _NEXT.search(headers.get("Link") or "")
            if following is None:
                return
            url = urljoin(url, following[1])
            if not url.startswith(f"{self.endpoint}/"):
                raise LoadFailure(Reason.SOURCE_FORBIDDEN, f"{shown(self.uri)} goes on at {shown(url)}, another host")

    def _file(self, commit: str, entry: Mapping[str, Any], folder: PurePosixPath) -> RemoteFile:
        path = str(entry.get("path", ""))
        lfs = entry.get("lfs")
        oid = str(lfs.get("oid", "")) if isinstance(lfs, dict) else ""
        name = path.removeprefix(f"{folder}/") if folder.parts else path
        return self._read(commit, path, name, oid if _SHA256.fullmatch(oid) else "")

    def _beside(self, commit: str, folder: PurePosixPath, name: str) -> RemoteFile:
        return self._read(commit, str(folder / name), name)

    def _read(self, commit: str, path: str, name: str, sha256: str = "") -> RemoteFile:
        url = f"{self.endpoint}/{self.repo}/resolve/{commit}/{quote(path)}"
        return RemoteFile(name, partial(self.client.stream, url, self.headers), sha256)

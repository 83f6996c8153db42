"""Buckets of S3, Google Cloud Storage and Azure, and whatever speaks like them: `s3://bucket/key`, `gs://…`, `az://container/…`.

Signing, and every way in which a cloud hands credentials to a pod, are obstore's. What is ours: one request for a file that goes
on where it broke off and only if nothing has changed, limits of time, and errors that say what to do.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import PurePosixPath
from typing import Any, Final
from urllib.parse import unquote

import obstore
from obstore import exceptions
from obstore.store import AzureStore, GCSStore, S3Store

from serin_server.failures import LoadFailure, Reason
from serin_server.model.answers import Interrupted
from serin_server.model.patience import LEAST_BYTES_PER_SECOND
from serin_server.model.resuming import Mark, Rest, resumed
from serin_server.model.sources.asked import Source
from serin_server.model.sources.credentials import READING, Credentials, Purpose
from serin_server.model.sources.objects_errors import translated
from serin_server.model.sources.remote import Remote, RemoteFile
from serin_server.uris import shown

_MOST_FILES: Final = 10_000
_FOREVER: Final = "240h"
"""Requests have no end of their own: silence, slowness and the time for all of it are watched here."""


@dataclass(frozen=True, slots=True)
class _Kind:
    """One kind of store.

    Args:
        make: Its class of obstore.
        variables: The standard variables that it heeds.
        endpoints: Those of them that name its address.
        told: What it is called, where no address is given.
    """

    make: Callable[..., Any]
    variables: tuple[str, ...]
    endpoints: tuple[str, ...]
    told: str


def _named(prefix: str, names: str) -> tuple[str, ...]:
    return tuple(f"{prefix}_{name}" for name in names.split())


_KINDS: Final[Mapping[str, _Kind]] = {
    "s3": _Kind(
        S3Store,
        _named(
            "AWS",
            "ACCESS_KEY_ID SECRET_ACCESS_KEY SESSION_TOKEN REGION DEFAULT_REGION ENDPOINT_URL ENDPOINT_URL_S3 SKIP_SIGNATURE "
            "WEB_IDENTITY_TOKEN_FILE ROLE_ARN ROLE_SESSION_NAME ENDPOINT_URL_STS CONTAINER_CREDENTIALS_RELATIVE_URI "
            "CONTAINER_CREDENTIALS_FULL_URI CONTAINER_AUTHORIZATION_TOKEN_FILE VIRTUAL_HOSTED_STYLE_REQUEST REQUEST_PAYER "
            "IMDSV1_FALLBACK",
        ),
        ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_ENDPOINT"),
        "S3",
    ),
    "gs": _Kind(
        GCSStore,
        _named("GOOGLE", "SERVICE_ACCOUNT_KEY APPLICATION_CREDENTIALS BASE_URL SKIP_SIGNATURE BEARER_TOKEN"),
        ("GOOGLE_BASE_URL",),
        "Google Cloud Storage",
    ),
    "az": _Kind(
        AzureStore,
        _named(
            "AZURE",
            "STORAGE_ACCOUNT_NAME STORAGE_ACCOUNT_KEY STORAGE_SAS_TOKEN STORAGE_TOKEN STORAGE_ENDPOINT ENDPOINT CLIENT_ID "
            "CLIENT_SECRET TENANT_ID FEDERATED_TOKEN_FILE AUTHORITY_HOST CREDENTIAL_TYPE MSI_ENDPOINT SKIP_SIGNATURE",
        ),
        ("AZURE_STORAGE_ENDPOINT", "AZURE_ENDPOINT"),
        "Azure Storage",
    ),
}


@contextmanager
def opened(source: Source) -> Iterator[Remote]:
    """The object of a key, or every object below it."""
    scheme, _, rest = source.uri.partition("://")
    bucket, _, path = rest.partition("/")
    if not bucket or "@" in bucket or "?" in rest or "#" in rest:
        message = (
            f"{shown(source.uri)}: write it as {scheme}://bucket/path, and credentials into spec.model.credentials"
        )
        raise LoadFailure(Reason.SOURCE_UNSUPPORTED, message)
    yield Bucket(source, scheme, bucket).model(unquote(path))


class Bucket:
    """One bucket for one fetch.

    Args:
        source: Its URI names the bucket, for messages.
        scheme: Which kind it is.
        bucket: Its name.
        purpose: What its credentials are for.
    """

    def __init__(self, source: Source, scheme: str, bucket: str, purpose: Purpose = READING) -> None:
        kind = _KINDS[scheme]
        self._source = source
        self._began = time.monotonic()
        self._credentials = Credentials(source.credentials_dir, purpose=purpose)
        endpoint = self._credentials.get(*kind.endpoints)
        self.told = f"{shown(source.uri)} at {shown(endpoint) if endpoint else kind.told}"
        options = {
            "timeout": _FOREVER,
            "read_timeout": f"{max(1, round(source.timeout_seconds * 1000))}ms",
            "connect_timeout": f"{max(1, round(min(source.timeout_seconds, 10.0) * 1000))}ms",
            "allow_http": endpoint.startswith("http://"),
            **_authorities(source),
        }
        with self.translating():
            config = _spelled(self._credentials.every(kind.variables))
            # Its own retries would go on without asking whether the bytes are still the same.
            self.store = kind.make(bucket, config=config, client_options=options, retry_config={"max_retries": 0})

    def model(self, path: str) -> Remote:
        """What lies at a path: an object, else all below it."""
        key = path.strip("/")
        if key and not path.endswith("/"):
            with self.translating():
                try:
                    obstore.head(self.store, key)
                except FileNotFoundError:
                    pass
                else:
                    beside = PurePosixPath(key).parent
                    return Remote(
                        [self.file(key, PurePosixPath(key).name)],
                        is_folder=False,
                        beside=lambda name: self.file(str(beside / name), name),
                    )
        return Remote(self._below(key), is_folder=True)

    def _below(self, key: str) -> list[RemoteFile]:
        prefix = f"{key}/" if key else ""
        files: list[RemoteFile] = []
        with self.translating():
            for batch in obstore.list(self.store, prefix=key or None):
                paths = [meta["path"] for meta in batch if meta["path"].startswith(prefix)]
                files += [self.file(path, path.removeprefix(prefix)) for path in paths if path != prefix]
                if len(files) > _MOST_FILES:
                    message = f"{self.told} holds more than {_MOST_FILES:,} objects: name the folder of one model"
                    raise LoadFailure(Reason.SOURCE_UNSUPPORTED, message)
        if not files:
            message = f"{self.told}: there is no such object, and none below it: check bucket and path"
            raise LoadFailure(Reason.SOURCE_NOT_FOUND, message)
        return files

    def file(self, key: str, name: str) -> RemoteFile:
        """The object of a key, by its name below the model."""
        return RemoteFile(name, lambda: resumed(self.told, partial(self._open_at, key)))

    @contextmanager
    def _open_at(self, key: str, start: int, mark: Mark) -> Iterator[Rest]:
        options: dict[str, Any] = {"range": {"offset": start}, "if_match": mark.etag or None} if start else {}
        with self.translating():
            found = obstore.get(self.store, key, options=options)  # type: ignore[arg-type] # keys are as its TypedDict has them
            meta = found.meta
            now = Mark(meta["e_tag"] or "", str(meta["last_modified"]), meta["size"])
            yield Rest(now, start, self._chunks(found, meta["size"] - start))

    def _chunks(self, found: Any, wanted: int) -> Iterator[bytes]:
        """What comes, as it comes: silence ends in the transport, slowness and too long a time here."""
        window = 2 * self._source.timeout_seconds
        window_began, came, got = time.monotonic(), 0, 0
        with self.translating():
            for chunk in found.stream(min_chunk_size=1):
                got += len(chunk)
                came += len(chunk)
                yield bytes(chunk)
                now = time.monotonic()
                total = self._source.total_seconds
                if total and now - self._began >= total:
                    message = f"{self.told}: {total:g} s are over, and no more time is given: raise SERIN_SOURCE_TOTAL_SECONDS"
                    raise LoadFailure(Reason.SOURCE_UNREACHABLE, message)
                if now - window_began >= window:
                    if came < LEAST_BYTES_PER_SECOND * (now - window_began):
                        message = f"{self.told}: only {came:,} bytes came in {now - window_began:.0f} s, less than a kibibyte a second"
                        raise LoadFailure(Reason.SOURCE_UNREACHABLE, message)
                    window_began, came = now, 0
        if got < wanted:
            raise Interrupted(f"{self.told}: the connection broke off {wanted - got:,} bytes before the end")

    @contextmanager
    def translating(self) -> Iterator[None]:
        """Turns what obstore raises into `LoadFailure`."""
        try:
            yield
        except LoadFailure:
            raise
        except (exceptions.BaseError, OSError, ValueError) as error:
            raise translated(error, self.told, self._credentials) from None


def _authorities(source: Source) -> dict[str, bytes]:
    if source.ca_file is None:
        return {}
    try:
        return {"root_certificate": source.ca_file.read_bytes()}
    except OSError as error:
        message = f"the CA file {source.ca_file} cannot be used ({error.strerror}): give a PEM file"
        raise LoadFailure(Reason.SOURCE_FORBIDDEN, message) from error


def _spelled(variables: dict[str, str]) -> dict[str, str]:
    """A key of a service account may stand where its file would be named: a Secret has no paths."""
    named = variables.get("GOOGLE_APPLICATION_CREDENTIALS", "")
    if named.lstrip().startswith("{"):
        del variables["GOOGLE_APPLICATION_CREDENTIALS"]
        variables["GOOGLE_SERVICE_ACCOUNT_KEY"] = named
    return variables

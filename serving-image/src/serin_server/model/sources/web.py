"""One file behind a URL of http or https."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import PurePosixPath
from typing import Final
from urllib.parse import unquote, urlsplit

from serin_server.model.addresses import readable
from serin_server.model.download import BY_HEADERS, Client, Terms
from serin_server.model.headers import headers_in
from serin_server.model.sources.asked import Source
from serin_server.model.sources.credentials import WAY_IN
from serin_server.model.sources.remote import Remote, RemoteFile

NONE: Final[Mapping[str, str]] = {}


def terms_of(source: Source, headers: Mapping[str, str] = NONE, way_in: str = WAY_IN) -> Terms:
    """How a source may be read."""
    return Terms(
        headers,
        source.ca_file,
        source.timeout_seconds,
        source.total_seconds,
        source.redirect_hosts,
        way_in,
    )


@contextmanager
def opened(source: Source) -> Iterator[Remote]:
    """The file of a URL."""
    headers = headers_in(source.headers_file)
    readable(source.uri)
    with Client(source.uri, terms_of(source, headers, BY_HEADERS)) as client:
        name = PurePosixPath(unquote(urlsplit(source.uri).path)).name or "model.onnx"
        yield Remote([RemoteFile(name, partial(client.stream, source.uri, headers))], is_folder=False)

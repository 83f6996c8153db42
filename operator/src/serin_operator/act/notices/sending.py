"""One attempt to hand a notice to its receiver. What it says of a failure holds no address and no key."""

import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Final

import aiohttp
import orjson

from serin_operator.act.notices.channels import Channel
from serin_operator.act.notices.kinds import KINDS
from serin_operator.act.notices.line import Answer, Item
from serin_operator.act.notices.signing import headers_of, keys_in
from serin_operator.act.notices.telling import telling_of
from serin_operator.act.notices.templates import text_of
from serin_operator.cluster.connection import proxy_for

ATTEMPT_SECONDS: Final = 10.0
_REFUSALS: Final = frozenset({400, 413, 415, 422})
"""Statuses that speak of the content; every other one speaks of the receiver, of the address or of the keys, which can change."""


class _Unusable(Exception):
    """A file of the channel cannot be used; the message says which, and not what it holds."""


@dataclass(frozen=True, slots=True)
class Files:
    """The Secret of a channel, mounted as a folder. Read for each attempt, because Secrets are replaced."""

    folder: Path

    def text(self, name: str) -> str | None:
        """What a file says; None where there is none."""
        try:
            return (self.folder / name).read_text().strip() or None
        except FileNotFoundError:
            return None
        except (OSError, UnicodeDecodeError) as error:
            raise _Unusable(f"its file {name} cannot be read ({type(error).__name__})") from None

    def tls(self) -> ssl.SSLContext | bool:
        """What its certificate is checked with: ``ca.crt``, or what the system trusts."""
        path = self.folder / "ca.crt"
        if not path.exists():
            return True
        try:
            return ssl.create_default_context(cafile=str(path))
        except (OSError, ssl.SSLError):
            raise _Unusable("its file ca.crt holds no certificates (PEM)") from None


class Sender:
    """Renders, signs and posts.

    Args:
        session: Without credentials of anybody.
        folder: Where each channel has a folder of its name.
        cluster: Name of the cluster in notices.
        clock: Unix seconds.
        attempt_seconds: For one attempt, from the first byte to the status of the answer.
    """

    def __init__(
        self,
        session: aiohttp.ClientSession,
        folder: Path,
        cluster: str,
        *,
        clock: Callable[[], float] = time.time,
        attempt_seconds: float = ATTEMPT_SECONDS,
    ) -> None:
        self._session = session
        self._folder = folder
        self._cluster = cluster
        self._clock = clock
        self._attempt_seconds = attempt_seconds

    async def send(self, channel: Channel, item: Item) -> Answer:
        """One attempt; never raises but when it is cancelled."""
        try:
            return await self._post(channel, item)
        except _Unusable as error:
            return Answer(why=str(error))
        except TimeoutError:
            return Answer(why=f"no answer within {self._attempt_seconds:g} s")
        except aiohttp.InvalidURL:
            return Answer(why="its url is no address")
        except (aiohttp.ClientError, OSError) as error:  # their words may hold the address
            return Answer(why=f"no connection ({type(error).__name__})")

    async def _post(self, channel: Channel, item: Item) -> Answer:
        kind, files = KINDS[channel.kind], Files(self._folder / channel.name)
        telling = telling_of(item.about, item.letter, item.notice, self._cluster)
        body = kind.body(
            telling,
            text_of(telling, channel.templates, kind.escape),
            _routing_key(files) if kind.has_routing_key else "",
        )
        if body is None:
            return Answer(is_taken=True)
        url, content = files.text("url") or kind.url, orjson.dumps(body)
        if url is None or not url.startswith(("https://", "http://")):
            raise _Unusable("its Secret has no key url with an https:// address")
        async with self._session.post(
            url,
            data=content,
            headers={
                "Content-Type": kind.content_type,
                **_bearer(files),
                **self._signature(telling.id, content, files),
            },
            ssl=files.tls(),
            proxy=proxy_for(url),
            timeout=aiohttp.ClientTimeout(total=self._attempt_seconds),
            allow_redirects=False,
        ) as response:
            return _answer_of(response.status, response.headers.get("Retry-After"), self._clock())

    def _signature(self, id_: str, content: bytes, files: Files) -> dict[str, str]:
        try:
            keys = keys_in(files.text("signingKey") or "")
        except ValueError as error:
            raise _Unusable(f"its file signingKey cannot be used: {error}") from None
        return headers_of(id_, int(self._clock()), content, keys)


def _routing_key(files: Files) -> str:
    key = files.text("routingKey")
    if key is None:
        raise _Unusable("its Secret has no key routingKey")
    return key


def _bearer(files: Files) -> dict[str, str]:
    token = files.text("token")
    if token is None:
        return {}
    if not token.isprintable() or not token.isascii():
        raise _Unusable("its file token is no header")
    return {"Authorization": f"Bearer {token}"}


def _answer_of(status: int, retry_after: str | None, now: float) -> Answer:
    if 200 <= status < 300:
        return Answer(is_taken=True)
    return Answer(is_refused=status in _REFUSALS, why=f"HTTP {status}", retry_after=_seconds(retry_after, now))


def _seconds(retry_after: str | None, now: float) -> float | None:
    """``Retry-After`` in seconds: a number, or a date."""
    if retry_after is None:
        return None
    try:
        return float(max(0, int(retry_after)))
    except ValueError:
        pass
    try:
        return max(0.0, parsedate_to_datetime(retry_after).timestamp() - now)
    except ValueError:
        return None

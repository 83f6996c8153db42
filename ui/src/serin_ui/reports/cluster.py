"""The API server, asked with the rights of this process: ModelDeployments are listed and watched, ConfigMaps written."""

import asyncio
import ssl
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any, Final, Self

import aiohttp
import orjson

from serin_operator.api.names import GROUP, PLURAL, VERSION
from serin_ui.problems import Problem
from serin_ui.reports.settings import Settings

JsonObject = dict[str, Any]
Take = Callable[[JsonObject], None]

PAGE: Final = 50
"""That are read at a time: with its ledger an object takes some hundred KB of memory."""
_CALL: Final = aiohttp.ClientTimeout(total=15)
_WATCH: Final = aiohttp.ClientTimeout(sock_connect=5, sock_read=100)
"""Bookmarks come once a minute; a watch that is silent for longer is broken."""
_WATCH_SECONDS: Final = 300
_LONGEST_EVENT: Final = 2 << 20
"""Objects have a megabyte and a half at most; what a line may take is twice this."""
BOOKMARK: Final = "BOOKMARK"
_MERGE: Final = "application/merge-patch+json"


class Gone(Exception):
    """What has changed since then is no longer to be had: list anew."""


class Taken(Problem):
    """Somebody else was quicker: look again."""


class Cluster:
    """Calls of one process; open it as a context manager."""

    def __init__(self, settings: Settings) -> None:
        self._server = settings.api
        self._authority = settings.api_ca
        self._token = settings.token
        self._read: bytes | None = None
        self._context: ssl.SSLContext
        self._session: aiohttp.ClientSession

    async def __aenter__(self) -> Self:
        """Connect when first asked."""
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(),
            cookie_jar=aiohttp.DummyCookieJar(),
            read_bufsize=_LONGEST_EVENT,
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close the connections."""
        await self._session.close()

    async def each(self, namespace: str | None, take: Take) -> str:
        """Hand every ModelDeployment to `take`, page by page; the resourceVersion that they were at.

        Raises:
            Gone: The rest of the listing has expired.
            Problem: It may not be listed, or nobody answers.
        """
        more = ""
        while True:
            query = {"limit": str(PAGE), **({"continue": more} if more else {})}
            page = await self._call("GET", _collection(namespace), query)
            for item in page.get("items") or ():
                take(item)
                await asyncio.sleep(0)
            metadata = page.get("metadata") or {}
            more = metadata.get("continue") or ""
            if not more:
                return str(metadata.get("resourceVersion") or "")

    async def changes(
        self,
        namespace: str | None,
        version: str,
        take: Callable[[str, JsonObject], None],
        opened: Callable[[], None],
    ) -> str:
        """Hand each change since `version` to `take`, until the API server ends it; the version from which to go on.

        Bookmarks (`BOOKMARK`) are handed on as well: they say that the watch lives. `opened` is called when it has been taken.

        Raises:
            Gone: They are no longer to be had.
            Problem: They may not be seen, or nobody answers.
        """
        query = {
            "watch": "1",
            "resourceVersion": version,
            "allowWatchBookmarks": "true",
            "timeoutSeconds": str(_WATCH_SECONDS),
        }
        try:
            async with self._session.get(
                self._server + _collection(namespace),
                params=query,
                headers=self._headers(),
                timeout=_WATCH,
                ssl=self._trusted(),
            ) as answer:
                if answer.status != HTTPStatus.OK:
                    raise _told(answer.status, _parsed(await answer.read()))
                opened()
                async for line in answer.content:
                    event = _parsed(line)
                    kind, obj = str(event.get("type")), event.get("object") or {}
                    if kind == "ERROR":
                        raise _told(int(obj.get("code") or 500), obj)
                    if "metadata" in obj:
                        version = obj["metadata"]["resourceVersion"]
                        take(kind, obj)
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            raise _silent(error) from error
        return version

    async def model(self, namespace: str, name: str) -> JsonObject | None:
        """One ModelDeployment as it is now; None when there is none. Raises `Problem`."""
        return await self._found(f"{_collection(namespace)}/{name}")

    async def config_map(self, namespace: str, name: str) -> JsonObject | None:
        """One ConfigMap; None when there is none. Raises `Problem`."""
        return await self._found(f"/api/v1/namespaces/{namespace}/configmaps/{name}")

    async def create_config_map(self, obj: JsonObject) -> None:
        """Make one that must not exist yet. Raises `Taken`, `Problem`."""
        await self._call("POST", f"/api/v1/namespaces/{obj['metadata']['namespace']}/configmaps", {}, obj)

    async def patch_config_map(self, namespace: str, name: str, patch: JsonObject) -> None:
        """Change some of its keys. Raises `Taken` where it is at another version than the patch says, `Problem`."""
        await self._call("PATCH", f"/api/v1/namespaces/{namespace}/configmaps/{name}", {}, patch, _MERGE)

    async def _found(self, path: str) -> JsonObject | None:
        status, answer = await self._answer("GET", path, {}, None, "")
        if status == HTTPStatus.NOT_FOUND:
            return None
        if status >= HTTPStatus.BAD_REQUEST:
            raise _told(status, answer)
        return answer

    async def _call(
        self,
        method: str,
        path: str,
        query: Mapping[str, str],
        body: JsonObject | None = None,
        content_type: str = "application/json",
    ) -> JsonObject:
        status, answer = await self._answer(method, path, query, body, content_type)
        if status >= HTTPStatus.BAD_REQUEST:
            raise _told(status, answer)
        return answer

    async def _answer(
        self, method: str, path: str, query: Mapping[str, str], body: JsonObject | None, content_type: str
    ) -> tuple[int, JsonObject]:
        headers = self._headers()
        if body is not None:
            headers["Content-Type"] = content_type
        try:
            async with self._session.request(
                method,
                self._server + path,
                params=query,
                headers=headers,
                data=orjson.dumps(body) if body is not None else None,
                timeout=_CALL,
                ssl=self._trusted(),
                allow_redirects=False,
            ) as answer:
                return answer.status, _parsed(await answer.read())
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise _silent(error) from error

    def _trusted(self) -> ssl.SSLContext | bool:
        """The authorities as they are now: a cluster renews them, and whoever believes the old ones alone hears nothing more."""
        if self._authority is None:
            return True
        try:
            read = self._authority.read_bytes()
            if read != self._read:
                self._context = ssl.create_default_context(cadata=read.decode("ascii", "ignore") or "none")
                self._read = read
        except (OSError, ValueError) as error:
            raise Problem(
                f"the certificates {self._authority} cannot be read ({type(error).__name__})",
                "mount them there, as PEM",
            ) from error
        return self._context

    def _headers(self) -> dict[str, str]:
        """With the token as it is now: the kubelet renews it."""
        try:
            token = self._token.read_text().strip()
        except OSError as error:
            raise Problem(f"the token {self._token} cannot be read: {error.strerror}", "mount it there") from error
        return {"Authorization": f"Bearer {token}", "Accept": "application/json"}


def _collection(namespace: str | None) -> str:
    where = f"namespaces/{namespace}/" if namespace else ""
    return f"/apis/{GROUP}/{VERSION}/{where}{PLURAL}"


def _parsed(content: bytes) -> JsonObject:
    try:
        found = orjson.loads(content)
    except orjson.JSONDecodeError:
        return {}
    return found if isinstance(found, dict) else {}


def _told(status: int, answer: JsonObject) -> Exception:
    message = str(answer.get("message") or "")[:300]
    match status:
        case HTTPStatus.GONE:
            return Gone(message)
        case HTTPStatus.CONFLICT:
            return Taken(f"the API server says: {message}", "it is tried again", status)
        case HTTPStatus.UNAUTHORIZED | HTTPStatus.FORBIDDEN:
            return Problem(
                f"the API server refuses: {message or status}",
                "give this service account the rights of the chart",
                status,
            )
        case _:
            return Problem(f"the API server answers {status}: {message}", "it is tried again", status)


def _silent(error: Exception) -> Problem:
    return Problem(f"the API server does not answer ({type(error).__name__})", "it is tried again")

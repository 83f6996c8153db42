"""One call to the API server: JSON out, JSON in, errors translated, time bounded, counted."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from typing import Any, Final

import aiohttp
import orjson

from serin_operator.cluster.errors import Expired, NotFound, Transient, error_of
from serin_operator.cluster.resources import Resource, Scope
from serin_operator.cluster.spelling import as_go_writes
from serin_operator.cluster.traced import calling

JsonObject = dict[str, Any]

JSON: Final = "application/json"
MERGE_PATCH: Final = "application/merge-patch+json"
JSON_PATCH: Final = "application/json-patch+json"
APPLY_PATCH: Final = "application/apply-patch+yaml"  # JSON is YAML
ONLY_METADATA: Final = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"

_CALL_SECONDS: Final = 15.0
_PAGE: Final = 100
_OBJECTS_A_TURN: Final = 25
"""So many objects are taken in before the loop sees to others."""


_STREAMING: Final = aiohttp.ClientTimeout(sock_connect=5.0, sock_read=100.0)
"""Bookmarks come at least every 75 s."""


def _ignore(_verb: str, _code: str) -> None:
    pass


class ApiClient:
    """Speaks raw JSON with the API server.

    Args:
        session: From ``Connection.new_session``; authenticates by itself.
        server: ``https://host:port``.
        on_request: Told ``(verb, code)`` of every call; the code is the HTTP status, or ``error`` when there is none.
        call_seconds: Longest time that one call may take.
    """

    def __init__(
        self,
        session: aiohttp.ClientSession,
        server: str,
        *,
        on_request: Callable[[str, str], None] = _ignore,
        call_seconds: float = _CALL_SECONDS,
    ) -> None:
        self._session = session
        self._server = server
        self._on_request = on_request
        self._timeout = aiohttp.ClientTimeout(total=call_seconds)
        self._one_page = asyncio.Lock()

    async def call(
        self,
        method: str,
        path: str,
        *,
        what: str,
        params: Mapping[str, str] | None = None,
        body: Mapping[str, Any] | Sequence[Mapping[str, Any]] | None = None,
        content_type: str = JSON,
    ) -> JsonObject:
        """Do one call and return the object in the answer.

        Args:
            method: HTTP method.
            path: From ``Resource.path``.
            what: The call in words, for messages: ``create Job scoring/x``.
            params: Query parameters.
            body: JSON to send.
            content_type: Says what kind of patch the body is; PATCH has no default that would be right.

        Raises:
            ApiError: In the shape that says what to do next (see ``cluster.errors``).
        """
        sent = None if body is None else as_go_writes(body)
        answer = parsed(await self._bytes(method, path, what, params=params, body=sent, content_type=content_type))
        if answer is None:
            raise Transient(f"{what}: the answer is not a JSON object")
        return answer

    async def get(self, resource: Resource, namespace: str, name: str) -> JsonObject | None:
        """The object as it is now, or ``None``."""
        what = f"get {resource.kind} {namespace}/{name}"
        try:
            return await self.call("GET", resource.path(namespace, name), what=what)
        except NotFound:
            return None

    async def list_all(
        self, resource: Resource, namespace: str | None, *, label_selector: str = "", field_selector: str = ""
    ) -> tuple[list[JsonObject], str]:
        """Every object that matches, and the resourceVersion at which that was so; for what is known to be little.

        A listing whose later pages have expired starts again once; items say their kind, as single objects do.
        """
        scope = Scope(resource, namespace, label_selector, field_selector)
        for _ in range(2):
            items: list[JsonObject] = []
            try:
                return items, await self.each(scope, items.append)
            except Expired:
                continue
        raise Transient(f"list {scope}: the pages expire faster than they are read")

    async def each(self, scope: Scope, take: Callable[[JsonObject], None], *, only_metadata: bool = False) -> str:
        """Hand every object in the scope to ``take``, page by page; returns the resourceVersion of the listing.

        A whole listing is never held: parsed JSON is ten times as large as what came, so one page is parsed at a time,
        whoever lists, and others have a turn after each few objects.

        Args:
            scope: What to list.
            take: Gets the objects, which say their kind as single objects do.
            only_metadata: Leave out all but ``metadata``, for who only compares.

        Raises:
            Expired: The rest is no longer to be had; begin again.
            ApiError: As ``call``.
        """
        params = {"limit": str(_PAGE), **selecting(scope)}
        accept = ONLY_METADATA if only_metadata else JSON
        while True:
            what = f"list {scope}"
            payload = await self._bytes("GET", scope.resource.path(scope.namespace), what, params=params, accept=accept)
            async with self._one_page:
                page = parsed(payload)
                if page is None:
                    raise Transient(f"{what}: the answer is not a JSON object")
                for number, item in enumerate(page.get("items") or [], 1):
                    item["apiVersion"], item["kind"] = scope.resource.api_version, scope.resource.kind
                    take(item)
                    if number % _OBJECTS_A_TURN == 0:
                        await asyncio.sleep(0)
                metadata = page.get("metadata") or {}
                del page, payload
            if not metadata.get("continue"):
                return str(metadata.get("resourceVersion", "0"))
            params["continue"] = metadata["continue"]

    async def stream(self, path: str, what: str, params: Mapping[str, str]) -> AsyncGenerator[bytes]:
        """The chunks of an answer that goes on for minutes; the first is empty, and says that it has begun.

        Raises:
            ApiError: As ``call``; a stream that is silent for longer than bookmarks are apart counts as broken.
        """
        code = "error"
        try:
            async with self._session.get(
                self._server + path, params=params, headers={"Accept": JSON}, timeout=_STREAMING
            ) as response:
                code = str(response.status)
                if response.status >= 400:
                    raise error_of(response.status, parsed(await response.read()), call=what)
                yield b""
                async for chunk in response.content.iter_any():
                    yield chunk
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise Transient(f"{what}: the API server does not answer ({_in_words(error)})") from error
        finally:
            self._on_request("WATCH", code)

    async def _bytes(
        self,
        method: str,
        path: str,
        what: str,
        *,
        params: Mapping[str, str] | None = None,
        body: bytes | None = None,
        content_type: str = JSON,
        accept: str = JSON,
    ) -> bytes:
        code = "error"
        headers = {"Content-Type": content_type, "Accept": accept}
        with calling(method, path, what) as span:
            if span is not None:
                headers["traceparent"] = span.traceparent()
            try:
                async with self._session.request(
                    method, self._server + path, params=params, data=body, headers=headers, timeout=self._timeout
                ) as response:
                    payload = await response.read()
                    code = str(response.status)
            except (aiohttp.ClientError, TimeoutError, OSError) as error:
                raise Transient(f"{what}: the API server does not answer ({_in_words(error)})") from error
            finally:
                self._on_request(method, code)
            if span is not None:
                span.attributes["http.response.status_code"] = response.status
            if response.status >= 400:
                raise error_of(response.status, parsed(payload), call=what)
            return payload


def parsed(payload: bytes) -> JsonObject | None:
    """A JSON object, or ``None`` for whatever else it is."""
    try:
        answer = orjson.loads(payload)
    except orjson.JSONDecodeError:
        return None
    return answer if isinstance(answer, dict) else None


def selecting(scope: Scope) -> dict[str, str]:
    """The query parameters that keep a listing or a watch to the scope."""
    params = {"labelSelector": scope.label_selector, "fieldSelector": scope.field_selector}
    return {name: selector for name, selector in params.items() if selector}


def _in_words(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return "time-out"
    return str(error) or type(error).__name__

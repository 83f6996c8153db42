"""One call to the API server: JSON out, JSON in, errors translated, time bounded, counted."""

from collections.abc import Callable, Mapping
from typing import Any, Final

import aiohttp
import orjson

from serin_operator.cluster.errors import Expired, NotFound, Transient, error_of
from serin_operator.cluster.resources import Resource

JsonObject = dict[str, Any]

JSON: Final = "application/json"
MERGE_PATCH: Final = "application/merge-patch+json"
APPLY_PATCH: Final = "application/apply-patch+yaml"  # JSON is YAML

_CALL_SECONDS: Final = 15.0
_PAGE: Final = 500


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

    async def call(
        self,
        method: str,
        path: str,
        *,
        what: str,
        params: Mapping[str, str] | None = None,
        body: Mapping[str, Any] | None = None,
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
        code = "error"
        try:
            async with self._session.request(
                method,
                self._server + path,
                params=params,
                data=None if body is None else as_go_writes(body),
                headers={"Content-Type": content_type, "Accept": JSON},
                timeout=self._timeout,
            ) as response:
                payload = await response.read()
                code = str(response.status)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise Transient(f"{what}: the API server does not answer ({_in_words(error)})") from error
        finally:
            self._on_request(method, code)
        answer = _parsed(payload)
        if response.status >= 400:
            raise error_of(response.status, answer, call=what)
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
        """Every object that matches, in pages, and the resourceVersion at which that was so.

        A listing whose later pages have expired starts again once; items say their kind, as single objects do.
        """
        for _ in range(2):
            try:
                return await self._pages(resource, namespace, label_selector, field_selector)
            except Expired:
                continue
        raise Transient(f"list {resource.plural}: the pages expire faster than they are read")

    async def _pages(
        self, resource: Resource, namespace: str | None, label_selector: str, field_selector: str
    ) -> tuple[list[JsonObject], str]:
        items: list[JsonObject] = []
        params = {"limit": str(_PAGE)}
        if label_selector:
            params["labelSelector"] = label_selector
        if field_selector:
            params["fieldSelector"] = field_selector
        while True:
            page = await self.call("GET", resource.path(namespace), what=f"list {resource.plural}", params=params)
            for item in page.get("items") or []:
                item.setdefault("apiVersion", resource.api_version)
                item.setdefault("kind", resource.kind)
                items.append(item)
            metadata = page.get("metadata") or {}
            if not metadata.get("continue"):
                return items, metadata.get("resourceVersion", "0")
            params["continue"] = metadata["continue"]


def as_go_writes(body: Mapping[str, Any]) -> bytes:
    """JSON with the bytes that the API server's own encoder would choose: keys sorted, ``&<>`` escaped.

    It matters for free-form fields such as a ControllerRevision's ``data``: the API server keeps the bytes it got, and
    every later patch of the object, of a label even, writes them anew and then compares: data that came in another
    spelling counts as changed, and is refused as immutable.
    """
    text = orjson.dumps(body, option=orjson.OPT_SORT_KEYS)
    for plain, escaped in _GO_ESCAPES:
        text = text.replace(plain, escaped)
    return text


_GO_ESCAPES: Final = (
    (b"&", b"\\u0026"),
    (b"<", b"\\u003c"),
    (b">", b"\\u003e"),
    ("\u2028".encode(), b"\\u2028"),
    ("\u2029".encode(), b"\\u2029"),
)


def _parsed(payload: bytes) -> JsonObject | None:
    try:
        answer = orjson.loads(payload)
    except orjson.JSONDecodeError:
        return None
    return answer if isinstance(answer, dict) else None


def _in_words(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return "time-out"
    return str(error) or type(error).__name__

"""The API server, asked with the token of the person who looks: what they may see is what their token may see."""

import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final, Self
from urllib.parse import quote

import aiohttp
import orjson

from serin_operator.api.names import GROUP, PLURAL, VERSION
from serin_ui.problems import Problem, Unknown
from serin_ui.settings import Settings

JsonObject = dict[str, Any]

PAGE: Final = 50
"""That are read at a time: with its ledger an object takes some hundred KB of memory."""
MOST: Final = 2000
"""ModelDeployments that are listed at most: a page that holds more helps nobody, and memory has a bound."""
TIMEOUT: Final = aiohttp.ClientTimeout(total=15)
RESOURCE: Final = f"/apis/{GROUP}/{VERSION}"


@dataclass(frozen=True)
class Listed:
    """What was listed, and whether there is more."""

    items: tuple[JsonObject, ...]
    is_cut: bool = False


class ApiServer:
    """Calls of one process; open it as a context manager."""

    def __init__(self, settings: Settings) -> None:
        self._server = settings.api
        self._authority = settings.api_ca
        self._session: aiohttp.ClientSession

    async def __aenter__(self) -> Self:
        """Connect when first asked."""
        context = ssl.create_default_context(cafile=str(self._authority)) if self._authority else True
        # No cookies and no redirects: the token goes to the API server and nowhere else.
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(ssl=context), timeout=TIMEOUT, cookie_jar=aiohttp.DummyCookieJar()
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close the connections."""
        await self._session.close()

    async def models(self, token: str, namespace: str | None) -> Listed:
        """ModelDeployments of a namespace, or of all.

        Raises:
            Problem: The person may not, or nobody answers.
        """
        where = f"{RESOURCE}/namespaces/{_part(namespace)}/{PLURAL}" if namespace else f"{RESOURCE}/{PLURAL}"
        items: list[JsonObject] = []
        more = ""
        while True:
            answer = await self._get(
                token, where, {"limit": str(PAGE), **({"continue": more} if more else {})}, namespace
            )
            items += map(for_a_row, answer.get("items") or ())
            more = (answer.get("metadata") or {}).get("continue") or ""
            if not more or len(items) >= MOST:
                return Listed(tuple(items[:MOST]), is_cut=bool(more))

    async def model(self, token: str, namespace: str, name: str) -> JsonObject:
        """One ModelDeployment.

        Raises:
            Problem: There is none, the person may not, or nobody answers.
        """
        path = f"{RESOURCE}/namespaces/{_part(namespace)}/{PLURAL}/{_part(name)}"
        return await self._get(token, path, {}, namespace)

    async def is_known(self, token: str) -> bool:
        """Whether the API server knows whose token this is."""
        review = {"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"}
        status, _ = await self._call("POST", token, "/apis/authentication.k8s.io/v1/selfsubjectreviews", {}, review)
        return status != HTTPStatus.UNAUTHORIZED

    async def _get(self, token: str, path: str, query: Mapping[str, str], namespace: str | None) -> JsonObject:
        status, answer = await self._call("GET", token, path, query, None)
        if status == HTTPStatus.OK:
            return answer
        raise _problem(status, str(answer.get("message") or ""), namespace)

    async def _call(
        self, method: str, token: str, path: str, query: Mapping[str, str], body: JsonObject | None
    ) -> tuple[int, JsonObject]:
        headers = {"Authorization": f"Bearer {token}", "Accept": "application/json"}
        data = None
        if body is not None:
            headers["Content-Type"], data = "application/json", orjson.dumps(body)
        try:
            async with self._session.request(
                method, self._server + path, params=query, headers=headers, data=data, allow_redirects=False
            ) as answer:
                content = await answer.read()
                return answer.status, _parsed(content)
        except (aiohttp.ClientError, TimeoutError, ValueError) as error:
            raise Problem(
                f"the API server does not answer ({type(error).__name__})",
                "try again in a moment; if it stays so, tell those who run the cluster",
            ) from error


def for_a_row(one: JsonObject) -> JsonObject:
    """What a table tells of a model: without ledger, signatures and numbers of each metric."""
    metadata, status = one.get("metadata") or {}, one.get("status") or {}
    canary = {key: value for key, value in (status.get("canary") or {}).items() if key != "analysis"}
    kept = {key: status[key] for key in ("stable", "conditions", "observedGeneration") if key in status}
    return {
        "metadata": {key: metadata[key] for key in ("name", "namespace", "generation") if key in metadata},
        "spec": {"model": {"version": ((one.get("spec") or {}).get("model") or {}).get("version", "?")}},
        "status": {**kept, **({"canary": canary} if canary else {})},
    }


def _part(name: str) -> str:
    """A part of a path. Raises `Problem` for what would lead elsewhere."""
    if name in {".", ".."}:
        raise Problem("there is no such model", "it may have been deleted, or its name is spelled otherwise", 404)
    return quote(name, safe="")


def _parsed(content: bytes) -> JsonObject:
    try:
        found = orjson.loads(content)
    except orjson.JSONDecodeError:
        return {}
    return found if isinstance(found, dict) else {}


def _problem(status: int, message: str, namespace: str | None) -> Problem:
    where = f"in namespace {namespace}" if namespace else "in all namespaces"
    match status:
        case 401:
            return Unknown("the cluster does not know this token, or it has expired", "sign in again", 401)
        case 403 if not namespace:
            return Problem("you may not see the models of all namespaces", "name the namespace that is yours", 403)
        case 403:
            return Problem(
                f"you may not see models {where}",
                "ask for the role view there, or name another namespace",
                403,
            )
        case 404 if "not found" in message:
            return Problem("there is no such model", "it may have been deleted, or its name is spelled otherwise", 404)
        case 404:
            return Problem("this cluster knows no ModelDeployments", "install Serin (docs/install.md)", 404)
        case 410:
            return Problem("the list has changed while it was read", "load the page again", 503)
        case _:
            return Problem(f"the API server answers {status}: {message[:200]}", "try again in a moment", 502)

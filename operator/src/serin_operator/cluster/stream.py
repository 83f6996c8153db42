"""One watch request: every change after a moment, until the server ends the stream."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing
from typing import Final

from serin_operator.cluster.client import ApiClient, JsonObject, parsed, selecting
from serin_operator.cluster.errors import Transient, error_of
from serin_operator.cluster.resources import Scope

BOOKMARK: Final = "BOOKMARK"
_CHANGES: Final = frozenset({"ADDED", "MODIFIED", "DELETED", BOOKMARK})
_WATCH_SECONDS: Final = 300
_LINES_A_TURN: Final = 25


async def watch(
    client: ApiClient,
    scope: Scope,
    since: str,
    take: Callable[[str, JsonObject], None],
    on_open: Callable[[], None],
) -> None:
    """Hand every change after ``since`` to ``take``.

    Bookmarks are handed on too: they say that the stream lives, and up to where it has come.

    Args:
        client: Calls the API server.
        scope: What to watch.
        since: A resourceVersion, from a listing or from the last change.
        take: Gets ADDED, MODIFIED, DELETED or BOOKMARK, and the object.
        on_open: Called once the server has agreed to watch.

    Raises:
        Expired: ``since`` lies too far back: list again.
        ApiError: The API server does not answer, refuses, or ends the stream with an error.
    """
    what = f"watch {scope}"
    params = {
        "watch": "true",
        "allowWatchBookmarks": "true",
        "resourceVersion": since,
        "timeoutSeconds": str(_WATCH_SECONDS),
        **selecting(scope),
    }
    path = scope.resource.path(scope.namespace)
    number = 0
    async with aclosing(client.stream(path, what, params)) as chunks, aclosing(_lines(chunks, on_open)) as lines:
        async for line in lines:
            _tell(line, scope, take, what)
            number += 1
            if number % _LINES_A_TURN == 0:
                await asyncio.sleep(0)  # a burst lies in the buffer already, and waits for nothing


async def _lines(chunks: AsyncIterator[bytes], on_open: Callable[[], None]) -> AsyncGenerator[bytes]:
    rest: list[bytes] = []
    async for chunk in chunks:
        if not chunk:
            on_open()
            continue
        head, *more = chunk.split(b"\n")
        rest.append(head)
        for following in more:
            line = b"".join(rest)
            rest = [following]
            if line.strip():
                yield line


def _tell(line: bytes, scope: Scope, take: Callable[[str, JsonObject], None], what: str) -> None:
    event = parsed(line)
    if event is None or not isinstance(obj := event.get("object"), dict):
        raise Transient(f"{what}: something that is no event came")
    kind = event.get("type")
    if kind == "ERROR":
        raise error_of(int(obj.get("code") or 500), obj, call=what)
    if kind in _CHANGES:
        obj["apiVersion"], obj["kind"] = scope.resource.api_version, scope.resource.kind
        take(kind, obj)

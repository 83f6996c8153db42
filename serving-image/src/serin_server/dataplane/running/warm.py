"""The runs before anybody waits for one: every size that will run has run, and what it costs is known."""

from collections.abc import Mapping, Sequence
from time import perf_counter
from typing import Final

import numpy as np

from serin_server.dataplane.running.cost import Cost
from serin_server.dataplane.running.sizes import Sizes
from serin_server.failures import one_line
from serin_server.model.session import Session
from serin_server.model.tensors import Array

TIMES: Final = 3
"""The first run of a shape allocates and plans; the quickest of the others is what it costs."""
TIMES_ON_DEVICE: Final = 9
"""A session finds out meanwhile how its device takes its tensors best."""


def warm(
    session: Session, sizes: Sizes, feeds: Sequence[Mapping[str, Array]], cost: Cost, times: int = TIMES
) -> tuple[Sizes, list[str]]:
    """The sizes that run, and what a person should know of those that do not. Raises nothing that the model raises."""
    feed = next((feed for feed in feeds if _learn(session, feed, cost, times) is None), None)
    if feed is None:
        return sizes, ["the model was not warmed up: it raises on every input that was tried"] if sizes else []
    if not sizes:
        return sizes, []
    warmed: list[int] = []
    for rows in sizes:
        error = _fixed(session, rows) or _learn(session, _of_rows(feed, rows), cost, times)
        if error is not None:
            told = f"batches of {rows} rows and more are not used, because the model raises on them: {one_line(error)}"
            return Sizes(warmed), [told]
        warmed.append(rows)
    return sizes, []


def _fixed(session: Session, rows: int) -> Exception | None:
    try:
        session.fix(rows)
    except Exception as error:  # noqa: BLE001 (no memory on the device, most likely: smaller sizes will do)
        return error
    return None


def _of_rows(feed: Mapping[str, Array], rows: int) -> dict[str, Array]:
    return {name: _with_rows(array, rows) for name, array in feed.items()}


def _learn(session: Session, feed: Mapping[str, Array], cost: Cost, times: int) -> Exception | None:
    try:
        seconds = min([_timed(session, feed) for _ in range(times)][1:])
    except Exception as error:  # noqa: BLE001 (whatever the graph raises is told)
        return error
    cost.learn(sum(array.size for array in feed.values()), seconds)
    return None


def _timed(session: Session, feed: Mapping[str, Array]) -> float:
    started = perf_counter()
    session.run(feed)
    return perf_counter() - started


def _with_rows(array: Array, rows: int) -> Array:
    return np.take(array, np.arange(rows) % len(array), axis=0)

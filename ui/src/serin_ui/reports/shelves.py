"""Where reports are kept. What is there is whole, and is not written again."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final, Protocol, TypeVar

from serin_operator.api.names import API_VERSION, KIND, LABEL_MANAGED_BY, LABEL_MODEL_DEPLOYMENT, MANAGED_BY
from serin_server.failures import LoadFailure
from serin_server.failures import Reason as Failure
from serin_server.model.shelf.place import Place, opened
from serin_server.model.sources.asked import Store
from serin_server.model.sources.credentials import Purpose
from serin_ui.problems import Problem
from serin_ui.reports.cluster import Cluster, Taken
from serin_ui.reports.ends import End
from serin_ui.reports.settings import CONFIG_MAP, Settings

_TRIES: Final = 3
_TIMEOUT_SECONDS: Final = 30.0
Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Report:
    """What is kept of one end."""

    summary: bytes
    """JSON, as `summary.summary_of` makes it."""
    page: bytes
    """HTML; empty where the shelf does not want it."""


class Shelf(Protocol):
    """A place for reports."""

    takes_pages: bool
    """Whether it has room for pages."""
    told: str
    """Where it is, for people."""

    async def has(self, end: End) -> bool:
        """Whether all of it is there. Raises `Problem`."""
        ...

    async def put(self, end: End, report: Report) -> None:
        """Keep it: all of it, or as if nothing had been. Raises `Problem`."""
        ...


def shelf_of(settings: Settings, cluster: Cluster) -> Shelf:
    """The shelf that the settings name. Raises `Problem`."""
    if settings.store == CONFIG_MAP:
        return ConfigMaps(cluster, settings.keep)
    store = Store(
        settings.store,
        settings.credentials,
        _authorities(settings),
        settings.mounts,
        _TIMEOUT_SECONDS,
    )
    purpose = Purpose("report.credentialsSecret", "read, write and list in")
    try:
        return Objects(partial(opened, store, writes=True, purpose=purpose))
    except LoadFailure as failure:
        raise _said(failure) from failure


class Objects:
    """Objects of a bucket, or files of a claim: a page and a summary for each end. The summary is last: with it there, both are."""

    takes_pages = True

    def __init__(self, open_: Callable[[], Place]) -> None:
        self._open = open_
        self.told = open_().told

    async def has(self, end: End) -> bool:
        """Whether its summary is there."""
        return await _asked(partial(self._is_there, f"{end.path}.json"))

    async def put(self, end: End, report: Report) -> None:
        """Write both."""
        await _asked(partial(self._write, f"{end.path}.html", report.page))
        await _asked(partial(self._write, f"{end.path}.json", report.summary))

    def _write(self, key: str, content: bytes) -> None:
        self._open().write(key, content)  # opened each time: credentials are renewed where they are mounted

    def _is_there(self, key: str) -> bool:
        try:
            for _ in self._open().read(key):
                pass
        except LoadFailure as failure:
            if failure.reason == Failure.SOURCE_NOT_FOUND:
                return False
            raise
        return True


class ConfigMaps:
    """Summaries in a ConfigMap `<name>-reports` beside each model, which goes with it: the newest few, one a key."""

    takes_pages = False
    told = "ConfigMaps <name>-reports"

    def __init__(self, cluster: Cluster, keep: int) -> None:
        self._cluster = cluster
        self._keep = keep

    async def has(self, end: End) -> bool:
        """Whether its key is there, or would be the first to go."""
        found = await self._ours(end)
        data = (found or {}).get("data") or {}
        if len(data) >= self._keep and _moment(_key(end)) < min(map(_moment, data)):
            return True
        return _key(end) in data

    async def put(self, end: End, report: Report) -> None:
        """Add its key, and take away the oldest that are too many."""
        for _ in range(_TRIES):
            try:
                await self._put(end, report.summary.decode())
            except Taken:
                continue
            return
        raise Problem(f"ConfigMap {_name(end)} is changed by others all the time", "it is tried again")

    async def _put(self, end: End, summary: str) -> None:
        found = await self._ours(end)
        if found is None:
            await self._cluster.create_config_map(_new(end, summary))
            return
        keys = sorted({*(found.get("data") or {}), _key(end)}, key=_moment)
        data: dict[str, str | None] = dict.fromkeys(keys[: -self._keep])
        patch = {
            "metadata": {"resourceVersion": found["metadata"]["resourceVersion"]},
            "data": {_key(end): summary, **data},
        }
        await self._cluster.patch_config_map(end.namespace, _name(end), patch)

    async def _ours(self, end: End) -> dict[str, Any] | None:
        """The ConfigMap of this ModelDeployment; somebody else's is left alone."""
        found = await self._cluster.config_map(end.namespace, _name(end))
        if found is None:
            return None
        owners = {owner.get("uid") for owner in found["metadata"].get("ownerReferences") or ()}
        if end.uid not in owners:
            raise Problem(
                f"ConfigMap {end.namespace}/{_name(end)} does not belong to ModelDeployment {end.name}",
                "rename or delete it: reports of this model are kept under that name",
            )
        return found


def _name(end: End) -> str:
    return f"{end.name}-reports"


def _key(end: End) -> str:
    return f"{end.key}.json"


def _moment(key: str) -> str:
    """When the end was that a key tells of: keys end with it."""
    return key.removesuffix(".json").rpartition("-")[2]


def _new(end: End, summary: str) -> dict[str, Any]:
    # No blockOwnerDeletion: for that some clusters ask for the right to change the owner.
    owner = {"apiVersion": API_VERSION, "kind": KIND, "name": end.name, "uid": end.uid}
    labels = {LABEL_MODEL_DEPLOYMENT: end.name, LABEL_MANAGED_BY: MANAGED_BY}
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": _name(end), "namespace": end.namespace, "labels": labels, "ownerReferences": [owner]},
        "data": {_key(end): summary},
    }


def _authorities(settings: Settings) -> Path | None:
    beside = settings.credentials / "ca.crt" if settings.credentials else None
    return beside if beside and beside.exists() else None


async def _asked(call: Callable[[], Result]) -> Result:
    """In a thread: the loop waits for no store."""
    try:
        return await asyncio.to_thread(call)
    except LoadFailure as failure:
        raise _said(failure) from failure


def _said(failure: LoadFailure) -> Problem:
    return Problem(failure.message, "it is tried again")

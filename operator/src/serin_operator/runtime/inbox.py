"""Where news arrive: into the store, and as keys onto the queue while this replica leads."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from serin_operator.api.names import KIND
from serin_operator.cluster.store import Key, Store
from serin_operator.runtime.workers import WorkQueue

_GATHER_SECONDS: Final = 0.05
"""Events come in bursts (a pod that starts sends six); one look after the burst sees them all."""


class Inbox:
    """Takes in what the watches and the resync tell.

    Args:
        store: Keeps the objects.
        queue: Gets the keys.
        on_gone: Called with namespace and name of a ModelDeployment that is gone.
    """

    def __init__(self, store: Store, queue: WorkQueue, on_gone: Callable[[str, str], None]) -> None:
        self._store = store
        self._queue = queue
        self._on_gone = on_gone
        self._leads = False

    def take(self, event_type: str | None, obj: Mapping[str, Any]) -> None:
        """An event from a watch."""
        key = self._store.remove(obj) if event_type == "DELETED" else self._store.put(obj)
        if key is not None:
            self._wake(key, was_deleted=event_type == "DELETED" and obj.get("kind") == KIND)

    def repaired(self, keys: Iterable[Key]) -> None:
        """The resync changed what is known about these."""
        there = self._store.model_deployments()
        for key in keys:
            self._wake(key, was_deleted=key not in there)

    def lead(self) -> None:
        """From now on keys are worked on; everything that is there wants a look."""
        self._leads = True
        self.look_at_everything()

    def look_at_everything(self, spread_seconds: float = 0.0) -> None:
        """Queue every ModelDeployment, evenly spread over so many seconds."""
        if not self._leads:
            return
        keys = sorted(self._store.model_deployments())
        for position, key in enumerate(keys):
            self._queue.add(key, spread_seconds * position / len(keys))

    def _wake(self, key: Key, *, was_deleted: bool) -> None:
        if was_deleted:
            self._queue.drop(key)
            self._on_gone(key.namespace, key.name)
        elif self._leads and key in self._store.model_deployments():
            self._queue.add(key, _GATHER_SECONDS)

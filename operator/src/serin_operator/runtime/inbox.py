"""Where news arrive: into the store, and as keys onto the queue while this replica leads.

What one event costs does not depend on how many objects there are.
"""

from collections.abc import Callable, Mapping
from collections.abc import Set as AbstractSet
from typing import Any, Final

from serin_operator.api.names import KIND
from serin_operator.cluster.resources import Scope
from serin_operator.cluster.store import Key, Store, mark_of
from serin_operator.runtime.workers import WorkQueue

_GATHER_SECONDS: Final = 0.05
"""Events come in bursts (a pod that starts sends six); one look after the burst sees them all."""


class Inbox:
    """Takes in what the watches tell.

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
        """An object from a watch.

        No news is what a listing tells that is known already, and a status of our own: what it asks for next, its
        reconcile has asked for. The answers of our other writes are known too, but a reconcile may wait for those.
        """
        is_deleted = event_type == "DELETED"
        may_be_known = event_type is None or (obj.get("kind") == KIND and not is_deleted)
        if may_be_known and self._store.knows(mark_of(obj)):
            return
        key = self._store.remove(obj) if is_deleted else self._store.put(obj)
        if key is not None:
            self._wake(key, was_deleted=is_deleted and obj.get("kind") == KIND)

    def listed(self, scope: Scope, uids: AbstractSet[str], listed_at: str) -> None:
        """Whatever the listing did not find is gone."""
        for mark in self._store.vanished(scope.resource, scope.namespace, uids, listed_at):
            key = self._store.bury(mark, listed_at)
            if key is not None:
                self._wake(key, was_deleted=mark.ref.kind == KIND)

    def lead(self) -> None:
        """From now on keys are worked on; everything that is there wants a look."""
        self._leads = True
        self.look_at_everything()

    def look_at_everything(self, spread_seconds: float = 0.0, namespace: str | None = None) -> None:
        """Queue every ModelDeployment (of one namespace), evenly spread over so many seconds."""
        if not self._leads:
            return
        keys = sorted(self._store.model_deployments(namespace))
        for position, key in enumerate(keys):
            self._queue.add(key, spread_seconds * position / len(keys))

    def _wake(self, key: Key, *, was_deleted: bool) -> None:
        if was_deleted:
            self._on_gone(key.namespace, key.name)
        if self._leads and (was_deleted or self._store.has_model_deployment(key)):
            # One that is gone gets a last look as well: it finds nothing, and forgets what was remembered about it.
            self._queue.add(key, _GATHER_SECONDS)

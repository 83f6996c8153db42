"""Write to the API server, and remember what was written.

Every answer goes into the store at once, so that the next reconcile starts from at least this state even if the
watch is slow. Every write can carry the resourceVersion that the decision was based on: a stale view is refused by
the API server instead of undoing somebody's work.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from serin_operator.act.events import EventRecorder
from serin_operator.act.ownership import taken_over
from serin_operator.act.settled import SettledIntents
from serin_operator.act.unchanged import AsItIs, change_of, digest, marked
from serin_operator.act.wordings import of_apply, of_json_patch, validation
from serin_operator.api.names import FIELD_MANAGER, ObjectRef
from serin_operator.cluster.client import APPLY_PATCH, JSON_PATCH, MERGE_PATCH, ApiClient
from serin_operator.cluster.errors import ApiError, Conflict, NotFound, NotLeading
from serin_operator.cluster.resources import path_of, resource_of
from serin_operator.cluster.store import Key, Store, ref_of

JsonObject = dict[str, Any]

_MANAGER: Final = {"fieldManager": FIELD_MANAGER}
_FORCED: Final = {"fieldManager": FIELD_MANAGER, "force": "true"}


class KubernetesWriter:
    """The only hands of the operator.

    Args:
        client: Calls the API server.
        store: Takes in every answer.
        events: Records Events.
        may_write: Whether the lease is held at this moment; a paused ex-leader must not act when it wakes up.
        on_written: Told where and at which resourceVersion something of a ModelDeployment was written: its watch must hear it.
    """

    def __init__(
        self,
        client: ApiClient,
        store: Store,
        events: EventRecorder,
        *,
        may_write: Callable[[], bool] = lambda: True,
        on_written: Callable[[ObjectRef, str], None] = lambda _ref, _version: None,
    ) -> None:
        self._client = client
        self._store = store
        self._events = events
        self._may_write = may_write
        self._on_written = on_written
        self._settled = SettledIntents(store)

    async def create(self, obj: Mapping[str, Any]) -> JsonObject:
        """Create an object that must not exist yet.

        Raises:
            AlreadyExists: Something with this name is there; whose it is, the caller finds out.
            Forbidden: A quota, a webhook or RBAC says no.
            Invalid: The API server refuses what the object says.
        """
        ref = ref_of(obj)
        path = resource_of(ref.api_version, ref.kind).path(ref.namespace)
        params = {**_MANAGER, **validation(ref)}
        created = await self._write("POST", path, f"create {ref}", params=params, body=marked(obj))
        return self._remember(created)

    async def create_secret(self, obj: Mapping[str, Any]) -> None:
        """Create a Secret that must not exist yet. The answer holds its data, so it is dropped and never stored.

        Raises:
            AlreadyExists: One with this name is there.
            Forbidden: RBAC, a quota or a webhook says no.
        """
        ref = ref_of(obj)
        path = resource_of(ref.api_version, ref.kind).path(ref.namespace)
        await self._write("POST", path, f"create {ref}", params=_MANAGER, body=obj)

    async def apply(self, obj: Mapping[str, Any], *, resource_version: str | None) -> JsonObject:
        """Make the fields in ``obj`` so, and no others (server-side apply; conflicts with other managers are won).

        Nothing is sent when it would change nothing, or when the object is being deleted: the answer is then an ``AsItIs``,
        at the version that is known. Fields that the intent has given up are removed, also those that were created.

        Args:
            obj: The whole intent of this field manager; fields left out since the last apply are given up.
            resource_version: As observed; the object must still be at it, or ``Conflict`` is raised.
        """
        ref, intent = ref_of(obj), digest(obj)
        if self._settled.holds(obj, intent):
            return AsItIs(metadata={"resourceVersion": self._store.version(ref)})
        known = self._store.get(ref)
        gives_up = False
        if known is not None:
            if known["metadata"].get("deletionTimestamp"):
                return AsItIs(known)
            change = change_of(marked(obj), known)
            if change is None:
                self._settled.note(obj, intent, known)
                return AsItIs(known)
            gives_up = change.gives_up
        if gives_up:
            resource_version = await self._take_over(ref, resource_version)
        body = marked(obj)
        if resource_version is not None:
            body["metadata"] = {**body["metadata"], "resourceVersion": resource_version}
        answer = await self._applied(ref, body)
        if (stored := self._store.get(ref)) is not None:
            self._settled.note(obj, intent, stored)
        return answer

    async def _applied(self, ref: ObjectRef, body: JsonObject) -> JsonObject:
        params = {**_FORCED, **validation(ref)}
        try:
            answer = await self._write(
                "PATCH", path_of(ref), f"apply {ref}", params=params, body=body, content_type=APPLY_PATCH
            )
        except ApiError as error:
            if (meant := of_apply(error)) is not error:
                raise meant from error
            raise
        return self._remember(answer)

    async def _take_over(self, ref: ObjectRef, resource_version: str | None) -> str | None:
        """Make what we created count as applied, or the next apply could not take any of it away; nothing else changes.

        Returns the resourceVersion that the object is at since, where one was asked for. Controllers write status at any
        moment, which is no reason to give up.
        """
        live = await self._client.call("GET", path_of(ref), what=f"get {ref}")
        if resource_version not in {None, live["metadata"]["resourceVersion"]}:
            raise Conflict(f"apply {ref}: it has changed since it was observed")
        began = live["metadata"]
        for last in (False, False, True):
            metadata = live["metadata"]
            managed = taken_over(metadata.get("managedFields") or [])
            if managed is None:
                break
            patch = {"metadata": {"managedFields": managed, "resourceVersion": metadata["resourceVersion"]}}
            try:
                live = await self.merge_patch(ref, patch)
                break
            except Conflict:
                live = await self._client.call("GET", path_of(ref), what=f"get {ref}")
                is_same = all(live["metadata"].get(key) == began.get(key) for key in ("uid", "generation"))
                if last or not is_same:
                    raise
        after: str = live["metadata"]["resourceVersion"]
        return after if resource_version is not None else None

    async def merge_patch(
        self, ref: ObjectRef, patch: Mapping[str, Any], *, subresource: str | None = None
    ) -> JsonObject:
        """Change some fields; put ``metadata.resourceVersion`` into the patch to make sure of what is changed."""
        answer = await self._write(
            "PATCH",
            path_of(ref, subresource),
            f"patch {ref}",
            params=_MANAGER,
            body=patch,
            content_type=MERGE_PATCH,
        )
        return self._remember(answer)

    async def json_patch(self, ref: ObjectRef, patch: Sequence[Mapping[str, Any]]) -> None:
        """Change an object that is somebody else's, as far as the patch's own tests allow; the answer is not kept.

        Raises:
            Conflict: A test failed: look again, decide again.
        """
        try:
            await self._write(
                "PATCH", path_of(ref), f"patch {ref}", params=_MANAGER, body=patch, content_type=JSON_PATCH
            )
        except ApiError as error:
            if (meant := of_json_patch(error)) is not error:
                raise meant from error
            raise

    async def scale(self, ref: ObjectRef, replicas: int, *, resource_version: str | None) -> None:
        """Set ``spec.replicas`` through the subresource, which leaves the field to nobody's apply."""
        patch: JsonObject = {"spec": {"replicas": replicas}}
        if resource_version is not None:
            patch["metadata"] = {"resourceVersion": resource_version}
        await self._write(
            "PATCH",
            path_of(ref, "scale"),
            f"scale {ref} to {replicas}",
            params=_MANAGER,
            body=patch,
            content_type=MERGE_PATCH,
        )
        # The answer is a Scale, which lacks the generation that readiness is judged by: read the object itself.
        self._remember(await self._client.call("GET", path_of(ref), what=f"get {ref}"))

    async def delete(self, ref: ObjectRef, *, uid: str | None, propagation: str = "Background") -> None:
        """Delete this incarnation of an object; that it is gone already is fine.

        Raises:
            Conflict: An object with this name but another uid is there.
        """
        self._settled.drop(ref)
        body: JsonObject = {"apiVersion": "v1", "kind": "DeleteOptions", "propagationPolicy": propagation}
        if uid is not None:
            body["preconditions"] = {"uid": uid}
        try:
            answer = await self._write("DELETE", path_of(ref), f"delete {ref}", body=body)
        except NotFound:
            self._store.forget(ref, uid)
            return
        if answer.get("kind") == ref.kind:
            self._remember(answer)  # it stays until its finalizers or its grace period are through
        else:
            self._store.forget(ref, uid)

    async def replace_status(self, obj: Mapping[str, Any]) -> JsonObject:
        """Replace the whole status, so that absent fields go; the object's resourceVersion must still be current.

        Raises:
            Conflict: The object has changed since it was read: look again, decide again.
        """
        ref = ref_of(obj)
        try:
            answer = await self._write(
                "PUT", path_of(ref, "status"), f"write the status of {ref}", params=_MANAGER, body=obj
            )
        except (Conflict, NotFound):
            self._store.doubt(ref)
            raise
        return self._remember(answer)

    async def event(
        self, regarding: Mapping[str, Any], *, type_: str, reason: str, message: str, key: str | None = None
    ) -> bool:
        """Tell people what happened, as an Event on the object; never raises.

        Args:
            regarding: The object that it happened to.
            type_: ``Normal`` or ``Warning``.
            reason: From ``EventReason``.
            message: What happened, and why.
            key: Names the happening, so that it is told once in the life of the object, also after a restart.

        Returns:
            Whether it is told for good; False: try again later.
        """
        if not self._may_write():
            return False
        return await self._events.record(regarding, type_=type_, reason=reason, message=message, key=key)

    def forget(self, namespace: str, name: str) -> None:
        """Give up what was remembered about a ModelDeployment that is gone, and about its children."""
        self._events.forget(namespace, name)
        self._settled.forget(Key(namespace, name))

    async def _write(
        self,
        method: str,
        path: str,
        what: str,
        *,
        body: Mapping[str, Any] | Sequence[Mapping[str, Any]],
        params: Mapping[str, str] | None = None,
        content_type: str = "application/json",
    ) -> JsonObject:
        if not self._may_write():
            raise NotLeading(f"{what}: this replica does not hold the lease")
        return await self._client.call(method, path, what=what, params=params, body=body, content_type=content_type)

    def _remember(self, answer: JsonObject) -> JsonObject:
        if self._store.put(answer) is not None:
            self._on_written(ref_of(answer), answer["metadata"]["resourceVersion"])
        return answer

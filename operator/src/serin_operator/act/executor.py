"""Carry out the operations of a decision, in their order; decide nothing.

A refusal that a person has to deal with (a taken name, a quota, a webhook) does not keep the other operations from being
carried out: it becomes an obstacle, and the next decision puts it into status.
"""

from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Any, Protocol, assert_never

from serin_operator.act.keys import new_line
from serin_operator.act.made import Made
from serin_operator.api.names import FEEDBACK_KEYS, ObjectRef
from serin_operator.api.reasons import Reason
from serin_operator.cluster.errors import AlreadyExists, Forbidden, Invalid, NotFound
from serin_operator.decide.children.operations import Adopt, Annotate, Apply, Create, Delete, Operation, Provide, Scale
from serin_operator.decide.world import Obstacle

JsonObject = dict[str, Any]

LONGEST_MESSAGE = 700


class Writer(Protocol):
    """The hands."""

    async def create(self, obj: Mapping[str, Any]) -> JsonObject:
        """POST."""
        ...

    async def create_secret(self, obj: Mapping[str, Any]) -> None:
        """POST of what must not be remembered."""
        ...

    async def apply(self, obj: Mapping[str, Any], *, resource_version: str | None) -> JsonObject:
        """Server-side apply."""
        ...

    async def merge_patch(
        self, ref: ObjectRef, patch: Mapping[str, Any], *, subresource: str | None = None
    ) -> JsonObject:
        """Merge patch."""
        ...

    async def scale(self, ref: ObjectRef, replicas: int, *, resource_version: str | None) -> None:
        """Through the scale subresource."""
        ...

    async def delete(self, ref: ObjectRef, *, uid: str | None, propagation: str = "Background") -> None:
        """Delete, if it still is that one."""
        ...


class Finder(Protocol):
    """Reads one object live."""

    async def get(self, ref: ObjectRef) -> JsonObject | None:
        """The object, or None."""
        ...


class Executor:
    """Carries out the operations for one ModelDeployment.

    Args:
        writer: Writes.
        finder: Looks at who owns a name that is taken.
        made: What was written for it before; its owner is whom children must belong to.
    """

    def __init__(self, writer: Writer, finder: Finder, made: Made) -> None:
        self._writer = writer
        self._finder = finder
        self._made = made
        self._versions: dict[ObjectRef, str] = {}
        self.repairs: list[str] = []
        """What somebody else had undone, and was done again."""

    async def carry_out(self, operations: Iterable[Operation]) -> tuple[Obstacle, ...]:
        """Do all of them; returns what was refused.

        Raises:
            Transient: The API server was away, or something changed under us: observe and decide again.
        """
        obstacles: list[Obstacle] = []
        for operation in operations:
            try:
                await self._do(operation)
            except AlreadyExists as error:
                obstacles.append(Obstacle(Reason.NAME_TAKEN, f"{error.message}; rename it or this ModelDeployment"))
            except Forbidden as error:
                quota = "exceeded quota" in error.message
                obstacles.append(Obstacle(Reason.QUOTA_EXCEEDED if quota else Reason.CREATION_FORBIDDEN, error.message))
            except Invalid as error:
                obstacles.append(Obstacle(Reason.INVALID_SPEC, _shortened(error.message)))
            except NotFound:
                continue  # gone since it was observed: the next observation will say so
        return tuple(dict.fromkeys(obstacles))

    async def _do(self, operation: Operation) -> None:
        match operation:
            case Create(obj=obj):
                await self._create(obj)
            case Apply(obj=obj, resource_version=version):
                await self._apply(obj, version)
            case Adopt(ref=ref, owner=owner, resource_version=version):
                patch = {"metadata": {"ownerReferences": [owner], "resourceVersion": self._versions.get(ref, version)}}
                self._note(ref, await self._writer.merge_patch(ref, patch))
            case Annotate(ref=ref, annotations=annotations, resource_version=version):
                metadata = {"annotations": dict(annotations), "resourceVersion": self._versions.get(ref, version)}
                self._note(ref, await self._writer.merge_patch(ref, {"metadata": metadata}))
            case Scale(ref=ref, replicas=replicas, resource_version=version):
                await self._writer.scale(ref, replicas, resource_version=self._versions.get(ref, version))
                if self._made.was_scaled_to(ref, replicas):
                    self.repairs.append(f"{ref.kind} {ref.name} had been scaled; it is at {replicas} again")
            case Delete(ref=ref, uid=uid):
                await self._writer.delete(ref, uid=uid)
                self._made.forget(ref)
            case Provide(obj=obj, is_missed=is_missed):
                await self._provide(obj, is_missed=is_missed)
            case _:
                assert_never(operation)

    async def _create(self, obj: Mapping[str, Any]) -> None:
        ref = _ref_of(obj)
        try:
            created = await self._writer.create(obj)
        except AlreadyExists:
            # Perhaps it is ours and somebody took its labels off, so that no watch shows it. With them it is observed
            # again, and whatever else was done to it is put right then.
            existing = await self._finder.get(ref)
            if existing is None or self._made.owner_uid not in _controllers(existing):
                raise
            version = existing["metadata"]["resourceVersion"]
            patch = {"metadata": {"labels": obj["metadata"]["labels"], "resourceVersion": version}}
            self._note(ref, await self._writer.merge_patch(ref, patch))
            self.repairs.append(f"{ref.kind} {ref.name} had lost its labels; it has them again")
            return
        if self._made.was_made(ref):
            self.repairs.append(f"{ref.kind} {ref.name} was gone; it was made again")
        self._note(ref, created)
        self._made.note_birth(ref)
        if "replicas" in obj.get("spec", {}):
            self._made.was_scaled_to(ref, obj["spec"]["replicas"])

    async def _provide(self, obj: Mapping[str, Any], *, is_missed: bool) -> None:
        """Made once in the life of this process, and whenever it is missed. That the name is taken is what is wanted.

        Whose the Secret is that has the name cannot be asked: the right to read one Secret's metadata is the right to read
        every Secret. Who can write Secrets here could change ours as well.
        """
        ref = _ref_of(obj)
        if not is_missed and self._made.was_made(ref):
            return
        with suppress(AlreadyExists):
            await self._writer.create_secret({**obj, "stringData": {FEEDBACK_KEYS: new_line()}})
            if is_missed:
                self.repairs.append(f"Secret {ref.name} was gone; it was made again, and labels of before are refused")
        self._made.note_birth(ref)

    async def _apply(self, obj: Mapping[str, Any], version: str) -> None:
        ref = _ref_of(obj)
        version = self._versions.get(ref, version)
        written = await self._writer.apply(obj, resource_version=version)
        after = written["metadata"]["resourceVersion"]
        if self._made.was_undone(ref, obj, version, after):
            self.repairs.append(f"{ref.kind} {ref.name} had been edited; it was put right")
        self._note(ref, written)
        self._made.note(ref, obj, after)

    def _note(self, ref: ObjectRef, written: Mapping[str, Any]) -> None:
        self._versions[ref] = written["metadata"]["resourceVersion"]


def _shortened(message: str) -> str:
    """Both ends of a message that quotes a whole object: what was refused, and why."""
    return message if len(message) <= LONGEST_MESSAGE else f"{message[:200]} … {message[200 - LONGEST_MESSAGE :]}"


def _ref_of(obj: Mapping[str, Any]) -> ObjectRef:
    return ObjectRef(obj["apiVersion"], obj["kind"], obj["metadata"]["namespace"], obj["metadata"]["name"])


def _controllers(obj: Mapping[str, Any]) -> set[str]:
    return {r["uid"] for r in obj["metadata"].get("ownerReferences") or [] if r.get("controller")}

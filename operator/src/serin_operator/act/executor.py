"""Carry out the operations of a decision, in their order; decide nothing.

One child's trouble is not the others': what is refused, or has changed meanwhile, does not keep the other operations from
being carried out. A refusal becomes an obstacle, which the next decision puts into status; the first passing error is
raised at the end, so that everything is looked at again. But nothing is taken away while clients could not be led
elsewhere.
"""

import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from typing import Any, Final, assert_never

from serin_operator.act.births import Births
from serin_operator.act.fights import Undone, fought_away, fought_over
from serin_operator.act.keys import new_line
from serin_operator.act.made import Made
from serin_operator.act.ports import Finder as Finder  # noqa: PLC0414 - the name callers look for here
from serin_operator.act.ports import Writer as Writer  # noqa: PLC0414 - the name callers look for here
from serin_operator.act.refusals import obstacle_of
from serin_operator.act.sameness import differences
from serin_operator.act.structure import Path
from serin_operator.act.unchanged import AsItIs, change_of, marked
from serin_operator.api.names import FEEDBACK_KEYS, ObjectRef
from serin_operator.cluster.errors import AlreadyExists, ApiError, NotFound, NotLeading, Transient
from serin_operator.decide.children.operations import (
    Adopt,
    Annotate,
    Apply,
    Create,
    Delete,
    Operation,
    Provide,
    Rewrite,
    Scale,
    leads_clients,
    takes_away,
)
from serin_operator.decide.world import Obstacle

ROUND_SECONDS: Final = 60.0
"""An API server that answers nothing any more is not asked for each of twenty objects in turn."""


class Executor:
    """Carries out the operations for one ModelDeployment.

    Args:
        writer: Writes.
        finder: Looks at who owns a name that is taken, and who changes what we have written.
        made: What was written for it before; its owner is whom children must belong to.
        monotonic: Seconds on a clock that never jumps.
    """

    def __init__(
        self, writer: Writer, finder: Finder, made: Made, *, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._writer = writer
        self._finder = finder
        self._made = made
        self._monotonic = monotonic
        self._versions: dict[ObjectRef, str] = {}
        self.repairs: list[str] = []
        """What somebody else had undone, and was done again."""
        self.obstacles: tuple[Obstacle, ...] = ()
        """What was refused; there also when ``carry_out`` raises."""
        self._births = Births(writer, finder, made, self._repaired)

    async def carry_out(self, operations: Iterable[Operation]) -> tuple[Obstacle, ...]:
        """Do all of them; returns what was refused.

        Raises:
            NotLeading: This replica may not write any more; nothing else was tried.
            Transient: The API server was away for some, or something changed under us: observe and decide again.
        """
        first: Transient | None = None
        are_led, began = True, self._monotonic()
        for operation in operations:
            if takes_away(operation) and not are_led:
                continue
            if first is not None and self._monotonic() - began > ROUND_SECONDS:
                break
            is_done, error = await self._attempt(operation)
            first = first or error
            are_led = are_led and (is_done or not leads_clients(operation))
        if first is not None:
            raise first
        return self.obstacles

    async def _attempt(self, operation: Operation) -> tuple[bool, Transient | None]:
        """Do one; returns whether it is done, and the passing error, if that is why it is not."""
        try:
            obstacle = await self._do(operation)
        except NotLeading:
            raise
        except NotFound:
            return False, None  # gone since it was observed: the next observation will say so
        except ApiError as error:
            obstacle = obstacle_of(error, ref_of(operation))
            if obstacle is None:
                if not isinstance(error, Transient):
                    raise
                return False, error
        if obstacle is None:
            return True, None
        self.obstacles = tuple(dict.fromkeys((*self.obstacles, obstacle)))
        return False, None

    async def _do(self, operation: Operation) -> Obstacle | None:
        """Do one; returns what is in its way."""
        match operation:
            case Create(obj=obj):
                return await self._create(obj)
            case Apply(obj=obj, resource_version=version):
                return await self._apply(obj, version)
            case Adopt(ref=ref, owner=owner, resource_version=version):
                return await self._adopt(ref, owner, version)
            case Annotate(ref=ref, annotations=annotations, resource_version=version):
                metadata = {"annotations": dict(annotations), "resourceVersion": self._versions.get(ref, version)}
                self._note(ref, await self._writer.merge_patch(ref, {"metadata": metadata}))
            case Scale(ref=ref, replicas=replicas, resource_version=version):
                return await self._scale(ref, replicas, version)
            case Delete(ref=ref, uid=uid):
                await self._writer.delete(ref, uid=uid)
                self._made.forget(ref)
            case Provide(obj=obj, is_missed=is_missed):
                return await self._provide(obj, is_missed=is_missed)
            case Rewrite(ref=ref, patch=patch):
                await self._writer.json_patch(ref, patch)
            case _:
                assert_never(operation)
        return None

    async def _adopt(self, ref: ObjectRef, owner: Mapping[str, Any], version: str) -> Obstacle | None:
        if fought := self._fought_away(ref, Undone.OWNER):
            return fought
        patch = {"metadata": {"ownerReferences": [owner], "resourceVersion": self._versions.get(ref, version)}}
        self._note(ref, await self._writer.merge_patch(ref, patch))
        self._made.fights.note_undone(ref, Undone.OWNER, self._monotonic())  # that it was adopted is told anyway
        return None

    async def _create(self, obj: Mapping[str, Any]) -> Obstacle | None:
        ref = _ref_of(obj)
        if fought := self._fought_away(ref, Undone.EXISTENCE) or self._fought_away(ref, Undone.LABELS):
            return fought
        created = await self._births.create(ref, obj, self._monotonic())
        if isinstance(created, Obstacle):
            return created
        self._note(ref, created)
        return None

    async def _provide(self, obj: Mapping[str, Any], *, is_missed: bool) -> Obstacle | None:
        """Made once in the life of this process, and whenever it is missed. That the name is taken is what is wanted.

        Whose the Secret is that has the name cannot be asked: the right to read one Secret's metadata is the right to read
        every Secret. Who can write Secrets here could change ours as well.
        """
        ref = _ref_of(obj)
        if not is_missed and self._made.was_made(ref):
            return None
        if fought := self._fought_away(ref, Undone.EXISTENCE):
            return fought
        with suppress(AlreadyExists):
            await self._writer.create_secret({**obj, "stringData": {FEEDBACK_KEYS: new_line()}})
            if is_missed:
                told = (
                    f"Secret {ref.name} was gone; it was made again, and what was signed with the one before is refused"
                )
                self._repaired(ref, Undone.EXISTENCE, told)
        self._made.note_birth(ref)
        return None

    async def _apply(self, obj: Mapping[str, Any], version: str) -> Obstacle | None:
        ref = _ref_of(obj)
        if self._made.fights.stands_back(ref, Undone.INTENT, self._monotonic()):
            return await self._what_is_fought_over(ref, Undone.INTENT, obj)
        version = self._versions.get(ref, version)
        written = await self._writer.apply(obj, resource_version=version)
        after = written["metadata"]["resourceVersion"]
        was_sent = not isinstance(written, AsItIs)
        if was_sent and self._made.was_undone(ref, obj, version, after):
            self._repaired(ref, Undone.INTENT, f"{ref.kind} {ref.name} had been edited; it was put right")
        if was_sent:
            self._note(ref, written)
        self._made.note(ref, obj, after)
        return None

    async def _scale(self, ref: ObjectRef, replicas: int, version: str) -> Obstacle | None:
        if self._made.fights.stands_back(ref, Undone.SIZE, self._monotonic()):
            return await self._what_is_fought_over(ref, Undone.SIZE, {"spec": {"replicas": replicas}})
        await self._writer.scale(ref, replicas, resource_version=self._versions.get(ref, version))
        if self._made.was_scaled_to(ref, replicas):
            self._repaired(ref, Undone.SIZE, f"{ref.kind} {ref.name} had been scaled; it is at {replicas} again")
        return None

    def _repaired(self, ref: ObjectRef, what: Undone, told: str) -> None:
        """Tell it once or twice; when it becomes a fight, a condition says so instead."""
        if not self._made.fights.note_undone(ref, what, self._monotonic()):
            self.repairs.append(told)

    def _fought_away(self, ref: ObjectRef, what: Undone) -> Obstacle | None:
        """Why an object that somebody takes away again and again is left away for now."""
        return fought_away(ref, what) if self._made.fights.stands_back(ref, what, self._monotonic()) else None

    async def _what_is_fought_over(self, ref: ObjectRef, what: Undone, intent: Mapping[str, Any]) -> Obstacle | None:
        """While we stand back the object is as the other one wants it, so it tells who that is."""
        fights = self._made.fights
        known = fights.told(ref, what)
        if known is not None:
            return known
        live = await self._finder.get(ref)
        path = None if live is None else _fought_field(what, intent, live)
        if live is None or path is None:
            return None
        obstacle = fought_over(ref, path, intent, live)
        fights.tell(ref, what, obstacle)
        return obstacle

    def _note(self, ref: ObjectRef, written: Mapping[str, Any]) -> None:
        self._versions[ref] = written["metadata"]["resourceVersion"]


def _fought_field(what: Undone, intent: Mapping[str, Any], live: Mapping[str, Any]) -> Path | None:
    if what == Undone.SIZE:
        return next(differences(intent, live), None)
    change = change_of(marked(intent), live)
    return change.path if change else None


def ref_of(operation: Operation) -> ObjectRef:
    """Which object it is about."""
    return (
        operation.ref if isinstance(operation, Adopt | Annotate | Scale | Delete | Rewrite) else _ref_of(operation.obj)
    )


def _ref_of(obj: Mapping[str, Any]) -> ObjectRef:
    return ObjectRef(obj["apiVersion"], obj["kind"], obj["metadata"]["namespace"], obj["metadata"]["name"])

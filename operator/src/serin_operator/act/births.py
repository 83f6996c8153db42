"""Make an object that must not exist yet, and find out what it means when its name is taken."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from serin_operator.act.fights import Undone
from serin_operator.act.made import Made
from serin_operator.act.ports import Finder, JsonObject, Writer
from serin_operator.api.names import KIND, ObjectRef
from serin_operator.api.reasons import Reason
from serin_operator.cluster.errors import AlreadyExists, Conflict
from serin_operator.decide.world import Obstacle

Repaired = Callable[[ObjectRef, Undone, str], None]

COLLECTED_WITHIN_SECONDS: Final = 120.0
"""The garbage collector takes seconds; what is still there after this is told as a taken name."""


class Births:
    """Creates the children of one ModelDeployment.

    Args:
        writer: Writes.
        finder: Looks at who owns a name that is taken.
        made: What was written for it before; its owner is whom children must belong to.
        repaired: Gets each child that had been taken away or hidden, which of the two, and a sentence.
    """

    def __init__(self, writer: Writer, finder: Finder, made: Made, repaired: Repaired) -> None:
        self._writer = writer
        self._finder = finder
        self._made = made
        self._repaired = repaired

    async def create(self, ref: ObjectRef, obj: Mapping[str, Any], now: float) -> JsonObject | Obstacle:
        """The object as created, or found to be ours; or what is in its way.

        Raises:
            Conflict: The name was taken and is free again: look anew.
        """
        try:
            created = await self._writer.create(obj)
        except AlreadyExists as error:
            return await self._find_out(ref, obj, error, now)
        if self._made.was_made(ref):
            self._repaired(ref, Undone.EXISTENCE, f"{ref.kind} {ref.name} was gone; it was made again")
        self._note(ref, obj)
        return created

    async def _find_out(
        self, ref: ObjectRef, obj: Mapping[str, Any], error: AlreadyExists, now: float
    ) -> JsonObject | Obstacle:
        existing = await self._finder.get(ref)
        if existing is None:
            raise Conflict(f"create {ref}: the name was taken, and is free again")
        owner = _controller(existing)
        if existing["metadata"].get("deletionTimestamp"):
            return _leaving(ref, "is being deleted")
        if owner and owner["uid"] == self._made.owner_uid:
            return await self._with_labels(ref, obj, existing)
        of_a_predecessor = owner and (owner["kind"], owner["name"]) == (KIND, (_controller(obj) or {}).get("name"))
        if of_a_predecessor and self._made.seconds_in_the_way(ref, now) < COLLECTED_WITHIN_SECONDS:
            return _leaving(ref, "belongs to the deleted ModelDeployment of this name and is about to be collected")
        whose = f"{owner['kind']} {owner['name']} owns it" if owner else "nobody owns it, and it is none of Serin's"
        return Obstacle(Reason.NAME_TAKEN, f"{error.message}: {whose}; rename it or this ModelDeployment", ref)

    async def _with_labels(self, ref: ObjectRef, obj: Mapping[str, Any], existing: JsonObject) -> JsonObject:
        """It is ours, and no watch has shown it.

        Either somebody took its labels off: with them it is observed again, and whatever else was done to it is put right
        then. Or it was created just now by a call whose answer was lost, and there is nothing to put right.
        """
        labels = obj["metadata"]["labels"]
        has = existing["metadata"].get("labels") or {}
        if labels.items() <= has.items():
            self._note(ref, obj)
            return existing
        patch = {"metadata": {"labels": labels, "resourceVersion": existing["metadata"]["resourceVersion"]}}
        written = await self._writer.merge_patch(ref, patch)
        self._repaired(ref, Undone.LABELS, f"{ref.kind} {ref.name} had lost its labels; it has them again")
        return written

    def _note(self, ref: ObjectRef, obj: Mapping[str, Any]) -> None:
        self._made.note_birth(ref)
        self._made.out_of_the_way(ref)
        if "replicas" in obj.get("spec", {}):
            self._made.was_scaled_to(ref, obj["spec"]["replicas"])


def _leaving(ref: ObjectRef, how: str) -> Obstacle:
    return Obstacle(Reason.BEING_DELETED, f"{ref.kind} {ref.name} {how}; it is made anew when it is gone", ref)


def _controller(obj: Mapping[str, Any]) -> Mapping[str, Any] | None:
    references = obj["metadata"].get("ownerReferences") or ()
    return next((reference for reference in references if reference.get("controller")), None)

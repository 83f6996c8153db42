"""The hands and eyes that operations are carried out with, as whoever uses them sees them."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from serin_operator.api.names import ObjectRef

JsonObject = dict[str, Any]


class Writer(Protocol):
    """The hands."""

    async def create(self, obj: Mapping[str, Any]) -> JsonObject:
        """POST."""
        ...

    async def create_secret(self, obj: Mapping[str, Any]) -> None:
        """POST of what must not be remembered."""
        ...

    async def apply(self, obj: Mapping[str, Any], *, resource_version: str | None) -> JsonObject:
        """Server-side apply; an ``AsItIs`` where nothing had to be written."""
        ...

    async def merge_patch(
        self, ref: ObjectRef, patch: Mapping[str, Any], *, subresource: str | None = None
    ) -> JsonObject:
        """Merge patch."""
        ...

    async def json_patch(self, ref: ObjectRef, patch: Sequence[Mapping[str, Any]]) -> None:
        """JSON Patch of an object that is not ours; ``Conflict`` where a test in it fails."""
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

"""What transports ask of a server that has several models."""

from collections.abc import Mapping
from typing import Any, Protocol


class Repository(Protocol):
    """The models that a server may serve."""

    def index(self, *, is_ready_only: bool) -> list[dict[str, str]]:
        """Each with its name, version, state and reason, in Triton's words."""

    def check(self, name: str, parameters: Mapping[str, Any]) -> None:
        """Raises `Refusal` unless this model may be loaded and unloaded, with these parameters."""

    async def load(self, name: str) -> None:
        """Loads a model, or loads it anew. Raises `Refusal` where that fails; what was served then goes on."""

    async def unload(self, name: str) -> None:
        """Serves a model no longer."""

    def server_metadata(self) -> dict[str, Any]:
        """What the server says of itself."""

    @property
    def is_ready(self) -> bool:
        """Whether traffic should be sent here."""

"""What a server says of itself and its model: the data plane behind every transport, apart from inference."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

from serin_server.failures import LoadFailure
from serin_server.model.configuration import Batches, configuration
from serin_server.model.load import Model
from serin_server.refusals import Kind, Refusal

SERVER_NAME: Final = "serin-server"
SERVER_VERSION: Final = "0.1.0"
PLATFORM: Final = "onnxruntime_onnx"
EXTENSIONS: Final = ("binary_tensor_data", "feedback", "model_configuration", "statistics")


@dataclass(slots=True)
class ServedModel:
    """The one model of this server and the state it is in: loading, refused for a reason, ready, or draining."""

    name: str
    version: str
    revision: str
    model: Model | None = None
    failure: LoadFailure | None = None
    is_draining: bool = False
    is_unloaded: bool = False
    """Whether somebody has asked not to serve it."""
    batches: Batches = field(default_factory=Batches)
    extensions: tuple[str, ...] = EXTENSIONS
    """Of the protocol, as the server's metadata tells them."""
    are_siblings_ready: Callable[[], bool] = lambda: True
    """Whether the other processes of this server are ready too."""
    _version_names: frozenset[str] = field(init=False)

    def __post_init__(self) -> None:
        self._version_names = frozenset({self.revision, self.version})

    @property
    def is_ready(self) -> bool:
        """Whether traffic should be sent here."""
        return self.model is not None and not self.is_draining and self.are_siblings_ready()

    @property
    def is_settled(self) -> bool:
        """Whether it has been tried: it is served, or it is known why not."""
        return self.model is not None or self.failure is not None or self.is_unloaded

    def check_address(self, name: str, version: str | None = None) -> None:
        """Raises `Refusal` unless the address names this model."""
        if name != self.name:
            raise Refusal(Kind.UNKNOWN, f"there is no model {name!r} here: this server serves {self.name!r}")
        if version is not None and version not in self._version_names:
            raise Refusal(
                Kind.UNKNOWN,
                f"model {name!r} has no version {version!r} here: this server serves revision {self.revision!r} "
                f"(version {self.version!r})",
            )

    def readiness(self) -> dict[str, Any]:
        """The state of the model in words, for the body of its ready address."""
        state: dict[str, Any] = {"name": self.name, "ready": self.is_ready}
        if self.is_draining:
            state["reason"], state["message"] = "Draining", "the server is shutting down"
        elif self.failure is not None and self.model is None:
            state["reason"], state["message"] = str(self.failure.reason), self.failure.message
        elif self.is_unloaded:
            state["reason"], state["message"] = "Unloaded", "the model was unloaded: load it again"
        elif self.model is None or not state["ready"]:
            state["reason"], state["message"] = "Loading", "the model is being fetched and loaded"
        return state

    def loaded(self) -> Model:
        """The model. Raises `Refusal` (not ready) while there is none."""
        if self.model is None:
            state = self.readiness()
            raise Refusal(Kind.NOT_READY, f"model {self.name!r} is not ready: {state['message']}")
        return self.model

    def server_metadata(self) -> dict[str, Any]:
        """The server metadata of the protocol."""
        return {"name": SERVER_NAME, "version": SERVER_VERSION, "extensions": list(self.extensions)}

    def configuration(self) -> dict[str, Any]:
        """The model's configuration in Triton's words."""
        return configuration(self.name, self.loaded(), self.batches)

    def metadata(self) -> dict[str, Any]:
        """The model metadata of the protocol, with the digest of the bytes that are served."""
        model = self.loaded()
        return {
            "name": self.name,
            "versions": [self.revision],
            "platform": PLATFORM,
            "inputs": [
                *[tensor.described() for tensor in model.signature.inputs],
                *[{**tensor.described(), "parameters": {"optional": True}} for tensor in model.signature.optional],
            ],
            "outputs": [tensor.described() for tensor in model.signature.outputs],
            "properties": {
                "sha256": model.sha256,
                "version": self.version,
                "revision": self.revision,
                "opset": str(model.opset),
                "warm_up": str(model.warmed.kind),
                "batching": model.batching.mode,
                "batching_reason": str(model.batching.reason),
                "batching_message": model.batching.message,
            },
        }

"""The addresses of the Open Inference Protocol and of feedback, apart from inference itself."""

from collections.abc import Callable
from time import time
from typing import TYPE_CHECKING, Final, Protocol
from urllib.parse import unquote_to_bytes

from serin_server.feedback.counter import FeedbackCounter
from serin_server.http.body import BodyLimits
from serin_server.http.messages import OPENAI, Later, Request, Response, Turns, json_response, refused, refused_at
from serin_server.http.origins import Origins
from serin_server.http.server import Router
from serin_server.metrics.server import ServerMetrics
from serin_server.metrics.statistics import statistics
from serin_server.model.served import ServedModel
from serin_server.refusals import Kind, Refusal
from serin_server.security.access import AccessControl

if TYPE_CHECKING:
    from serin_server.http.embeddings import Embeddings
    from serin_server.http.explanations import Explanations

_READS: Final = (b"GET", b"HEAD")
_WRITES: Final = ("infer", "feedback", "explain")
MAX_FEEDBACK_BYTES: Final = 4 << 20
PREFIX: Final = "/v2/models/"
EMBEDDINGS: Final = "/v1/embeddings"
Handler = Callable[[Request], Response]


class PortRouter(Router, Protocol):
    """Answers everything that is not inference on the port of the protocol, and questions for health on the metrics port."""

    def allow(self, origins: Origins | None) -> None:
        """From now on browsers may ask for pages of these origins."""

    def answer_health(self, request: Request) -> Response | None:
        """The response to a question for health or readiness; None to any other request."""

    embeddings: "Embeddings | None"
    """Who answers for embeddings; None where no model makes any."""


class ProtocolRouter:
    """Finds the handler of an address; one instance serves one model."""

    def __init__(
        self,
        served: ServedModel,
        feedback: FeedbackCounter,
        access: AccessControl | None,
        limits: BodyLimits,
        metrics: ServerMetrics,
    ) -> None:
        self._limits = limits.at_most(MAX_FEEDBACK_BYTES)
        self._served = served
        self._access = access
        self._feedback = feedback
        self._metrics = metrics
        self.origins: Origins | None = None
        """Which pages may have their browsers ask; None where that is switched off."""
        self.explanations: Explanations | None = None
        """Who explains predictions; None where that is switched off."""
        self.embeddings: Embeddings | None = None
        """Who answers for embeddings; None where no model makes any."""
        self._fixed: dict[str, Handler] = {
            "/v2": lambda _: json_response(served.server_metadata()),
            "/v2/health/live": lambda _: json_response({"live": True}),
            "/v2/health/ready": self._server_ready,
        }

    def allow(self, origins: Origins | None) -> None:
        """From now on browsers may ask for pages of these origins."""
        self.origins = origins

    def infer_address(self, request: Request) -> bool:
        """Whether this is an inference of the served model, by any of its addresses."""
        path = path_of(request.target)
        name, version, verb = model_address(path)
        if verb != "infer" or not path.startswith(PREFIX):
            return False
        self._served.check_address(name, version)
        return True

    def answer(self, request: Request) -> Response | Turns | Later:
        """The response to a request that is no inference; refusals included."""
        path = path_of(request.target)
        try:
            if request.method == b"OPTIONS" and self.origins is not None:
                allowed = self.origins.preflight(request)
                if allowed is not None:
                    return allowed
            if path.startswith(PREFIX):
                return self._of_model(request, path)
            if path == EMBEDDINGS and self.embeddings is not None:
                return self.embeddings.answer(request)
            handler = self._fixed.get(path.rstrip("/"))
            if handler is None:
                raise Refusal(Kind.UNKNOWN, f"there is nothing at {path[:200]}: the protocol begins at /v2")
            check_method(request, _READS)
            return handler(request)
        except Refusal as refusal:
            if request.target.startswith(OPENAI):
                return refused_at(request.target, refusal)
            return refused(refusal, b"POST" if model_address(path)[2] in _WRITES else b"GET, HEAD")

    def answer_health(self, request: Request) -> Response | None:
        """The response to a question for health or readiness, of the server or of the model; None to any other request."""
        path = path_of(request.target)
        asks = path.rstrip("/").startswith("/v2/health/") or (
            path.startswith(PREFIX) and model_address(path)[2] == "ready"
        )
        answer = self.answer(request) if asks else None
        return answer if isinstance(answer, Response) else None

    def _of_model(self, request: Request, path: str) -> Response | Turns | Later:
        name, version, verb = model_address(path)
        if (name, version, verb) == ("stats", None, "") and self._served.name != name:
            name, verb = self._served.name, "stats"
        self._served.check_address(name, version)
        match verb:
            case "infer":
                raise Refusal(Kind.METHOD, "inference is asked for with POST")
            case "":
                check_method(request, _READS)
                return json_response(self._served.metadata())
            case "ready":
                check_method(request, _READS)
                return json_response(self._served.readiness(), 200 if self._served.is_ready else 503)
            case "config":
                check_method(request, _READS)
                return json_response(self._served.configuration())
            case "stats":
                check_method(request, _READS)
                self.check_access(request)
                told = statistics(self._metrics, self._served.name, self._served.revision)
                return json_response({"model_stats": [told]})
            case "feedback":
                check_method(request, (b"POST",))
                self.check_access(request)
                return self._take(self._limits.plain(request))
            case "explain":
                check_method(request, (b"POST",))
                return self._explained(request)
            case _:
                raise Refusal(
                    Kind.UNKNOWN, f"a model has ready, config, stats, infer, explain and feedback, not {verb[:100]!r}"
                )

    def check_access(self, request: Request) -> None:
        """Raises `Refusal` for a request without a key or token, where one is asked for."""
        headers = request.headers
        if self._access is not None:
            self._access.check(headers.get(b"authorization"), headers.get(b"x-api-key"))

    def _explained(self, request: Request) -> Response | Later:
        if self.explanations is None:
            raise Refusal(
                Kind.UNKNOWN,
                "explanations are switched off: they take CPU time (SERIN_EXPLAIN=on, or spec.serving.explain)",
            )
        return self.explanations.answer(request)

    def _take(self, body: bytes | bytearray) -> Turns:
        for answer in self._feedback.take_in_turns(body, time()):
            yield (
                None if answer is None else json_response({"accepted": answer.accepted, "rejected": answer.rejected})
            )

    def _server_ready(self, _: Request) -> Response:
        ready = self._served.is_ready
        return json_response({"ready": ready}, 200 if ready else 503)


def path_of(target: bytes) -> str:
    """The path of a request's target, without a query, unquoted; a target as for a proxy has a host before it."""
    path = target.partition(b"?")[0]
    if path.startswith((b"http://", b"https://")):
        path = b"/" + path.split(b"/", 3)[3] if path.count(b"/") > 2 else b"/"
    return unquote_to_bytes(path).decode(errors="replace") if b"%" in path else path.decode(errors="replace")


def model_address(path: str) -> tuple[str, str | None, str]:
    """`/v2/models/{name}[/versions/{version}][/{verb}]` in its parts. A model's name may hold no slash."""
    name, _, rest = path.removeprefix(PREFIX).rstrip("/").partition("/")
    if rest.startswith("versions/"):
        version, _, verb = rest.removeprefix("versions/").partition("/")
        return name, version, verb
    return name, None, rest


def check_method(request: Request, allowed: tuple[bytes, ...]) -> None:
    """Raises `Refusal` for a method that an address is not for."""
    if request.method not in allowed:
        words = " or ".join(method.decode() for method in allowed)
        raise Refusal(Kind.METHOD, f"this address is for {words}, not {request.method.decode(errors='replace')}")

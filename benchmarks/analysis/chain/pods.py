"""Processes that count with the server's own code, with the settings that the operator gives their pods, and what a scrape reads of them."""

import asyncio
from collections.abc import Mapping
from functools import cache
from types import SimpleNamespace
from typing import cast

import numpy as np
import orjson

from serin_operator.api.spec import ModelDeploymentSpec
from serin_operator.api.variables import variables_of
from serin_operator.decide.manifests import serving
from serin_server import baseline
from serin_server.baseline import Baseline
from serin_server.config.settings import Settings, settings_from
from serin_server.features.capture import FeatureCapture
from serin_server.features.words import FeatureWords
from serin_server.feedback.tokens import TokenSigner
from serin_server.keys import Keys
from serin_server.metrics.clients import WINDOW_SECONDS
from serin_server.metrics.instruments import Counter
from serin_server.metrics.server import ServerMetrics, Words
from serin_server.model.predictions import PredictionReader
from serin_server.model.tensors import Signature, TensorSpec
from serin_server.pairing.book import PairBook
from serin_server.process.assembly import feedback_of, metrics_of

NAMESPACE, MODEL = "team-a", "fraud"
KEYS = Keys("k1", {"k1": bytes(range(32))})
_SIGNATURE = Signature((TensorSpec("x", "FP32", (-1, 1)),), (TensorSpec("y", "FP32", (-1, 1)),))
_LOOP = cast("asyncio.AbstractEventLoop", SimpleNamespace(call_soon=lambda work: work()))


class Counts(ServerMetrics):
    """A server's, of a process whose CPU time is told to it."""

    cpu_seconds = 0.0

    def _tell_process(self, words: Words) -> None:
        words.head("serin_process_cpu_seconds_total", "counter")
        words.sample("serin_process_cpu_seconds_total", {}, self.cpu_seconds)


def settings_of(spec: ModelDeploymentSpec, revision: str, pod: str) -> Settings:
    """A server's settings from the environment that the operator gives its pod."""
    told = {
        **variables_of(spec.model_dump(by_alias=True, exclude_none=True)),
        **serving.control(MODEL, spec),
        **serving.slices(spec),
        **serving.bounds(spec),
        **serving.scores(spec),
    }
    own = {
        "SERIN_MODEL_NAME": MODEL,
        "SERIN_MODEL_NAMESPACE": NAMESPACE,
        "SERIN_MODEL_URI": "s3://models/any",
        "SERIN_MODEL_REVISION": revision,
        "SERIN_POD_NAME": pod,
        "SERIN_FEEDBACK_KEY_FILE": "/etc/serin/feedback/keys",
    }
    return settings_from({**told, **own})


class Pod:
    """One process."""

    def __init__(self, name: str, settings: Settings, born: float, trained_on: Baseline | None = None) -> None:
        self.name = name
        self.revision = settings.revision
        self.metrics = cast("Counts", metrics_of(settings, born, Counts))
        self.signer = TokenSigner(KEYS, self.revision)
        self.feedback = feedback_of(settings, self.metrics, self.signer)
        self.book = PairBook(
            is_regression=settings.feedback_kind == "regression", tolerance=settings.feedback_tolerance
        )
        self.metrics.signed_predictions = 0
        self.metrics.on_failure = _raised
        self.metrics.more.append(self.book)
        self.capture = None
        if trained_on is not None:
            self.capture = FeatureCapture(trained_on, _SIGNATURE, PredictionReader(_SIGNATURE), _LOOP)
            self.metrics.more.append(FeatureWords(self.capture))

    @property
    def labels(self) -> Mapping[str, str]:
        """What every series of it has, and what Prometheus adds to those of its target."""
        return {**self.metrics.labels, "namespace": NAMESPACE, "pod": self.name, "job": MODEL}

    def answer(self, moment: float, client: bytes, seconds: float, *, fails: bool) -> None:
        """One request: what `DataPlane.succeeded` and `refused` count of it."""
        metrics = self.metrics
        metrics.clients.window = int(moment / WINDOW_SECONDS)
        metrics.clients.count(metrics.clients.client(client), int(fails))
        metrics.request_duration.observe(seconds)
        if fails:
            metrics.requests.add("500", "true")
        else:
            metrics.requests.values["200", "false"] += 1

    def see(self, inputs: np.ndarray, outputs: np.ndarray) -> None:
        """The rows of some runs of the model."""
        if self.capture is not None and len(inputs):
            self.capture.observe([inputs.astype(np.float32).reshape(-1, 1)], [outputs.reshape(-1, 1)])

    def hear(self, moment: float, row: Mapping[str, object]) -> None:
        """One row of feedback."""
        refused = self.feedback.take(orjson.dumps(row), moment).rejected
        if refused:
            raise AssertionError(refused[0])

    def tell(self, words: Words) -> None:
        """Everything that it counts."""
        self.metrics.tell(words)


class Exporter:
    """A process of somebody else, with a counter by outcome and by the version that made the prediction; it begins anew in its series."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.offers = Counter(("outcome", "model_version"))

    @property
    def labels(self) -> Mapping[str, str]:
        """What Prometheus adds to those of its target."""
        return {"namespace": NAMESPACE, "pod": self.name, "instance": f"{self.name}:9000", "job": "shop"}

    def tell(self, words: Words) -> None:
        """Everything that it counts."""
        words.counter("shop_offers_total", self.offers)


@cache
def trained(knows: float) -> Baseline:
    """The baseline of a model that was trained with inputs up to so many standard deviations."""
    rng = np.random.default_rng(7)
    inputs = rng.normal(0, 1, 20_000)
    return baseline.of(
        {"x": inputs[np.abs(inputs) <= knows].astype(np.float32)}, rng.normal(0, 1, 20_000).astype(np.float32)
    )


def _raised(_part: str, error: Exception) -> None:
    """A server leaves out what it cannot tell; here nothing may be left out."""
    raise error

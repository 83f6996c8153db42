"""One model of a process: what is told and counted of it, and what serves it while it is loaded."""

import asyncio
from typing import TYPE_CHECKING

from serin_server.config.settings import Settings
from serin_server.dataplane.memory import MemoryBudget
from serin_server.dataplane.plane import DataPlane
from serin_server.features.words import FeatureWords
from serin_server.feedback.marks import Marks
from serin_server.http.body import BodyLimits
from serin_server.http.routes import PortRouter, ProtocolRouter
from serin_server.metrics.clients import ClientSums
from serin_server.metrics.server import ServerMetrics, ToldAtScrape
from serin_server.model.configuration import Batches
from serin_server.model.load import Model
from serin_server.model.onnx_file import EMBEDDINGS, model_file, properties_of
from serin_server.model.served import ServedModel
from serin_server.model.warmup import WarmUp
from serin_server.pairing.pairing import Pairing
from serin_server.process.assembly import capture_of, feedback_of, loaded_of, payload_log_of, signer_of
from serin_server.process.pairs import pairing_of
from serin_server.process.predictions import prediction_log_of
from serin_server.records.access import AccessLog
from serin_server.records.log import Log
from serin_server.records.payload import PayloadLog
from serin_server.records.predictions.log import PredictionLog
from serin_server.records.words import PayloadWords

if TYPE_CHECKING:
    from serin_server.process.explaining import Explaining
    from serin_server.records.spans import Spans


class Member:
    """One model's part in a process."""

    def __init__(self, settings: Settings, metrics: ServerMetrics, memory: MemoryBudget, log: Log) -> None:
        self.settings = settings
        self.metrics = metrics
        self.log = log
        self.served = ServedModel(settings.model_name, settings.model_version, settings.revision)
        self.served.batches = Batches(settings.max_batch_rows, settings.batch_window_seconds)
        self.plane = DataPlane(metrics, settings.max_in_flight, memory)
        if settings.access_log_sample:
            self.plane.access_log = AccessLog(log, settings.access_log_sample)
        self._spans: Spans | None = None
        if settings.otlp_endpoint:
            from serin_server.process.tracing import export_spans  # noqa: PLC0415 (only for those who ask for it)

            self._spans = export_spans(settings, self.plane, metrics, log)
        self.signer = signer_of(settings)
        if self.signer is not None:
            metrics.clients = ClientSums(self.signer.number_of)
        self._feedback = feedback_of(settings, metrics, self.signer)
        self.plane.marks = None if self.signer is None else Marks(self.signer)
        self._payload_log: PayloadLog | None = None
        self._prediction_log: PredictionLog | None = None
        self._pairing: Pairing | None = None
        self._explaining: Explaining | None = None
        self._told: list[ToldAtScrape] = []
        self._limits: BodyLimits | None = None
        self.port: PortRouter | None = None
        """What answers at the addresses that no model has for itself."""

    def router(self, limits: BodyLimits, loop: asyncio.AbstractEventLoop) -> ProtocolRouter:
        """What answers at this model's addresses, apart from inference."""
        self._limits = limits
        self.port = router = ProtocolRouter(self.served, self._feedback, self.plane.access, limits, self.metrics)
        if self.settings.explain == "on":
            from serin_server.process.explaining import Explaining  # noqa: PLC0415 (only for those who ask for it)

            self._explaining = Explaining(self.settings, self.served, limits, loop, self.metrics)
            router.explanations = self._explaining.explanations
        return router

    async def start(self, model: Model, loop: asyncio.AbstractEventLoop) -> None:
        """Serves this model from now on, in the place of one that was served before. Raises `LoadFailure`."""
        settings, log = self.settings, self.log
        capture = capture_of(settings, model, loop, log)
        prediction_log = prediction_log_of(settings, model, self.metrics, log)
        loaded = loaded_of(settings, model, self.metrics, loop, self.signer, capture, prediction_log)
        for notice in (
            model.session.notice,
            *await loop.run_in_executor(None, loaded.batcher.warm, model.warmed.feeds),
        ):
            if notice:
                log.warning("not as asked for", message=notice)
        self._forget()
        payload_log = self._payload_log = payload_log_of(settings, model, log)
        pairing = self._pairing = pairing_of(settings, model, self.signer, loop, log)
        if pairing is not None:
            self._tell(pairing.book)
            self.plane.pairing = pairing
        self._prediction_log = prediction_log
        if prediction_log is not None:
            prediction_log.start()
            self._tell(prediction_log)
            self._feedback.on_label = prediction_log.label
        if capture is not None:
            self._tell(FeatureWords(capture))
        if payload_log is not None:
            self._tell(PayloadWords(payload_log))
            self.plane.observers += (payload_log.observe,)
        if self._explaining is not None:
            self._explaining.start(model, loaded, log)
        self._embed(model)
        self.plane.loaded = loaded
        self.metrics.model_sha256 = model.sha256
        self.metrics.batching = (model.batching.mode, str(model.batching.reason))
        self.served.model, self.served.failure, self.served.is_unloaded = model, None, False

    def _embed(self, model: Model) -> None:
        """Answers for embeddings, if the model is to make any."""
        properties = properties_of(model_file(model.path))
        asked = self.settings.embeddings
        if self.port is None or self._limits is None or (asked == "auto" and EMBEDDINGS not in properties):
            return
        from serin_server.process.embedding import embed  # noqa: PLC0415 (only for models that make embeddings)

        embed(self.port, self._limits, self.settings, model.signature, properties, self.plane, self.log)

    def stop(self) -> None:
        """Serves it no longer; what is in flight is answered."""
        self.served.model, self.served.failure, self.served.is_unloaded = None, None, True
        self.plane.loaded = None
        self.metrics.model_sha256, self.metrics.batching = "", None
        self._forget()

    def tell_ready(self) -> None:
        """One line in the log for a model that is served."""
        model = self.served.loaded()
        batching = model.batching
        told = {
            "sha256": model.sha256,
            "opset": model.opset,
            "size_bytes": model.size_bytes,
            "providers": list(model.session.providers),
            "warm_up": str(model.warmed.kind),
            "batching": batching.mode,
            "batching_reason": str(batching.reason),
            "batching_message": batching.message,
        }
        self.log.info("ready", **told)
        if model.warmed.kind is WarmUp.NONE:
            self.log.warning("not warmed up", message=model.warmed.message)

    def close(self) -> None:
        """Ends what goes on beside requests; what waits to be sent has a bounded time."""
        self._forget()
        if self._spans is not None:
            self._spans.close()

    def _tell(self, told: ToldAtScrape) -> None:
        self._told.append(told)
        self.metrics.more.append(told)

    def _forget(self) -> None:
        """Lets go of what belonged to the model that was served."""
        for told in self._told:
            self.metrics.more.remove(told)
        self._told.clear()
        self.plane.observers, self.plane.pairing = (), None
        self._feedback.on_label = None
        for part in (self._payload_log, self._pairing, self._prediction_log):
            if part is not None:
                part.close()
        self._payload_log = self._pairing = self._prediction_log = None

"""Explanations of the model that a process serves, where they are asked for."""

import asyncio

from serin_server.config.settings import Settings
from serin_server.dataplane.plane import Loaded
from serin_server.explaining.background import Unexplainable, background_of
from serin_server.explaining.counts import ExplanationCounts
from serin_server.explaining.explainer import Explainer
from serin_server.explaining.names import feature_names
from serin_server.http.body import BodyLimits
from serin_server.http.explanations import Explanations
from serin_server.metrics.server import ServerMetrics
from serin_server.model.load import Model
from serin_server.model.served import ServedModel
from serin_server.process.assembly import baseline_of
from serin_server.records.log import Log


class Explaining:
    """The part of a process that explains: it takes questions at once, and answers them when there is a model."""

    def __init__(
        self,
        settings: Settings,
        served: ServedModel,
        limits: BodyLimits,
        loop: asyncio.AbstractEventLoop,
        metrics: ServerMetrics,
    ) -> None:
        self._settings = settings
        served.extensions += ("explain",)
        counts = ExplanationCounts()
        metrics.more.append(counts)
        self.explanations = Explanations(served, limits, loop, settings.explain_max_waiting, counts)

    def start(self, model: Model, loaded: Loaded, log: Log) -> None:
        """Explains this model. One without a background is served all the same, and it is said why it is not explained."""
        settings, signature = self._settings, model.signature
        try:
            background = background_of(settings.explain_background, model.path, signature)
        except Unexplainable as error:
            self.explanations.problem = str(error)
            log.warning("predictions are not explained", message=str(error))
            return
        explainer = Explainer(
            model.session,
            background,
            feature_names(signature.inputs, background, baseline_of(settings, model)),
            # Where rows influence one another, coalitions in one run would too.
            most_rows=settings.max_batch_rows if model.batching.is_batchable else 1,
            max_evaluations=settings.explain_max_evaluations,
            max_seconds=settings.explain_seconds,
            preferred_output=settings.prediction_output,
        )
        self.explanations.use(loaded.reader, explainer)

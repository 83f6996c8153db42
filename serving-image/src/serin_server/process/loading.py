"""How a server comes by its model: it tries until it succeeds, or until trying again is no use."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager, nullcontext
from functools import partial
from typing import Final

from serin_server.config.settings import Settings
from serin_server.failures import SOURCE_REASONS, LoadFailure, Reason
from serin_server.metrics.server import ServerMetrics
from serin_server.model.deadline import in_thread
from serin_server.model.load import Model
from serin_server.model.served import ServedModel
from serin_server.process.lastwords import LastWords
from serin_server.process.model import load_as_set
from serin_server.process.termination import write_failure
from serin_server.records.log import Log

_FIRST_RETRY_SECONDS: Final = 1.0
_LONGEST_RETRY_SECONDS: Final = 60.0


class Loading:
    """Loads the model that the settings name, with backoff, and tells everywhere why it is not there yet."""

    def __init__(
        self,
        settings: Settings,
        served: ServedModel,
        metrics: ServerMetrics,
        log: Log,
        gate: AbstractAsyncContextManager[None] | None = None,
    ) -> None:
        """With a `gate`, which it passes for each attempt, the model is one of several: then its troubles end no process."""
        self._settings = settings
        self._served = served
        self._metrics = metrics
        self._log = log
        self._gate = nullcontext() if gate is None else gate
        self._is_alone = gate is None
        self._last_words = LastWords(settings.cache_dir, settings.termination_log)

    async def until_served(self, start: Callable[[Model], Awaitable[None]]) -> int:
        """Returns 0 when `start` has taken a model, else the exit code to end with."""
        delay = _FIRST_RETRY_SECONDS
        while True:
            try:
                await self.once(start)
            except LoadFailure as failure:
                if not self._is_worth_retrying(failure) or (self._is_alone and self._last_words.are_due(failure)):
                    if self._is_alone:
                        write_failure(self._settings.termination_log, failure)
                    return failure.exit_code
            else:
                self._last_words.forget()
                return 0
            await asyncio.sleep(delay * random.uniform(0.8, 1.2))  # noqa: S311 (no secret)
            delay = min(2 * delay, _LONGEST_RETRY_SECONDS)

    async def once(self, start: Callable[[Model], Awaitable[None]]) -> None:
        """Loads, and `start` takes the model. Raises `LoadFailure`, which it has told."""
        try:
            async with self._gate:
                await start(await asyncio.wrap_future(in_thread(partial(load_as_set, self._settings))))
        except LoadFailure as failure:
            self._tell(failure)
            raise

    def _tell(self, failure: LoadFailure) -> None:
        self._served.failure = failure
        self._metrics.load_failures.add(failure.reason.value)
        self._log.error("model not loaded", reason=str(failure.reason), message=failure.message)

    def _is_worth_retrying(self, failure: LoadFailure) -> bool:
        """A pinned model was there when it was resolved, so whatever its source says now may pass."""
        if failure.reason in (Reason.SOURCE_UNREACHABLE, Reason.SOURCE_CHANGED):
            return True
        return bool(self._settings.model_sha256) and failure.reason in SOURCE_REASONS

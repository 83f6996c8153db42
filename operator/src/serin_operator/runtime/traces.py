"""Traces of reconciles, made from the settings and ended with the process."""

import asyncio
import random
from collections.abc import Callable
from contextlib import AsyncExitStack
from importlib.metadata import version
from typing import Final

import aiohttp
import structlog

from serin_operator.cluster.connection import new_plain_session
from serin_operator.cluster.store import Key
from serin_operator.runtime.metrics import OperatorMetrics
from serin_operator.runtime.settings import Settings
from serin_operator.runtime.spans import NotTaken, Outbox, Send
from serin_operator.runtime.workers import Begin
from serin_operator.tracing import NOTHING, Span, Step, Take

_SEND_SECONDS: Final = 5.0
_LAST_SECONDS: Final = 2.0

_log = structlog.get_logger(__name__)


async def open_traces(settings: Settings, metrics: OperatorMetrics, stack: AsyncExitStack) -> Begin:
    """What begins the span of a reconcile; nothing, where no collector is named."""
    if settings.otlp_endpoint is None:
        return lambda _key: NOTHING
    from serin_operator.runtime.otlp import CONTENT_TYPE, PATH, encoder  # noqa: PLC0415 - protobuf, for who asks for it

    release = version("serin-operator")
    about = {
        "service.name": "serin-operator",
        "service.namespace": settings.lease_namespace,
        "service.version": release,
        "service.instance.id": settings.pod_name,
    }
    for outcome in ("sent", "dropped"):
        metrics.spans.labels(outcome)
    session = await stack.enter_async_context(new_plain_session(settings.otlp_endpoint, connections=1))
    outbox = Outbox(
        encoder(about, release),
        to_collector(session, settings.otlp_endpoint.rstrip("/") + PATH, CONTENT_TYPE),
        lambda outcome, count: metrics.spans.labels(outcome).inc(count),
        lambda trouble: _log.warning("spans are not taken; they are dropped", trouble=trouble),
    )
    sending = asyncio.create_task(outbox.run(), name="spans")

    async def end() -> None:
        outbox.end()
        await asyncio.wait({sending}, timeout=_LAST_SECONDS)
        sending.cancel()
        await asyncio.gather(sending, return_exceptions=True)

    stack.push_async_callback(end)
    return beginning(outbox.take, settings.otlp_sample)


def to_collector(session: aiohttp.ClientSession, url: str, content_type: str) -> Send:
    """Posts to a collector, which has so long for its answer and is not asked again."""

    async def send(body: bytes) -> None:
        async with session.post(
            url,
            data=body,
            headers={"Content-Type": content_type},
            timeout=aiohttp.ClientTimeout(total=_SEND_SECONDS),
            allow_redirects=False,
        ) as answer:
            if answer.status >= 300:
                raise NotTaken(f"the collector answers HTTP {answer.status}")

    return send


def beginning(take: Take, share: float, chance: Callable[[], float] = random.random) -> Begin:
    """Begins a trace for this share of the reconciles."""

    def begin(key: Key) -> Step:
        if chance() >= share:
            return NOTHING
        return Span("reconcile", take, {"k8s.namespace.name": key.namespace, "serin.model_deployment": key.name})

    return begin

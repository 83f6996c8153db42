"""Prometheus and the desk for looks, made from the settings and closed with the process."""

from collections.abc import Callable
from contextlib import AsyncExitStack
from typing import Final

from serin_operator.cluster.connection import new_plain_session
from serin_operator.observe.booking import Name
from serin_operator.observe.desk import LOOKS_AT_A_TIME, LookDesk
from serin_operator.observe.prometheus_client import PrometheusClient
from serin_operator.runtime.metrics import OperatorMetrics
from serin_operator.runtime.settings import Settings

_QUERIES_A_LOOK: Final = 4
"""So many of one look are under way at once on average; more wait for a connection, within the look's deadline."""


async def open_prometheus(
    settings: Settings, metrics: OperatorMetrics, stack: AsyncExitStack
) -> PrometheusClient | None:
    """The client for the Prometheus of the settings; ``None`` without one."""
    access = settings.prometheus_access
    if access is None:
        return None
    connections = LOOKS_AT_A_TIME * _QUERIES_A_LOOK
    session = await stack.enter_async_context(new_plain_session(access.url, connections=connections))
    return PrometheusClient(access, session, on_query=lambda result: metrics.prometheus_queries.labels(result).inc())


def open_desk(
    prometheus: PrometheusClient | None,
    settings: Settings,
    metrics: OperatorMetrics,
    stack: AsyncExitStack,
    on_done: Callable[[Name], None],
) -> LookDesk | None:
    """The desk at which looks are taken; ``None`` without a Prometheus."""
    if prometheus is None:
        return None
    desk = LookDesk(
        prometheus, prometheus.address, deadline_seconds=settings.prometheus_timeout_seconds, on_done=on_done
    )
    metrics.prometheus_paused.set_function(lambda: float(desk.is_paused))
    stack.push_async_callback(desk.close)
    return desk

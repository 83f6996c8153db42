"""The office from which notices are delivered, made from the settings and closed with the process."""

from collections.abc import Iterable
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from functools import partial
from typing import Final

import aiohttp

from serin_operator.act.notices.backlog import AT_A_TIME, Backlog
from serin_operator.act.notices.channels import NoticeSettings
from serin_operator.act.notices.line import End
from serin_operator.act.notices.office import Office
from serin_operator.act.notices.sending import Sender
from serin_operator.cluster.store import Key
from serin_operator.runtime.metrics import OperatorMetrics
from serin_operator.runtime.workers import WorkQueue

_CONNECT_SECONDS: Final = 5.0
_GATHER_SECONDS: Final = 0.5
"""What has been delivered is written down a moment later, together with what else has been until then."""


class Counters:
    """The metrics of notices."""

    def __init__(self, metrics: OperatorMetrics) -> None:
        self._metrics = metrics

    def attempted(self, channel: str, *, succeeded: bool) -> None:
        """An attempt has ended."""
        self._metrics.notice_attempts.labels(channel, "success" if succeeded else "error").inc()

    def ended(self, channel: str, how: End) -> None:
        """A notice is done with."""
        self._metrics.notices.labels(channel, how).inc()


async def open_office(
    settings: NoticeSettings | None,
    metrics: OperatorMetrics,
    stack: AsyncExitStack,
    queue: WorkQueue,
) -> Office | None:
    """The office for the channels of the settings; ``None`` without any."""
    if settings is None or not settings.channels:
        return None
    # A limit for each receiver, none for all: one that hangs keeps no connection from another.
    connector = aiohttp.TCPConnector(limit=0, limit_per_host=AT_A_TIME * len(settings.channels))
    timeout = aiohttp.ClientTimeout(sock_connect=_CONNECT_SECONDS)
    # Receivers set cookies that none of them needs back.
    session = aiohttp.ClientSession(connector=connector, timeout=timeout, cookie_jar=aiohttp.DummyCookieJar())
    await stack.enter_async_context(session)
    office = Office(
        settings.channels,
        Sender(session, settings.folder, settings.cluster),
        Counters(metrics),
        on_done=lambda namespace, name: queue.add(Key(namespace, name), _GATHER_SECONDS),
    )
    _watch(office.backlogs(), metrics)
    return office


def _watch(backlogs: Iterable[Backlog], metrics: OperatorMetrics) -> None:
    """Read how each channel goes when it is scraped."""
    for backlog in backlogs:
        metrics.notices_waiting.labels(backlog.name).set_function(partial(_waiting, backlog))
        metrics.notices_oldest.labels(backlog.name).set_function(partial(_age_seconds, backlog))
        metrics.channel_away.labels(backlog.name).set_function(partial(_away, backlog))
        for result in ("success", "error"):
            metrics.notice_attempts.labels(backlog.name, result)
        for how in ("delivered", "refused", "expired", "dropped"):
            metrics.notices.labels(backlog.name, how)


def _waiting(backlog: Backlog) -> float:
    return float(backlog.waiting)


def _away(backlog: Backlog) -> float:
    return float(backlog.is_away)


def _age_seconds(backlog: Backlog) -> float:
    oldest = backlog.oldest
    return (datetime.now(UTC) - oldest).total_seconds() if oldest else 0.0

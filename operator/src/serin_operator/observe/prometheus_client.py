"""Ask Prometheus for the value of an expression at one moment.

An answer is either whole or an error: what Prometheus itself calls partial is no evidence. Credentials and CA are
read again for every query, because mounted Secrets rotate, and never appear in a message.
"""

import base64
import ssl
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any, Final, Self
from urllib.parse import urlsplit

import aiohttp
import orjson

from serin_operator.tracing import step

_SHOWN: Final = 300
_NO_TENANT: Final = b"no org id"
_SKEW_SECONDS: Final = 5.0
_REFUSALS: Final = frozenset({400, 422})
"""Statuses of Prometheus for a query that does not parse and for one that cannot be carried out."""


class PrometheusError(Exception):
    """A query gave no answer that may be used as evidence; the message says why and what to look at."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class PrometheusTimeout(PrometheusError):
    """There was no answer in time, which costs whoever waits for it."""


class PrometheusRefused(PrometheusError):
    """The query itself is wrong: it does not parse, or gives something else than one number for each series."""


@dataclass(frozen=True, slots=True)
class Series:
    """One element of an instant vector."""

    labels: Mapping[str, str]
    value: float
    at: float
    """Unix seconds."""


@dataclass(frozen=True, slots=True)
class PrometheusAccess:
    """Where Prometheus is and how to be let in."""

    url: str
    timeout_seconds: float = 10.0
    bearer_token_file: Path | None = None
    username: str | None = None
    password_file: Path | None = None
    ca_file: Path | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    """More headers of every query, such as the tenant of Mimir; nothing secret."""


class PrometheusClient:
    """Instant queries over HTTP.

    Args:
        access: Address and credentials.
        session: For plain calls; its time-outs and TLS are overridden for each query.
        on_query: Told how each query ended: ``success`` or ``error``.
        clock: Unix seconds, which Prometheus' own are compared with.
    """

    def __init__(
        self,
        access: PrometheusAccess,
        session: aiohttp.ClientSession,
        *,
        on_query: Callable[[str], None] = lambda _result: None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._access = access
        self._clock = clock
        self._session = session
        self._on_query = on_query
        self._tls = _RotatingTls(access.ca_file)

    @property
    def address(self) -> str:
        """Where it asks, for messages: without user and password, should the URL hold any."""
        parts = urlsplit(self._access.url)
        return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()

    async def query(self, promql: str, at: float) -> list[Series]:
        """The instant vector of ``promql`` at the Unix time ``at``; a scalar counts as one series without labels.

        Raises:
            PrometheusError: No connection, a time-out, a refusal, a partial or malformed answer.
        """
        try:
            with step("query", is_call=True) as span:
                headers = {} if span is None else {"traceparent": span.traceparent()}
                series = _series_of(await self._ask(promql, at, headers))
        except PrometheusError:
            self._on_query("error")
            raise
        self._on_query("success")
        return series

    async def _ask(self, promql: str, at: float, more: Mapping[str, str]) -> Any:  # noqa: ANN401 - JSON as it came
        access = self._access
        try:
            headers = {**access.headers, **more, **self._credentials()}
            tls = self._tls.context()
        except OSError as error:
            raise PrometheusError(
                f"cannot read {error.filename} for Prometheus ({error.strerror}); check the Secret that is mounted there"
            ) from error
        try:
            async with self._session.post(
                access.url.rstrip("/") + "/api/v1/query",
                data={"query": promql, "time": f"{at:.3f}", "timeout": f"{access.timeout_seconds:g}s"},
                headers=headers,
                ssl=tls,
                timeout=aiohttp.ClientTimeout(total=access.timeout_seconds),
                allow_redirects=False,
            ) as response:
                body = await response.read()
        except TimeoutError as error:
            raise PrometheusTimeout(
                f"Prometheus at {self.address} did not answer within {access.timeout_seconds:g} s"
            ) from error
        except (aiohttp.ClientError, OSError) as error:
            raise PrometheusError(f"Prometheus at {self.address} cannot be reached: {error}") from error
        data = _answer_of(response.status, body, self.address)
        if isinstance(data, dict) and data.get("result") == []:
            _check_clock(response.headers.get("Date", ""), self._clock(), self.address)
        return data

    def _credentials(self) -> dict[str, str]:
        access = self._access
        if access.bearer_token_file is not None:
            return {"Authorization": f"Bearer {access.bearer_token_file.read_text().strip()}"}
        if access.username is not None:
            password = access.password_file.read_text().strip() if access.password_file is not None else ""
            basic = base64.b64encode(f"{access.username}:{password}".encode()).decode()
            return {"Authorization": f"Basic {basic}"}
        return {}


class _RotatingTls:
    """A TLS context that is made anew when the CA file has changed."""

    def __init__(self, ca_file: Path | None) -> None:
        self._ca_file = ca_file
        self._made_of: int | None = None
        self._context: ssl.SSLContext | None = None

    def context(self) -> ssl.SSLContext | bool:
        """The context, or ``True`` for what the system trusts."""
        if self._ca_file is None:
            return True
        modified = self._ca_file.stat().st_mtime_ns
        if self._context is None or modified != self._made_of:
            self._context = ssl.create_default_context(cafile=str(self._ca_file))
            self._made_of = modified
        return self._context


def _answer_of(status: int, body: bytes, url: str) -> Any:  # noqa: ANN401 - JSON as it came
    try:
        answer = orjson.loads(body)
    except orjson.JSONDecodeError:
        answer = None
    if status in {400, 401, 403} and _NO_TENANT in body.lower():
        raise PrometheusError(
            f"Prometheus at {url} keeps several tenants apart and wants to know which (no org id, HTTP {status}): set"
            " X-Scope-OrgID in prometheus.headers of the chart"
        )
    if status in {401, 403}:
        raise PrometheusError(f"Prometheus at {url} refuses the operator's credentials (HTTP {status})")
    if not isinstance(answer, dict) or "status" not in answer:
        raise PrometheusError(
            f"{url} answers HTTP {status} and not as Prometheus does; prometheus.url must be its address without /api/v1"
        )
    if status != 200 or answer["status"] != "success":
        why = f"{answer.get('errorType', 'error')}: {answer.get('error', f'HTTP {status}')}"
        kind = PrometheusRefused if status in _REFUSALS else PrometheusError
        raise kind(f"Prometheus refuses the query: {why[:_SHOWN]}")
    if answer.get("warnings"):
        raise PrometheusError(f"Prometheus gives a partial answer: {'; '.join(map(str, answer['warnings']))[:_SHOWN]}")
    if answer.get("isPartial"):  # VictoriaMetrics' way of saying so
        raise PrometheusError("Prometheus gives a partial answer (isPartial): some of its storage nodes do not answer")
    return answer.get("data")


def _check_clock(theirs: str, ours: float, url: str) -> None:
    """Nothing found may mean that the question was about a moment that Prometheus has not reached yet."""
    try:
        ahead = ours - parsedate_to_datetime(theirs).timestamp()
    except ValueError:
        return
    if abs(ahead) > _SKEW_SECONDS:
        raise PrometheusError(
            f"Prometheus at {url} has nothing for this moment, and its clock is more than {_SKEW_SECONDS:g} s"
            f" {'behind' if ahead > 0 else 'ahead of'} the operator's: let both follow the same time (NTP)"
        )


def _series_of(data: Any) -> list[Series]:  # noqa: ANN401 - JSON as it came
    try:
        match data["resultType"]:
            case "vector":
                return [_Point.parse(item["value"]).series(item["metric"]) for item in data["result"]]
            case "scalar":
                return [_Point.parse(data["result"]).series({})]
            case other:
                raise PrometheusRefused(
                    f"the query gives a {other}, but a number for each series is wanted (an instant vector or a scalar)"
                )
    except (KeyError, TypeError, ValueError) as error:
        raise PrometheusError(f"Prometheus answers with something that is no instant vector: {error!r}") from error


@dataclass(frozen=True, slots=True)
class _Point:
    at: float
    value: float

    @classmethod
    def parse(cls, pair: Any) -> Self:  # noqa: ANN401 - JSON as it came
        at, value = pair
        return cls(float(at), float(value))

    def series(self, labels: Mapping[str, str]) -> Series:
        return Series(dict(labels), self.value, self.at)

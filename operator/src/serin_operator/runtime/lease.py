"""Leader election on a Lease, so that of all replicas one acts and the others wait.

The rules of client-go, with its three traps avoided: whether a lease has run out is judged by our own monotonic
clock and never by comparing wall clocks; each attempt has a time-out; and who has lost the lease ends instead of
hoping that a cancelled task has stopped writing.
"""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, Protocol

import structlog

from serin_operator.cluster.client import ApiClient, JsonObject
from serin_operator.cluster.errors import AlreadyExists, ApiError, Conflict, Transient
from serin_operator.cluster.resources import LEASES

LEASE_NAME: Final = "serin-operator"

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class LeaseTiming:
    """How patient the replicas are with one another, in seconds."""

    duration: float = 10.0
    """Others wait this long after the last renewal that they have seen, then take over."""
    renew_deadline: float = 7.0
    """The holder ends if it has not managed to renew for this long; less than the duration, so never two act."""
    retry: float = 2.0
    """Between attempts to renew or to acquire."""
    attempt: float = 2.5
    """Longest time for one attempt."""


class LeaseLost(Exception):
    """This replica may no longer act."""


class LeaseApi(Protocol):
    """The one Lease, read and written with optimistic locking."""

    async def read(self) -> JsonObject | None:
        """The Lease as it is now."""

    async def create(self, spec: JsonObject) -> JsonObject:
        """Create it; ``AlreadyExists`` if another was quicker."""

    async def update(self, lease: JsonObject) -> JsonObject:
        """Replace it; ``Conflict`` if another was quicker."""


class KubernetesLease:
    """The Lease ``serin-operator`` at the API server; give it a session that nobody else can block."""

    def __init__(self, client: ApiClient, namespace: str) -> None:
        self._client = client
        self._namespace = namespace

    async def read(self) -> JsonObject | None:
        """The Lease as it is now."""
        return await self._client.get(LEASES, self._namespace, LEASE_NAME)

    async def create(self, spec: JsonObject) -> JsonObject:
        """Create it."""
        body = {
            "apiVersion": LEASES.api_version,
            "kind": LEASES.kind,
            "metadata": {"name": LEASE_NAME, "namespace": self._namespace},
            "spec": spec,
        }
        return await self._client.call("POST", LEASES.path(self._namespace), what="create the Lease", body=body)

    async def update(self, lease: JsonObject) -> JsonObject:
        """Replace it, at the resourceVersion in it."""
        path = LEASES.path(self._namespace, LEASE_NAME)
        return await self._client.call("PUT", path, what="renew the Lease", body=lease)


@dataclass(frozen=True, slots=True)
class _Seen:
    mark: tuple[Any, ...]
    at: float


class Elector:
    """Acquires the Lease, holds it, gives it back.

    Args:
        api: The Lease.
        identity: Unique to this process; a restarted container must not take itself for its predecessor.
        timing: How patient to be.
        monotonic: Seconds on a clock that never jumps, also while the process is stopped.
        sleep: Waits so many seconds.
        now: Wall clock, only written for people to read.
        on_seen: Told each resourceVersion of the Lease that was read or written.
    """

    def __init__(
        self,
        api: LeaseApi,
        identity: str,
        timing: LeaseTiming | None = None,
        *,
        monotonic: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        on_seen: Callable[[str], None] = lambda _version: None,
    ) -> None:
        self._api = api
        self.identity = identity
        self._timing = timing or LeaseTiming()
        self._monotonic = monotonic
        self._sleep = sleep
        self._now = now
        self._on_seen = on_seen
        self._lease: JsonObject | None = None
        self._seen: _Seen | None = None
        self._valid_until = float("-inf")
        self.holder = ""
        """Who held the Lease when it was last looked at; empty: nobody."""

    def is_leading(self) -> bool:
        """Whether this replica may act at this very moment."""
        return self._monotonic() < self._valid_until

    async def acquire(self) -> None:
        """Wait until this replica leads."""
        while True:
            try:
                if await self._attempt(self._timing.attempt):
                    _log.info("leading", identity=self.identity)
                    return
            except ApiError as error:
                _log.warning("cannot reach for the lease", error=error.message)
            await self._sleep(self._timing.retry * (1.0 + 0.2 * random.random()))  # noqa: S311 - jitter, no secret

    async def hold(self) -> None:
        """Renew until that fails for too long or another holds the Lease.

        Raises:
            LeaseLost: Always, in the end.
        """
        while True:
            await self._sleep(self._timing.retry)
            left = self._valid_until - self._monotonic()
            if left <= 0:
                raise LeaseLost(f"not renewed for {self._timing.renew_deadline:g} s")
            try:
                if not await self._attempt(min(self._timing.attempt, left)):
                    self._valid_until = float("-inf")
                    raise LeaseLost(f"{self.holder or 'nobody'} holds the lease")
            except ApiError as error:
                _log.warning("the lease could not be renewed", error=error.message, seconds_left=round(left, 1))

    async def release(self) -> None:
        """Give the Lease back, so that the next one need not wait; a failure only costs them the wait."""
        leading, self._valid_until = self.is_leading(), float("-inf")
        if not leading or self._lease is None:
            return
        spec = {**self._lease["spec"], "holderIdentity": "", "leaseDurationSeconds": 1, "renewTime": self._timestamp()}
        try:
            async with asyncio.timeout(self._timing.attempt):
                await self._api.update({**self._lease, "spec": spec})
        except (ApiError, TimeoutError) as error:
            _log.warning("the lease was not released; it runs out by itself", error=str(error))

    async def _attempt(self, seconds: float) -> bool:
        started = self._monotonic()
        try:
            async with asyncio.timeout(seconds):
                held = await self._take_or_renew()
        except TimeoutError as error:
            raise Transient(f"no answer about the Lease within {seconds:.1f} s") from error
        if held:
            # Counted from before the call: others may have seen the renewal that early.
            self._valid_until = started + self._timing.renew_deadline
        return held

    async def _take_or_renew(self) -> bool:
        if self._lease is not None and self.is_leading():
            try:
                return self._took(await self._api.update(self._mine(self._lease)))
            except Conflict:
                self._lease = None  # perhaps our own renewal, whose answer got lost: look
        lease = await self._api.read()
        try:
            if lease is None:
                return self._took(await self._api.create(self._spec(transitions=0, acquired=self._timestamp())))
            if self._may_take(lease):
                return self._took(await self._api.update(self._mine(lease)))
        except (AlreadyExists, Conflict):
            return False  # another was quicker; it will be seen at the next attempt
        return False

    def _may_take(self, lease: JsonObject) -> bool:
        self._on_seen(lease["metadata"]["resourceVersion"])
        spec = lease.get("spec") or {}
        self.holder = spec.get("holderIdentity") or ""
        mark = (self.holder, spec.get("renewTime"), spec.get("leaseTransitions"), lease["metadata"]["resourceVersion"])
        now = self._monotonic()
        if self._seen is None or self._seen.mark != mark:
            self._seen = _Seen(mark, now)
        if self.holder in {"", self.identity}:
            return True
        duration = float(spec.get("leaseDurationSeconds") or self._timing.duration)
        return now - self._seen.at >= duration

    def _took(self, lease: JsonObject) -> bool:
        self._lease = lease
        self._on_seen(lease["metadata"]["resourceVersion"])
        self.holder = self.identity
        return True

    def _mine(self, lease: JsonObject) -> JsonObject:
        spec = lease.get("spec") or {}
        transitions = int(spec.get("leaseTransitions") or 0)
        if spec.get("holderIdentity") == self.identity:
            return {**lease, "spec": self._spec(transitions, spec.get("acquireTime") or self._timestamp())}
        return {**lease, "spec": self._spec(transitions + 1, self._timestamp())}

    def _spec(self, transitions: int, acquired: str) -> JsonObject:
        return {
            "holderIdentity": self.identity,
            "leaseDurationSeconds": max(1, round(self._timing.duration)),
            "acquireTime": acquired,
            "renewTime": self._timestamp(),
            "leaseTransitions": transitions,
        }

    def _timestamp(self) -> str:
        return self._now().astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")

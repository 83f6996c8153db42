"""Read what the watches have told; from the API server only what they cannot tell, or what is known to be newer there."""

from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from serin_operator.api.names import LABEL_COLLECTOR, ObjectRef
from serin_operator.api.traffic import Traffic
from serin_operator.cluster.client import ApiClient
from serin_operator.cluster.errors import Blind, Forbidden, NotFound
from serin_operator.cluster.managed import is_scaled_by_others
from serin_operator.cluster.resources import (
    AUTOSCALERS,
    CONTROLLER_REVISIONS,
    CORE_EVENTS,
    DEPLOYMENTS,
    ENDPOINT_SLICES,
    HTTP_ROUTES,
    JOBS,
    MODEL_DEPLOYMENTS,
    NETWORK_POLICIES,
    POD_DISRUPTION_BUDGETS,
    PODS,
    SERVICES,
    resource_of,
)
from serin_operator.cluster.store import Key, Store
from serin_operator.observe.children import Children as Children  # noqa: PLC0414 - the name callers look for here
from serin_operator.observe.collectors import unavailable
from serin_operator.observe.gateways import GatewayReader
from serin_operator.observe.pods import may_tell_more
from serin_operator.observe.routes import Surroundings
from serin_operator.observe.warnings import WARNING

JsonObject = dict[str, Any]

_PATIENCE_SECONDS: Final = 3.0
"""A Job gets its pod within milliseconds, a pod its volumes within a second; only what stays without is asked after."""
_PATIENCE_WHILE_RUNNING_SECONDS: Final = 30.0
"""A model may take its time to load; only then does a pod whose container runs have more to tell than its status."""
_ASK_AGAIN_SECONDS: Final = 10.0
_AUTOSCALERS_SECONDS: Final = 20.0
_FORGOTTEN_SECONDS: Final = 600.0
_SWEEP_SECONDS: Final = 60.0

_Ask = Callable[[], Awaitable[tuple[list[JsonObject], str]]]


@dataclass(frozen=True, slots=True)
class _Asked:
    since: float
    """When it was first seen waiting."""
    at: float = float("-inf")
    found: tuple[JsonObject, ...] = ()
    """Events about it, or its pods."""


class KubernetesReader:
    """The operator's eyes on the cluster.

    Args:
        client: Calls the API server.
        store: Kept by the watches.
        monotonic: Seconds on a clock that never jumps.
        blind_spot: Why nothing can be seen for sure in a namespace at the moment, or ``None``.
        gateways: Reads what surrounds routes.
    """

    def __init__(
        self,
        client: ApiClient,
        store: Store,
        monotonic: Callable[[], float],
        blind_spot: Callable[[str], str | None] = lambda _namespace: None,
        gateways: GatewayReader | None = None,
    ) -> None:
        self._client = client
        self._gateways = gateways or GatewayReader(client, monotonic)
        self._store = store
        self._monotonic = monotonic
        self._blind_spot = blind_spot
        self._waiting: dict[str, _Asked] = {}
        self._swept_at = monotonic()
        self._scalers: dict[str, tuple[float, list[JsonObject]]] = {}

    async def model_deployment(self, namespace: str, name: str) -> JsonObject | None:
        """The ModelDeployment, or ``None`` when it is gone: at least as new as what we wrote of it ourselves.

        What somebody changed a moment ago may not have been told yet. Then the write of status, which comes before everything
        else that is done, is refused, and the next look is at the object as the API server has it.

        Raises:
            Blind: Some kind of its children cannot be seen, so nothing may be decided about it.
        """
        if (problem := self._blind_spot(namespace)) is not None:
            raise Blind(problem)
        ref = ObjectRef(MODEL_DEPLOYMENTS.api_version, MODEL_DEPLOYMENTS.kind, namespace, name)
        known = self._store.get(ref)
        if known is not None and not self._store.is_doubted(ref):
            return known
        live = await self._client.get(MODEL_DEPLOYMENTS, namespace, name)
        if live is not None:
            self._store.put(live)
        elif known is not None:
            self._store.forget(ref, known["metadata"]["uid"])
        return live

    async def get(self, ref: ObjectRef) -> JsonObject | None:
        """Any object live, with its managedFields; for the rare question whose an unlabelled namesake is."""
        return await self._client.get(resource_of(ref.api_version, ref.kind), ref.namespace, ref.name)

    async def children(self, namespace: str, name: str, uid: str) -> Children:  # noqa: ARG002 - the core checks owners
        """Everything with the ModelDeployment's label, whoever owns it: the caller checks the controller's uid."""
        found = self._store.children(Key(namespace, name))
        collectors = await self._collector_pods(namespace, name, found[DEPLOYMENTS.kind])
        return Children(
            deployments=found[DEPLOYMENTS.kind],
            services=found[SERVICES.kind],
            jobs=found[JOBS.kind],
            controller_revisions=found[CONTROLLER_REVISIONS.kind],
            pods=found[PODS.kind],
            endpoint_slices=found[ENDPOINT_SLICES.kind],
            pod_disruption_budgets=found[POD_DISRUPTION_BUDGETS.kind],
            network_policies=found[NETWORK_POLICIES.kind],
            autoscalers=await self._autoscalers(namespace, found[DEPLOYMENTS.kind]),
            http_routes=found[HTTP_ROUTES.kind],
            events_about_jobs=await self._failed_creations(namespace, found[JOBS.kind], found[PODS.kind]),
            events_about_pods=await self._warnings(namespace, [*found[PODS.kind], *collectors]),
            collector_pods=collectors,
        )

    async def _autoscalers(self, namespace: str, deployments: list[JsonObject]) -> list[JsonObject]:
        """Those of the namespace, where somebody else has scaled a child; none where they may not be listed."""
        if not any(map(is_scaled_by_others, deployments)):
            return []
        at, known = self._scalers.get(namespace, (float("-inf"), []))
        if self._monotonic() - at >= _AUTOSCALERS_SECONDS:
            with suppress(Forbidden, NotFound):
                known, _ = await self._client.list_all(AUTOSCALERS, namespace)
            self._scalers[namespace] = (self._monotonic(), known)
        return known

    async def surroundings(self, namespace: str, traffic: Traffic | None, lent: Iterable[str]) -> Surroundings:
        """What surrounds its routes: Gateways, classes, other routes, and people's in which weights are ours."""
        return await self._gateways.surroundings(namespace, traffic, lent)

    async def _collector_pods(self, namespace: str, name: str, deployments: list[JsonObject]) -> list[JsonObject]:
        """Those of a collector of which none is available: why, its pods alone tell."""
        down = unavailable(deployments, name)
        if down is None:
            return []
        ask = partial(self._client.list_all, PODS, namespace, label_selector=f"{LABEL_COLLECTOR}={name}")
        return [*await self._asked(down["metadata"]["uid"], ask)]

    async def _failed_creations(
        self, namespace: str, jobs: list[JsonObject], pods: list[JsonObject]
    ) -> list[JsonObject]:
        owners = {owner["uid"] for pod in pods for owner in pod["metadata"].get("ownerReferences") or []}
        events: list[JsonObject] = []
        for job in jobs:
            uid = job["metadata"]["uid"]
            if _is_over(job) or uid in owners:
                self._waiting.pop(uid, None)
                continue
            events += await self._asked(uid, self._events(namespace, uid, "reason=FailedCreate"))
        return events

    async def _warnings(self, namespace: str, pods: list[JsonObject]) -> list[JsonObject]:
        asked_for: dict[str, tuple[str, float]] = {}
        for pod in pods:
            uid, running = pod["metadata"]["uid"], may_tell_more(pod)
            if running is None:
                self._waiting.pop(uid, None)
                continue
            owners = pod["metadata"].get("ownerReferences") or [{"uid": uid}]
            patience = _PATIENCE_WHILE_RUNNING_SECONDS if running else _PATIENCE_SECONDS
            known = asked_for.get(owners[0]["uid"])
            if known is None or patience < known[1]:
                asked_for[owners[0]["uid"]] = (uid, patience)  # what one lacks, its siblings lack too
        events: list[JsonObject] = []
        for uid, patience in asked_for.values():
            events += await self._asked(uid, self._events(namespace, uid, f"type={WARNING}"), patience)
        return events

    def _events(self, namespace: str, uid: str, which: str) -> _Ask:
        """Asks for events about one object."""
        selector = f"involvedObject.uid={uid},{which}"
        return partial(self._client.list_all, CORE_EVENTS, namespace, field_selector=selector)

    async def _asked(self, uid: str, ask: _Ask, patience: float = _PATIENCE_SECONDS) -> tuple[JsonObject, ...]:
        """What there is about one object, asked for after a while without what was expected, and then now and again."""
        now = self._monotonic()
        asked = self._waiting.setdefault(uid, _Asked(since=now))
        if now - asked.since < patience or now - asked.at < _ASK_AGAIN_SECONDS:
            return asked.found
        items, _ = await ask()
        for item in items:
            item["metadata"].pop("managedFields", None)
        self._waiting[uid] = _Asked(asked.since, now, tuple(items))
        if now - self._swept_at >= _SWEEP_SECONDS:
            self._swept_at = now
            self._forget_before(now - _FORGOTTEN_SECONDS)
        return self._waiting[uid].found

    def _forget_before(self, limit: float) -> None:
        """Objects that are gone are never asked for again."""
        self._waiting = {uid: asked for uid, asked in self._waiting.items() if max(asked.at, asked.since) > limit}


def _is_over(job: JsonObject) -> bool:
    conditions = (job.get("status") or {}).get("conditions") or []
    return any(c["type"] in {"Complete", "Failed"} and c["status"] == "True" for c in conditions)

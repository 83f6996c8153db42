"""What must hold at every second of every cluster."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.support.simulation import Simulation, uri_of
from tests.support.simulation.cluster import JsonObject, is_ready, is_terminating, variable

from serin_operator.api.names import ObjectRef, control_service, preview_service
from serin_operator.api.status import ModelDeploymentStatus

WITHOUT_ENDPOINTS_SECONDS = 15
UNPROVEN_SECONDS = 90
"""A version that never was stable may take over when stable has served nothing for a minute."""
SILENT_SECONDS = 120
JUDGED_SECONDS = 60
"""The rarest looks are ten seconds apart; a bad version is found in a few."""
ASIDE_SECONDS = 3
MOST_A_MINUTE = 60
WAITS_FOR_PEOPLE = frozenset({"Paused", "StepPaused"})


class Violation(AssertionError):
    """Something that must never be."""


def version_of(pod: JsonObject) -> str:
    """The version that a pod serves."""
    return variable(pod["spec"], "SERIN_MODEL_VERSION")


@dataclass
class Invariants:
    """Watches one simulation, second by second."""

    simulation: Simulation
    proven: set[str] = field(default_factory=set)
    """Versions that were stable once."""
    rejected: set[str] = field(default_factory=set)
    _events: int = 0
    _without: float = 0.0
    _not_ready: float = 0.0
    _untrue: float = 0.0
    _bad: float = 0.0
    _let_in: float = 0.0
    _small: float = 0.0
    _answers: float = 0.0

    def refusal(self, verb: str, ref: ObjectRef, body: Mapping[str, Any]) -> None:
        """Sees each write before it is done, as faults do: nothing is deleted that is the last that serves."""
        del body
        simulation = self.simulation
        if verb != "delete" or ref.kind not in {"Deployment", "Service"} or self.sleeps():
            return
        if ref.kind == "Service" and ref.name == simulation.name:
            raise Violation("the client Service is deleted")
        served = [p for p in simulation.endpoints() if is_ready(p)]
        goes = [p for p in served if p["metadata"]["name"].startswith(f"{ref.name}-")]
        if ref.kind != "Deployment" or not goes:
            return
        stays = {version_of(p) for p in served if p not in goes}
        proven = self.proven | {simulation.stable}
        if not stays:
            raise Violation(f"{ref} is deleted, and nobody else serves")
        if version_of(goes[0]) in proven and not stays & proven:
            raise Violation(f"{ref} is deleted, and only {', '.join(sorted(stays))} serves, which never was stable")

    def sleeps(self) -> bool:
        """Whether nothing is to serve."""
        return self.simulation.mdep["spec"].get("replicas", 1) == 0

    def forget(self) -> None:
        """Status was lost: what was rejected cannot be known any more."""
        self.rejected.clear()

    def _sizes(self, *, hindered: bool) -> None:
        """While a canary has traffic, no version that serves is smaller than stable was at its start."""
        simulation = self.simulation
        canary, floor = simulation.status.get("canary") or {}, simulation.status.get("floor")
        if canary.get("phase") not in {"Reaching", "Holding", "Growing"} or not floor or self.sleeps():
            return
        stable = simulation.status.get("stable") or {}
        if any("had been scaled" in message for message in simulation.told("Repaired")):
            return  # somebody scales children as well, and is met with patience
        both = stable.get("replicas", 0) + canary.get("replicas", 0)
        if both < floor["replicas"] and both and not hindered:
            self._small += 1
        else:
            self._small = 0.0
        if self._small > WITHOUT_ENDPOINTS_SECONDS:
            raise Violation(f"{both} pods are asked for, and {floor['replicas']} were at the canary's start")

    def check(self, *, hindered: bool) -> None:
        """Hold the present second against all of them.

        Args:
            hindered: The operator cannot do what it wants, so that what depends on its writes is not asked for.
        """
        if self.simulation.errors:
            raise Violation(f"reconcile raised {self.simulation.errors[0]}")
        self._promotions()
        self._endpoints(hindered=hindered)
        self._evidence(hindered=hindered)
        self._aside(hindered=hindered)
        self._guard(hindered=hindered)
        self._words(hindered=hindered)
        self._sizes(hindered=hindered)

    def _promotions(self) -> None:
        simulation = self.simulation
        for _, _, reason, message in simulation.api.events[self._events :]:
            version = message.partition(":")[0]
            if reason in {"RolledBack", "PreflightFailed"}:
                self.rejected.add(version)
            if reason in {"Retried", "WentBack"}:
                self.rejected.discard(message.partition(" ")[0])
            if reason == "Promoted" and version in self.rejected:
                raise Violation(f"{version} was promoted though it had been rejected")
        self._events = len(simulation.api.events)
        if simulation.stable:
            self.proven.add(simulation.stable)

    def _endpoints(self, *, hindered: bool) -> None:
        moment = self.simulation.moments[-1]
        if moment.endpoints or not moment.ready or hindered or self.sleeps():
            self._without = 0.0
            return
        self._without += 1
        limit = WITHOUT_ENDPOINTS_SECONDS if set(moment.ready) & self.proven else UNPROVEN_SECONDS
        if self._without > limit:
            raise Violation(f"no endpoint for {self._without:.0f} s, though pods are ready: {dict(moment.ready)}")

    def _evidence(self, *, hindered: bool) -> None:
        """A version that fails beside one that does not is found out, whatever else goes on."""
        simulation, moment = self.simulation, self.simulation.moments[-1]
        metrics = (simulation.mdep["spec"].get("analysis") or {}).get("metrics", [])
        judged = any("errorRate" in metric for metric in metrics) and simulation.prometheus
        answers = {v: simulation.behaviour(uri_of(v)).error_rate for v, n in moment.answered.items() if n >= 2}
        good = [v for v, rate in answers.items() if v in self.proven and rate < 0.05]
        bad = [v for v, rate in answers.items() if v not in self.proven and rate >= 0.3]
        troubled = hindered or simulation.prom.trouble is not None or not judged
        self._bad = self._bad + 1 if good and bad and not troubled else 0.0
        if self._bad > JUDGED_SECONDS:
            raise Violation(
                f"{bad[0]} fails {answers[bad[0]]:.0%} of its requests for {self._bad:.0f} s beside {good[0]}"
            )

    def _aside(self, *, hindered: bool) -> None:
        """A version that is held at weight 0 answers no client, unless they are testers."""
        simulation, canary = self.simulation, self.simulation.status.get("canary") or {}
        is_aside = (canary.get("phase"), canary.get("weight"), canary.get("stepWeight")) == ("Holding", 0, 0)
        is_aside = is_aside and not (simulation.gateways.pinned and simulation.network.testers_a_second)
        answers = simulation.moments[-1].answered.get(canary.get("version", ""))
        self._let_in = self._let_in + 1 if is_aside and answers and not hindered else 0.0
        if self._let_in > ASIDE_SECONDS:
            raise Violation(f"{canary['version']} is held at weight 0, and answers clients")

    def _guard(self, *, hindered: bool) -> None:
        """A guard is of what serves, beside no rollout; the version before answers no client, and its prior weight is spent once."""
        simulation = self.simulation
        guard = simulation.status.get("guard")
        if guard is None:
            self._answers = 0.0
            return
        if simulation.phase or guard["revision"] != (simulation.status.get("stable") or {}).get("revision"):
            raise Violation(f"{guard['version']} is guarded, and does not serve alone: {simulation.phase}")
        _, spent = (guard.get("evidence") or {}).get("renewed", (0, 0.0))
        if not 0 <= spent <= 1:
            raise Violation(f"the guard has spent {spent} of its prior weight")
        answers = simulation.moments[-1].answered.get(guard["previous"])
        self._answers = self._answers + 1 if answers and not hindered else 0.0
        if self._answers > WITHOUT_ENDPOINTS_SECONDS:
            raise Violation(f"{guard['previous']} is only compared with, and answers clients")

    def _words(self, *, hindered: bool) -> None:
        simulation = self.simulation
        conditions = {c["type"]: c for c in simulation.status.get("conditions", [])}
        if not conditions:
            return
        if lacking := [kind for kind, c in conditions.items() if not c["reason"] or not c["message"]]:
            raise Violation(f"conditions without a word: {lacking}")
        ready = conditions.get("Ready", {}).get("status") == "True"
        version = simulation.mdep["spec"]["model"]["version"]
        serves = bool(simulation.moments[-1].endpoints.get(version))
        self._not_ready = 0.0 if ready and serves else self._not_ready + 1
        self._untrue = self._untrue + 1 if ready and not serves and not hindered else 0.0
        if self._untrue > WITHOUT_ENDPOINTS_SECONDS:
            raise Violation(f"Ready is True, and {version} answers nobody: {simulation.moments[-1]}")
        telling = any(
            conditions.get(kind, {}).get("status") == "True" for kind in ("Degraded", "Stalled", "Reconciling")
        )
        paused = conditions.get("Ready", {}).get("reason") in {*WAITS_FOR_PEOPLE, "ScaledToZero"}
        if self._not_ready > SILENT_SECONDS and not telling and not paused and not hindered:
            raise Violation(f"nothing is wrong, says status, for {self._not_ready:.0f} s without {version}")

    def at_the_end(self) -> None:
        """When all troubles are over: it has come to rest, and says how."""
        simulation = self.simulation
        ModelDeploymentStatus.model_validate(simulation.status)
        ready, stalled = simulation.condition("Ready"), simulation.condition("Stalled")
        if self.sleeps():
            self._asleep()
            return
        if ready["status"] != "True" and stalled["status"] != "True" and ready["reason"] not in WAITS_FOR_PEOPLE:
            raise Violation(f"it never comes to rest: {ready['reason']}: {ready['message']}")
        if ready["status"] == "True":
            endpoints = simulation.moments[-1].endpoints
            if set(endpoints) != {simulation.mdep["spec"]["model"]["version"]}:
                raise Violation(f"Ready is True, and endpoints are {dict(endpoints)}")
        services = {service["metadata"]["name"] for service in simulation.of_kind("Service")}
        if preview_service(simulation.name) in services and not simulation.phase:
            raise Violation("a preview Service is left over")
        if control_service(simulation.name) in services and not (simulation.phase or simulation.status.get("guard")):
            raise Violation("a control Service is left over")
        if not simulation.moments[-1].endpoints and self.proven:
            raise Violation(f"it came to rest without endpoints: {stalled['reason']}: {stalled['message']}")

    def _asleep(self) -> None:
        """Nobody has asked for pods, so there are none, and nothing else is wrong."""
        simulation = self.simulation
        servers = [p for p in simulation.of_kind("Pod") if "server" in p["metadata"]["labels"].values()]
        owned = [p for p in servers if p["metadata"].get("ownerReferences") and not is_terminating(p)]
        ours = [p for p in owned if p["metadata"]["name"].startswith(f"{simulation.name}-")]
        if ours:
            raise Violation(f"spec.replicas is 0, and {ours[0]['metadata']['name']} is there")

    def is_at_rest(self) -> bool:
        """Whether there is nothing more to wait for."""
        ready, stalled = self.simulation.condition("Ready"), self.simulation.condition("Stalled")
        if self.sleeps():
            return not self.simulation.moments[-1].ready
        return ready["status"] == "True" or stalled["status"] == "True" or ready["reason"] in WAITS_FOR_PEOPLE

    def quiet_minute(self, since: float) -> None:
        """A minute in which nothing happened."""
        looks = sum(at >= since for at in self.simulation.reconciles)
        if looks > MOST_A_MINUTE:
            raise Violation(f"{looks} reconciles in a quiet minute")

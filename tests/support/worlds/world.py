"""A world by its seed: a cluster, and what will happen in it, and when."""

from dataclasses import dataclass
from random import Random
from typing import Any

from tests.support.simulation import (
    ANALYSIS,
    GATEWAY,
    Autoscaler,
    Simulation,
    longest_without_endpoints,
    spec,
    uri_of,
)
from tests.support.simulation.beginnings import backend
from tests.support.worlds.deeds import DEEDS, FORGETS, blue_green, quick
from tests.support.worlds.gateways import GATEWAY_TROUBLES
from tests.support.worlds.invariants import Invariants, Violation
from tests.support.worlds.troubles import TROUBLES, Begin, End, what_serves_decays

from serin_operator.decide.rollout.sizes import STEP_SECONDS

CHAOS_SECONDS = 150
REST_SECONDS = 420
"""Both deadlines, a bake, the longest back-off of a container, and a rollout after them."""


@dataclass
class World:
    """One life of a ModelDeployment."""

    seed: int
    simulation: Simulation
    random: Random
    troubles: tuple[Begin, ...] = TROUBLES

    async def live(self) -> None:
        """Let it all happen. Raises ``Violation`` with the seed and the story."""
        invariants = Invariants(self.simulation)
        self.simulation.api.faults.declared.append(invariants)  # type: ignore[arg-type]
        try:
            await self._chaos(invariants)
            await self._rest(invariants)
        except AssertionError as error:
            told = "\n".join(self.simulation.story[-60:])
            raise Violation(f"seed {self.seed} at {self.simulation.elapsed:.0f} s: {error}\n{told}") from error

    async def _chaos(self, invariants: Invariants) -> None:
        simulation, random = self.simulation, self.random
        ends: list[tuple[float, End]] = []
        next_at = 20.0 + random.uniform(0, 10)
        while simulation.elapsed < CHAOS_SECONDS:
            if simulation.elapsed >= next_at:
                next_at = simulation.elapsed + random.uniform(1, 14)
                if random.random() < 0.6:
                    begin = random.choice(self.troubles)
                    simulation.tell(f"---- {begin.__name__}")
                    ends.append((simulation.elapsed + random.uniform(3, 60), begin(simulation, random)))
                else:
                    deed = random.choice(DEEDS)
                    deed(simulation, random)
                    simulation.tell(f"---- somebody {deed.__name__}: {_asked(simulation)}")
                    if deed in FORGETS:
                        invariants.forget()
            for end in [e for at, e in ends if at <= simulation.elapsed]:
                end()
            ends = [(at, e) for at, e in ends if at > simulation.elapsed]
            if simulation.elapsed == 20 and random.random() < 0.8:
                simulation.change_spec(model={"version": "v2", "uri": uri_of("v2")})
            await simulation.live(1)
            invariants.check(hindered=self._is_hindered())
        for _, end in ends:
            end()

    async def _rest(self, invariants: Invariants) -> None:
        """All troubles are over; what was asked for is done, or it is said why not."""
        simulation = self.simulation
        simulation.tell("---- all troubles are over")
        began = simulation.elapsed
        await simulation.live(15)
        longest = REST_SECONDS + STEP_SECONDS * simulation.status.get("floor", {}).get("pods", 0)
        while simulation.elapsed < began + longest:
            await simulation.live(1)
            invariants.check(hindered=False)
            if invariants.is_at_rest() and simulation.elapsed > began + 60 and not self._is_coming_down():
                break
        await simulation.live(20)
        since = simulation.elapsed
        await simulation.live(60)
        invariants.check(hindered=False)
        invariants.at_the_end()
        invariants.quiet_minute(since)
        answers = longest_without_endpoints(simulation.since(since)) == 0
        if not answers and invariants.proven and not invariants.sleeps():
            raise Violation("nobody answers when all troubles are over")

    def _is_coming_down(self) -> bool:
        """Whether something is still put right step by step: what was lost, or the pods of a rollout that is over."""
        status = self.simulation.status
        return bool(status.get("rebuiltAt") or ("floor" in status and "canary" not in status))

    def _is_hindered(self) -> bool:
        simulation = self.simulation
        declared = len(simulation.api.faults.declared) > 1 or simulation.workloads.pods_forbidden
        return bool(declared or simulation.endpoints_are_late or _rivals(simulation) or simulation.clock_offset)


def _rivals(simulation: Simulation) -> bool:
    """Whether somebody works against the operator; an autoscaler at its proper place does not."""
    return any(not isinstance(rival, Autoscaler) for rival in simulation.rivals)


def _asked(simulation: Simulation) -> str:
    wanted = simulation.mdep["spec"]
    action = simulation.mdep["metadata"].get("annotations", {}).get("serin.dev/action", "")[:30]
    paused = " paused" if wanted.get("paused") else ""
    return f"{wanted['model']['version']} on {wanted.get('replicas', 1)}{paused} {action}".strip()


def world_of(seed: int) -> World:
    """The world of a seed."""
    random = Random(seed)
    simulation = Simulation(requests_a_second=random.choice([0, 20, 40, 40, 100]), prometheus=random.random() < 0.95)
    simulation.behave(uri_of("bad"), accuracy=0.4, error_rate=random.choice([0.0, 0.5]))
    simulation.behave(uri_of("broken"), report={"ok": False, "reason": "ModelInvalid", "message": "it is truncated"})
    fields: dict[str, Any] = {"analysis": ANALYSIS} if random.random() < 0.7 else {}
    way = (
        quick(25, 50, hold=random.choice([0, 5, 10])) if random.random() < 0.75 else blue_green(random.choice([5, 20]))
    )
    if "analysis" in fields:
        fields |= _guarded(simulation, Random(f"guard {seed}"))
    wanted = spec("v1", replicas=random.randrange(1, 5), rollout=way, **fields)
    simulation.kubectl_apply(wanted)
    return World(seed, simulation, random, (*TROUBLES, *((what_serves_decays,) * 6 if "guard" in wanted else ())))


def _guarded(simulation: Simulation, random: Random) -> dict[str, Any]:
    """In some worlds what was promoted is watched, mostly in pairs; nothing else in them differs."""
    if random.random() < 0.6:
        return {}
    simulation.network.tells_pairs = True
    guard = {
        "seconds": random.choice([60, 120, 3600]),
        "keepPrevious": random.choice([None, 0, 1, 3]),
        "onFailure": random.choice([None, "Rollback", "Notify"]),
    }
    paired = {**ANALYSIS, "pairing": {"sample": random.choice([0.1, 1.0])}}
    return {
        "guard": {key: value for key, value in guard.items() if value is not None},
        "analysis": random.choice([ANALYSIS, paired, paired]),
        "serving": {"feedback": {"signing": "Managed"}},
    }


def world_behind_gateway(seed: int) -> World:
    """The same world, whose clients come by a route of ours, or (odd seeds) by one of people's; and gateways have bad days."""
    world = world_of(seed)
    simulation = world.simulation
    simulation.gateways.install()
    if seed % 2:
        ours = [backend(simulation.name, 100), backend(f"{simulation.name}-canary", 0)]
        simulation.gateways.people_write("mine", [{"backendRefs": ours}])
    simulation.change_spec(traffic={"routeRef": {"name": "mine"}} if seed % 2 else GATEWAY)
    return World(seed, simulation, world.random, (*world.troubles, *GATEWAY_TROUBLES))

"""The operator as its work queue drives it: an event or a due time makes it look, a failure makes it patient."""

from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING

from tests.support.simulation.api import Killed
from tests.support.simulation.specs import NAMESPACE, START

from serin_operator.cluster.errors import Transient
from serin_operator.cluster.store import Key
from serin_operator.runtime.schedule import Schedule

if TYPE_CHECKING:
    from tests.support.simulation.simulation import Simulation

EVENT_SECONDS = 0.05
"""From a write to the watch that tells it."""
RESYNC_SECONDS = 300.0
MOST_A_SECOND = 20
MOST_A_MINUTE = 200
"""A loop that is hotter need not be lived through to its end."""


class HotLoop(AssertionError):
    """The operator looks again and again."""


@dataclass
class Living:
    """The queue of one key, with the schedule that the operator itself uses."""

    schedule: Schedule = field(default_factory=Schedule)
    seen: int = -1
    resynced: float = float("-inf")

    async def live(self, simulation: "Simulation", duration: float) -> None:
        """Tick by tick: the cluster moves, then the operator looks as often as its queue says."""
        end = simulation.now + timedelta(seconds=duration)
        key = Key(NAMESPACE, simulation.name)
        while simulation.now < end:
            simulation.now += timedelta(seconds=1)
            simulation.move(1.0)
            began = simulation.now
            if began.timestamp() - self.resynced >= RESYNC_SECONDS:
                self.resynced = began.timestamp()
                self.schedule.add(key, simulation.elapsed)
            try:
                await self._second(simulation, key)
            except Killed:
                simulation.restart_operator()
                simulation.now = began
                rest = (end - began).total_seconds()
                await simulation.live(rest)
                return
            simulation.now = began

    async def _second(self, simulation: "Simulation", key: Key) -> None:
        second = simulation.elapsed
        lately = simulation.reconciles[-MOST_A_MINUTE:]
        if len(lately) == MOST_A_MINUTE and lately[0] > second - 60:
            told = "\n".join(simulation.story[-12:])
            raise HotLoop(f"{MOST_A_MINUTE} reconciles within {second - lately[0]:.0f} s; the story ends with\n{told}")
        for _ in range(MOST_A_SECOND):
            self._hear(simulation, key)
            due = self.schedule.next_at()
            due = None if due is None else max(due, second, simulation.busy_until)
            if due is None or due >= second + 1.0:
                return
            simulation.now = START + timedelta(seconds=due)
            if self.schedule.take(due) is not None:
                await self._look(simulation, key, due)

    def _hear(self, simulation: "Simulation", key: Key) -> None:
        if simulation.heard != self.seen:
            self.seen = simulation.heard
            self.schedule.add(key, simulation.elapsed + EVENT_SECONDS)

    async def _look(self, simulation: "Simulation", key: Key, due: float) -> None:
        simulation.reconciles.append(due)
        simulation.prom.hung_seconds = 0.0
        try:
            again = await simulation.reconciler.reconcile(key.namespace, key.name)
        except Transient:
            self.schedule.failed(key, due, 1.0)
        except Exception as error:  # noqa: BLE001 - what a worker would log as a bug is what is looked for
            simulation.errors.append(f"{type(error).__name__}: {error}")
            self.schedule.failed(key, due, 1.0)
        else:
            self.schedule.done(key, None if again is None else due + again)
        finally:
            simulation.busy_until = due + simulation.prom.hung_seconds

"""One pod, as decisions read it."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True)
class MountProblem:
    """A volume that a pod waits for."""

    volume: str
    kind: str
    """Secret, ConfigMap or PersistentVolumeClaim; empty where the pod has no such volume."""
    name: str
    message: str
    """What the kubelet says."""


@dataclass(frozen=True)
class Beside:
    """A container of a pod that is not Serin's: injected, before (init) or beside ours. Only those in trouble are kept."""

    name: str
    init: bool = False
    waiting_reason: str | None = None
    waiting_message: str | None = None
    exit_code: int | None = None
    exit_reason: str | None = None
    last_words: str | None = None
    restarts: int = 0


@dataclass(frozen=True)
class Command:
    """The container of the user's own command, which runs after ours has resolved (spec.preflight.command)."""

    exit_code: int | None = None
    exit_reason: str | None = None
    last_words: str | None = None
    """What it wrote to its termination log; of one that failed the end of its log."""
    waiting_reason: str | None = None
    waiting_message: str | None = None


@dataclass(frozen=True)
class Gate:
    """A readiness gate of a pod that is not met."""

    type: str
    message: str = ""
    """What its controller says of it, once it says anything."""


@dataclass(frozen=True)
class Warned:
    """What a Warning event says of a pod."""

    reason: str
    message: str
    container: str | None = None
    """Which container it is about; None: the pod as a whole."""
    seconds: float = 0.0
    """For how long it has been said again and again."""


@dataclass(frozen=True)
class Pod:
    """One pod of a revision, serving or resolving. Of its containers ours counts, whichever others were injected."""

    name: str
    revision: str
    component: str
    phase: str
    ready: bool
    terminating: bool
    restarts: int
    created_at: datetime
    waiting_reason: str | None = None
    waiting_message: str | None = None
    last_exit_code: int | None = None
    last_exit_reason: str | None = None
    last_words: str | None = None
    """Termination message of the container's present or last end."""
    unschedulable: str | None = None
    node: str | None = None
    was_ready: bool = False
    """It has been ready at some time."""
    silent: bool = False
    """Its container proved itself when its node was last heard of, but the pod does not count as ready any more."""
    job: str | None = None
    """Name of the Job that made it."""
    unmounted: tuple[MountProblem, ...] = ()
    """Volumes that keep its container from being created."""
    namespace: str = ""
    given_up: str | None = None
    """Why its node gave it up: evicted, or refused on arrival."""
    ended: bool = False
    """Our container has ended and is not started again (yet), whatever goes on beside it."""
    running: bool = False
    """Our container runs: its image, its volumes and its network are there."""
    container_ready: bool = False
    """Our container proves itself; the pod may wait for others, or for readiness gates."""
    beside: tuple[Beside, ...] = ()
    gates: tuple[Gate, ...] = ()
    command: Command | None = None
    """None: the pod has none."""
    ended_at: datetime | None = None
    """When our container ended."""
    warnings: tuple[Warned, ...] = ()
    """What only its Warning events tell, newest first."""

"""``status`` of a ModelDeployment: the operator's memory, and what people read at night.

Everything that cannot be observed again is here: the ledger, the step, the evidence, times. The rest is derived.
"""

from typing import Annotated, Any

from pydantic import Field

from serin_operator.api.base import ApiModel
from serin_operator.api.status_of_rollouts import (
    CanaryStatus,
    FloorStatus,
    GuardStatus,
    LeavingStatus,
    OutageStatus,
    ScalingStatus,
)
from serin_operator.api.status_of_versions import VersionStatus
from serin_operator.api.steering import ActionStatus, HoldStatus, PauseStatus


class Condition(ApiModel):
    """A condition in the standard form (metav1.Condition)."""

    type: Annotated[str, Field(description="Ready, Available, Progressing, Degraded, Reconciling or Stalled.")]
    status: Annotated[str, Field(description="True, False or Unknown.")]
    reason: Annotated[str, Field(description="One word from a fixed list.")]
    message: Annotated[str, Field(max_length=1024, description="A sentence to act on.")]
    last_transition_time: Annotated[str, Field(description="When status last changed.")]
    observed_generation: Annotated[int | None, Field(description="Generation of the spec this speaks of.")] = None


class StableStatus(ApiModel):
    """The version that serves."""

    version: Annotated[str, Field(description="Its label, from spec.model.version.")]
    revision: Annotated[
        str, Field(description="Hash of model, runtime and serving; its objects are <name>-<revision>.")
    ]
    sha256: Annotated[str, Field(description="Digest of the model; every pod has checked it before it got ready.")]
    weight: Annotated[int, Field(description="Share of traffic in percent, as achieved.")]
    ready_replicas: Annotated[int, Field(description="Pods that serve the model and have proven it.")]
    replicas: Annotated[int, Field(description="Pods that exist.")]


class LetterStatus(ApiModel):
    """Something that is being told, and is remembered until it was."""

    key: Annotated[str, Field(description="By which a second telling is recognised.")]
    reason: Annotated[str | None, Field(description="Reason of the Event.")] = None
    message: Annotated[str | None, Field(max_length=1024, description="Message of the Event.")] = None
    warning: Annotated[bool | None, Field(description="Whether the Event is a warning.")] = None
    line: Annotated[str | None, Field(description="Or a line of the operator's log.")] = None
    fields: Annotated[dict[str, Any] | None, Field(description="What the line holds.")] = None
    notice: Annotated[str | None, Field(description="Or a notice: what it is about.")] = None
    to: Annotated[list[str] | None, Field(max_length=32, description="Channels that have not taken it yet.")] = None
    version: Annotated[str | None, Field(description="Which version it is about.")] = None
    stable: Annotated[str | None, Field(description="Which version served then.")] = None
    at: Annotated[str | None, Field(description="When it was decided.")] = None


class TrafficStatus(ApiModel):
    """How requests come, where a gateway or a mesh splits them."""

    route: Annotated[str | None, Field(description="The HTTPRoute that splits them.")] = None
    urls: Annotated[
        list[str] | None,
        Field(max_length=8, description="Where clients outside send requests, as far as the Gateways tell."),
    ] = None
    lent: Annotated[
        list[str] | None,
        Field(
            max_length=4, description="HTTPRoutes of people in which Serin sets weights, and which it has to give back."
        ),
    ] = None


class ModelDeploymentStatus(ApiModel):
    """What is, and why. Written by the operator alone; wait for Ready, or on a rollback for Stalled."""

    observed_generation: Annotated[int | None, Field(description="Generation of the spec that status speaks of.")] = (
        None
    )
    conditions: Annotated[
        list[Condition] | None, Field(description="Ready, Available, Progressing, Degraded, Reconciling, Stalled.")
    ] = None
    url: Annotated[str | None, Field(description="Where clients inside the cluster send requests.")] = None
    traffic: Annotated[
        TrafficStatus | None, Field(description="How requests come, where a gateway or a mesh splits them.")
    ] = None
    replicas: Annotated[
        int | None,
        Field(
            description="For /scale: pods of the stable version alone; from the switch on, of the one that has all traffic."
        ),
    ] = None
    selector: Annotated[str | None, Field(description="Label selector of those pods, for the scale subresource.")] = (
        None
    )
    stable: Annotated[StableStatus | None, Field(description="The version that serves.")] = None
    canary: Annotated[
        CanaryStatus | None, Field(description="The version that is being rolled out; absent when nothing moves.")
    ] = None
    versions: Annotated[
        list[VersionStatus] | None,
        Field(description="The ledger: what became of each version, newest first. A promoted one can be gone back to."),
    ] = None
    last_action: Annotated[
        str | None, Field(description="The last action annotation that was carried out or refused.")
    ] = None
    actions: Annotated[
        list[ActionStatus] | None,
        Field(description="The last five actions that people asked for with serin.dev/action, newest first."),
    ] = None
    pause: Annotated[
        PauseStatus | None, Field(description="Present while the annotation has paused it; resume lifts it.")
    ] = None
    hold: Annotated[
        HoldStatus | None,
        Field(
            description="Present while a version that a person went back to is wanted instead of the spec's: until the spec"
            " makes another revision, or somebody writes resume."
        ),
    ] = None
    outage: Annotated[
        OutageStatus | None, Field(description="Present while requests reach no pod of the stable version.")
    ] = None
    floor: Annotated[
        FloorStatus | None,
        Field(
            description="Nothing that serves goes below this size: what stable had when the new version got its first"
            " traffic. When the rollout is over it comes down to spec.replicas step by step."
        ),
    ] = None
    scaling: Annotated[
        ScalingStatus | None,
        Field(
            description="Present while pods that were added to a version that is Ready start, for as long as some come"
            " within rollout.progressDeadlineSeconds."
        ),
    ] = None
    leaving: Annotated[
        LeavingStatus | None,
        Field(
            description="Present while a version that people gave up answers beside the stable one, which had given it pods"
            " (rollout.stableScale: Shrink), until that has them again."
        ),
    ] = None
    guard: Annotated[
        GuardStatus | None,
        Field(
            description="Present while a promoted version is compared further with the one before (spec.guard). Counts are"
            " written every few minutes, verdicts at once."
        ),
    ] = None
    rebuilt_at: Annotated[
        str | None,
        Field(description="When status had been lost; nothing is deleted until children have had their time."),
    ] = None
    outbox: Annotated[
        list[LetterStatus] | None,
        Field(description="Events and log lines that are being told; each leaves once it was."),
    ] = None

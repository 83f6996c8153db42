"""``spec.rollout``: how a new revision takes over, step by step or at once. Defaults are applied where it is read."""

from enum import StrEnum
from typing import Annotated, Final

from pydantic import Field

from serin_operator.api.base import ApiModel


class Strategy(StrEnum):
    """How a new version takes over."""

    CANARY = "Canary"
    BLUE_GREEN = "BlueGreen"
    SHADOW = "Shadow"
    AB_TEST = "ABTest"
    IMMEDIATE = "Immediate"


class OnDeadline(StrEnum):
    """What becomes of a rollout whose analysis has not decided in time."""

    PAUSE = "Pause"
    ROLLBACK = "Rollback"
    PROMOTE = "Promote"


class StableScale(StrEnum):
    """What becomes of the stable version's pods while a canary has pods beside it."""

    KEEP = "Keep"
    SHRINK = "Shrink"


MirrorPercent = Annotated[
    int | None,
    Field(
        ge=1,
        le=100,
        description="Percent of the requests of which copies go to the new version; its answers reach no client. Needs"
        " spec.traffic.gateway and a GatewayClass with HTTPRouteRequestMirror, below 100 HTTPRouteRequestPercentageMirror."
        " Not for a model whose answers change something elsewhere.",
    ),
]
Testers = Annotated[
    bool | None,
    Field(
        description="Whether the requests that spec.traffic.pins lead to Canary get there, and nobody else's. Default false."
    ),
]
MinSamples = Annotated[
    int | None,
    Field(
        ge=1,
        le=100_000_000,
        description="Canary samples that each metric needs in this step. Default: analysis.minSamples.",
    ),
]
AUTO: Final = "Auto"
"""As many samples as ``detect`` needs."""


class Step(ApiModel):
    """One step of a canary rollout."""

    weight: Annotated[
        int,
        Field(
            ge=0,
            le=100,
            description="Share of traffic for the canary in percent. Without spec.traffic pods make it, so above 50 acts as 50."
            " 0: pods get ready and no request of clients, and can be tried at the Service <name>-preview; or they get what"
            " mirrorPercent or testers say.",
        ),
    ]
    mirror_percent: MirrorPercent = None
    testers: Testers = None
    pods: Annotated[
        int | str | None,
        Field(
            description="Canary pods of this step: a number, or a percentage of spec.replicas as 50% (100%: as many as"
            " stable). Default: as many as the weight needs; at weight 0 one. Never more than spec.replicas. Pods make the"
            " weight, so beside a weight above 0 they have to make that weight, give or take a pod."
        ),
    ] = None
    hold_seconds: Annotated[
        int | None,
        Field(
            ge=0, le=604800, description="How long the step lasts at least. Default 60. With analysis: until it passes."
        ),
    ] = None
    min_samples: Annotated[
        int | str | None,
        Field(
            description="Canary samples of each metric, or Auto: as many as detect takes. Default: analysis.minSamples."
        ),
    ] = None
    detect: Annotated[
        float | None,
        Field(gt=0, lt=1, description="With Auto: how much worse a version is found, 0.02 = two points."),
    ] = None
    power: Annotated[float | None, Field(ge=0.5, lt=1, description="How surely. Default 0.8.")] = None
    pause: Annotated[
        bool | None,
        Field(
            description="After its time the step waits for a person: annotate serin.dev/action with resume@<a new word>"
            " (go on when the analysis passes), skip-step@<...> (go on now) or promote@<...> (take all traffic now). Fail still"
            " rolls back meanwhile. Default false."
        ),
    ] = None

    @property
    def hold(self) -> int:
        """Seconds that the step lasts at least."""
        return 60 if self.hold_seconds is None else self.hold_seconds


class BlueGreen(ApiModel):
    """How long a new version stands beside stable before it gets all requests."""

    hold_seconds: Annotated[
        int | None,
        Field(
            ge=0,
            le=604800,
            description="How long the new version can be tried at the Service <name>-preview at least, with all its pods"
            " ready, before all requests go to it. Default 300; spec.paused holds it for longer.",
        ),
    ] = None
    pause: Annotated[
        bool | None,
        Field(
            description="After that time it waits for a person: annotate serin.dev/action with resume@<a new word>. Default"
            " false."
        ),
    ] = None
    mirror_percent: MirrorPercent = None
    testers: Testers = None

    @property
    def hold(self) -> int:
        """Seconds in which it can be tried at least."""
        return 300 if self.hold_seconds is None else self.hold_seconds


class Trial(ApiModel):
    """How long a new version is tried before clients that have not asked for it reach it."""

    hold_seconds: Annotated[
        int | None,
        Field(
            ge=0,
            le=604800,
            description="How long it is tried at least. Default 300. With analysis: until it passes.",
        ),
    ] = None
    min_samples: MinSamples = None
    pause: Annotated[
        bool | None,
        Field(
            description="After that time it waits for a person: annotate serin.dev/action with resume@<a new word>. Default"
            " false."
        ),
    ] = None

    @property
    def hold(self) -> int:
        """Seconds in which it is tried at least."""
        return 300 if self.hold_seconds is None else self.hold_seconds


class Shadow(Trial):
    """How a new version is tried with copies of requests."""

    mirror_percent: MirrorPercent = None


class ABTest(Trial):
    """How a new version is tried by those whom spec.traffic.pins lead to Canary."""


class Rollout(ApiModel):
    """How a new revision replaces the stable one."""

    strategy: Annotated[
        Strategy | None,
        Field(
            description="Canary (default): step by step. BlueGreen: all pods beside stable without requests, to be tried at"
            " the Service <name>-preview, then all traffic at once. Shadow: copies of requests, of which no client hears, then the"
            " steps, if there are any, and all traffic. ABTest: only testers that spec.traffic.pins name, then the same."
            " Immediate: all traffic at once when the pods are ready."
        ),
    ] = None
    steps: Annotated[
        list[Step] | None,
        Field(
            min_length=1,
            max_length=20,
            description="Steps of a Canary, weights rising. Default 10, 25, 50. Of a Shadow or ABTest what comes after it;"
            " default none.",
        ),
    ] = None
    blue_green: Annotated[BlueGreen | None, Field(description="How a BlueGreen goes. Not for other strategies.")] = None
    shadow: Annotated[Shadow | None, Field(description="How a Shadow begins. Not for other strategies.")] = None
    ab_test: Annotated[ABTest | None, Field(description="How an ABTest begins. Not for other strategies.")] = None
    stable_scale: Annotated[
        StableScale | None,
        Field(
            description="Keep (default): stable keeps its pods while a canary runs beside it, so going back needs none."
            " Shrink, for those short of GPUs: stable gives back as many pods as the canary takes, and grows again at once"
            " when the canary fails."
        ),
    ] = None
    bake_seconds: Annotated[
        int | None,
        Field(
            ge=0,
            le=604800,
            description="How long the version before is kept at its size after all traffic went to the new one, so that"
            " going back is one write. Default 300; 0: not at all.",
        ),
    ] = None
    progress_deadline_seconds: Annotated[
        int | None,
        Field(ge=10, le=86400, description="How long pods of a new revision may take to become ready. Default 600."),
    ] = None
    deadline_seconds: Annotated[
        int | None,
        Field(ge=10, le=2592000, description="How long the analysis may take over the whole rollout. Default 7200."),
    ] = None
    on_deadline: Annotated[
        OnDeadline | None,
        Field(description="What happens then: Pause (default: silence is no evidence), Rollback or Promote."),
    ] = None

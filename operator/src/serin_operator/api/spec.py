"""``spec`` of a ModelDeployment, as pydantic models: the source of the CRD and of the reference.

Descriptions are read by people through ``kubectl explain``. Nothing here has a schema default but ``replicas``, which ``/scale``
cannot be without: the operator applies defaults when it reads (the properties and ``…_or_default`` fields), so that the
user's object stays as it was written.
"""

from enum import StrEnum
from typing import Annotated, Any

from pydantic import Field

from serin_operator.api.base import ApiModel
from serin_operator.api.pod import (
    ConfigMapKey,
    EnvVar,
    EnvVarSource,
    LocalReference,
    Resources,
    Runtime,
    SecretKey,
    Toleration,
)
from serin_operator.api.serving import Serving
from serin_operator.api.traffic import Traffic

__all__ = [
    "Accuracy",
    "Analysis",
    "ApiModel",
    "BlueGreen",
    "ConfigMapKey",
    "EnvVar",
    "EnvVarSource",
    "ErrorRate",
    "LocalReference",
    "Metric",
    "ModelDeploymentObject",
    "ModelDeploymentSpec",
    "ModelSource",
    "OnDeadline",
    "Resources",
    "Rollout",
    "Runtime",
    "SecretKey",
    "StableScale",
    "Step",
    "Strategy",
    "Toleration",
    "Traffic",
]


class Strategy(StrEnum):
    """How a new version takes over."""

    CANARY = "Canary"
    BLUE_GREEN = "BlueGreen"
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


class ModelSource(ApiModel):
    """Which model is served, and where it comes from."""

    version: Annotated[
        str,
        Field(
            min_length=1,
            max_length=63,
            description="A label that people recognise, for example 2026-11-20 or v7. It stands for one digest for ever:"
            " a new model needs a new version.",
        ),
    ]
    uri: Annotated[
        str,
        Field(
            min_length=1,
            max_length=2048,
            description="Where the ONNX model is: http(s)://host/path (a file), pvc://claim/path (a file or a folder) or"
            " file:///path (inside the serving image). It is read once, and pods serve only the digest found then.",
        ),
    ]
    sha256: Annotated[
        str | None,
        Field(
            max_length=128,
            description="Expected SHA-256 of the model, 64 hex digits. Optional: without it the digest found at the first"
            " read is recorded and pinned.",
        ),
    ] = None
    header_secret: Annotated[
        SecretKey | None,
        Field(
            description="HTTP headers for the source, one 'Name: value' a line, for example Authorization. Only with"
            " http(s)."
        ),
    ] = None
    ca_config_map: Annotated[
        ConfigMapKey | None, Field(description="Certificate authorities (PEM) to trust when the source is https.")
    ] = None


class Step(ApiModel):
    """One step of a canary rollout."""

    weight: Annotated[
        int,
        Field(
            ge=0,
            le=100,
            description="Share of traffic for the canary in percent. Without spec.traffic pods make it, so above 50 acts as 50."
            " 0: pods get ready and no request of clients, and can be tried at the Service <name>-preview.",
        ),
    ]
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
        int | None,
        Field(
            ge=1,
            le=100_000_000,
            description="Canary samples that each metric needs in this step. Default: analysis.minSamples.",
        ),
    ] = None
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

    @property
    def hold(self) -> int:
        """Seconds in which it can be tried at least."""
        return 300 if self.hold_seconds is None else self.hold_seconds


class Rollout(ApiModel):
    """How a new revision replaces the stable one."""

    strategy: Annotated[
        Strategy | None,
        Field(
            description="Canary (default): step by step. BlueGreen: all pods beside stable without requests, to be tried at"
            " the Service <name>-preview, then all traffic at once. Immediate: all traffic at once when the pods are ready."
        ),
    ] = None
    steps: Annotated[
        list[Step] | None,
        Field(min_length=1, max_length=20, description="Steps of a Canary, weights rising. Default 10, 25, 50."),
    ] = None
    blue_green: Annotated[BlueGreen | None, Field(description="How a BlueGreen goes. Not for other strategies.")] = None
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


class ErrorRate(ApiModel):
    """Share of failed requests, canary against stable in the same minutes."""

    max_increase: Annotated[
        float | None,
        Field(
            gt=0, lt=1, description="How much higher the canary's share may be, 0.005 = half a point. Default 0.005."
        ),
    ] = None


class Accuracy(ApiModel):
    """Share of right predictions, canary against stable, from labels sent as feedback."""

    max_decrease: Annotated[
        float | None,
        Field(gt=0, lt=1, description="How much lower the canary's share may be, 0.01 = one point. Default 0.01."),
    ] = None


class Metric(ApiModel):
    """One thing that is compared between canary and stable. Exactly one kind."""

    name: Annotated[str, Field(min_length=1, max_length=63, description="Name in status and messages, unique here.")]
    error_rate: Annotated[
        ErrorRate | None, Field(description="Share of failed requests: 5xx, time-outs, tensors of the wrong shape.")
    ] = None
    accuracy: Annotated[
        Accuracy | None, Field(description="Share of right predictions, from labels sent back as feedback.")
    ] = None


class Analysis(ApiModel):
    """When a rollout may go on, and when it must go back. Absent: steps are held for their time only."""

    interval_seconds: Annotated[
        int | None, Field(ge=2, le=86400, description="Time between two looks at the metrics. Default 30.")
    ] = None
    false_rollback_rate: Annotated[
        float | None,
        Field(
            gt=0,
            lt=0.5,
            description="Probability that a version as good as stable is rolled back by the evidence over the whole"
            " rollout, shared by all metrics. Default 0.01.",
        ),
    ] = None
    min_samples: Annotated[
        int | None,
        Field(ge=1, le=100_000_000, description="Canary samples that each metric needs in each step. Default 100."),
    ] = None
    metrics: Annotated[list[Metric], Field(min_length=1, max_length=20, description="What is compared.")]


class ModelDeploymentSpec(ApiModel):
    """What the user wants. Serin never writes here; what is comes in status."""

    model: Annotated[ModelSource, Field(description="Which model is served, and where it comes from.")]
    replicas: Annotated[
        int | None,
        Field(
            ge=0,
            le=1000,
            description="Pods of the stable version; a canary is sized from it. Default 1. Leave it out where an autoscaler"
            " writes it through /scale (kubectl scale, HPA, KEDA). 0: no pods; a rollout waits until it is raised.",
        ),
    ] = None
    runtime: Annotated[
        Runtime | None,
        Field(description="How the serving pods run. A change is a new revision and is rolled out like a new model."),
    ] = None
    serving: Annotated[
        Serving | None,
        Field(
            description="How pods serve: encryption, credentials, feedback, logs and limits. A change is a new revision;"
            " what a Secret that is named here holds is not."
        ),
    ] = None
    rollout: Annotated[
        Rollout | None,
        Field(
            description="How a new revision replaces the stable one: share by share, each step held for its time and,"
            " with spec.analysis, until the evidence allows the next. A change here starts no rollout."
        ),
    ] = None
    analysis: Annotated[
        Analysis | None,
        Field(
            description="What is compared between the new and the stable version, and how sure a rollback has to be."
            " Absent: steps are held for their time, and pods must stay ready."
        ),
    ] = None
    traffic: Annotated[
        Traffic | None,
        Field(
            description="Who splits requests between versions: a gateway or a mesh, exactly. Absent: the ratio of their"
            " pods, about. A change here starts no rollout."
        ),
    ] = None
    revision_history_limit: Annotated[
        int | None, Field(ge=1, le=50, description="Ended versions kept in the ledger, to go back to. Default 10.")
    ] = None
    paused: Annotated[
        bool | None,
        Field(
            description="Stops steps and promotion; repair and rollback still happen. To pause without the spec, annotate"
            " serin.dev/action=pause@<a new word>; that does not lift this, and resume@<...> lifts only that."
        ),
    ] = None


class ModelDeploymentObject(ApiModel):
    """The parts of a ModelDeployment that decisions need, parsed once at the edge."""

    metadata: dict[str, Any]
    spec: ModelDeploymentSpec

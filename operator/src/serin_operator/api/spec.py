"""``spec`` of a ModelDeployment, as pydantic models: the source of the CRD and of the reference.

Descriptions are read by people through ``kubectl explain``. Nothing here has a schema default: the operator applies
defaults when it reads (the properties and ``…_or_default`` fields), so that the user's object stays as it was written.
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
    "Step",
    "Strategy",
    "Toleration",
    "Traffic",
]


class Strategy(StrEnum):
    """How a new version takes over."""

    CANARY = "Canary"
    IMMEDIATE = "Immediate"


class OnDeadline(StrEnum):
    """What becomes of a rollout whose analysis has not decided in time."""

    PAUSE = "Pause"
    ROLLBACK = "Rollback"
    PROMOTE = "Promote"


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
            ge=1,
            le=100,
            description="Share of traffic for the canary in percent. Without spec.traffic pods make it, so above 50 acts as 50.",
        ),
    ]
    hold_seconds: Annotated[
        int | None,
        Field(
            ge=0, le=604800, description="How long the step lasts at least. Default 60. With analysis: until it passes."
        ),
    ] = None

    @property
    def hold(self) -> int:
        """Seconds that the step lasts at least."""
        return 60 if self.hold_seconds is None else self.hold_seconds


class Rollout(ApiModel):
    """How a new revision replaces the stable one."""

    strategy: Annotated[
        Strategy | None,
        Field(description="Canary (default): step by step. Immediate: all traffic at once when the pods are ready."),
    ] = None
    steps: Annotated[
        list[Step] | None,
        Field(min_length=1, max_length=20, description="Steps of a Canary, weights rising. Default 10, 25, 50."),
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
    replicas: Annotated[int | None, Field(ge=1, le=1000, description="Pods of the stable version. Default 1.")] = None
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
        bool | None, Field(description="Stops steps and promotion; repair and rollback still happen.")
    ] = None


class ModelDeploymentObject(ApiModel):
    """The parts of a ModelDeployment that decisions need, parsed once at the edge."""

    metadata: dict[str, Any]
    spec: ModelDeploymentSpec

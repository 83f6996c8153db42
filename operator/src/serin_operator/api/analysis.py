"""``spec.analysis``: what is compared between two versions, and how sure a rollback has to be."""

from typing import Annotated

from pydantic import Field

from serin_operator.api.base import ApiModel


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


class Pairing(ApiModel):
    """Requests that two versions answer: each label then judges both, and agreement needs no label at all."""

    sample: Annotated[
        float,
        Field(
            gt=0,
            le=1,
            description="Share of its requests that the new version asks the Service <name>-control as well, 0.1 = a tenth."
            " That Service leads to what it is compared with. Needs spec.serving.feedback.signing. Like every setting of a"
            " pod it is in force from the next version on.",
        ),
    ]
    max_per_second: Annotated[
        float | None,
        Field(gt=0, le=100_000, description="Most requests a second that one pod asks the control. Default 50."),
    ] = None
    timeout_seconds: Annotated[
        float | None,
        Field(
            gt=0,
            le=5,
            description="Longest that the control may take, and that an answer waits for it. Default 0.05.",
        ),
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
    pairing: Annotated[
        Pairing | None, Field(description="A share of the requests is answered by both versions. Absent: none.")
    ] = None
    metrics: Annotated[list[Metric], Field(min_length=1, max_length=20, description="What is compared.")]

"""``spec.preflight``: what a version has to show before it gets a pod."""

from enum import StrEnum
from typing import Annotated, Final

from pydantic import Field

from serin_operator.api.base import ApiModel, Quantity
from serin_operator.api.pod import MOST_BATCH_ROWS, ConfigMapKey

DEFAULT_COMMAND_SECONDS: Final = 300


class GateMode(StrEnum):
    """What it means when a gate is not passed."""

    FAIL = "Fail"
    WARN = "Warn"


class SignatureGate(StrEnum):
    """What the signature of a version may be, beside that of stable."""

    SAME = "Same"
    BACKWARD = "Backward"
    ANY = "Any"


class GoldenSamples(ApiModel):
    """Recorded requests with the outputs that the model must give: golden.jsonl."""

    config_map_key_ref: Annotated[
        ConfigMapKey | None, Field(description="Where the samples are. Absent: golden.jsonl in the model's folder.")
    ] = None
    min_match: Annotated[
        float | None,
        Field(
            gt=0,
            le=1,
            description="Least share of samples that must give their outputs, within their tolerances. Default 1.",
        ),
    ] = None
    mode: Annotated[
        GateMode | None,
        Field(description="Fail (default): the version ends as FailedPreflight. Warn: it is only told."),
    ] = None


Mode = Annotated[GateMode | None, Field(description="Default Fail.")]
Seconds = Annotated[float, Field(gt=0, le=3600)]


class Budget(ApiModel):
    """What the model may take of time and memory, measured in the Job that resolves: its runs alone, with the pods' limits."""

    max_p99_seconds: Annotated[Seconds | None, Field(description="p99 of runs with one row.")] = None
    max_batch_p99_seconds: Annotated[Seconds | None, Field(description="p99 of runs with batchRows rows.")] = None
    batch_rows: Annotated[int | None, Field(ge=2, le=MOST_BATCH_ROWS, description="Default 32.")] = None
    max_memory: Annotated[Quantity | None, Field(description="Peak of the process while it loads and runs: 512Mi.")] = (
        None
    )
    max_load_seconds: Annotated[Seconds | None, Field(description="To open it and warm it up, without the fetch.")] = (
        None
    )
    max_slowdown: Annotated[
        float | None,
        Field(gt=1, le=100, description="How many times as long as stable's its runs may take: 1.5."),
    ] = None
    mode: Mode = None


class MustBeat(StrEnum):
    """What the accuracy in baseline.json is compared with."""

    SIMPLE_BASELINE = "SimpleBaseline"


class TrainingBaseline(ApiModel):
    """What the model's baseline.json says of its training."""

    must_beat: Annotated[
        MustBeat | None, Field(description="Its accuracy must be above its simpleBaseline.accuracy.")
    ] = None
    required: Annotated[bool | None, Field(description="Default true: the gate fails without what it compares.")] = None
    max_drift: Annotated[
        float | None,
        Field(gt=0, le=100, description="PSI of a feature against stable's baseline.json, above which it warns."),
    ] = None
    mode: Mode = None


class Variable(ApiModel):
    """A variable."""

    name: Annotated[str, Field(min_length=1, max_length=253, description="Name.")]
    value: Annotated[str, Field(max_length=32768, description="Value.")]


AnyQuantity = Annotated[int | str, Field()]
Amounts = Annotated[dict[str, AnyQuantity] | None, Field(max_length=16, description="As in a container.")]


class CommandResources(ApiModel):
    """Its resources."""

    requests: Amounts = None
    limits: Amounts = None


class PreflightCommand(ApiModel):
    """A command of yours, run once beside the resolved model (read-only at /model); exit code 0 passes."""

    image: Annotated[
        str | None, Field(min_length=1, max_length=512, description="Its image. Default: the serving image.")
    ] = None
    command: Annotated[
        list[Annotated[str, Field(max_length=32768)]] | None,
        Field(min_length=1, max_length=64, description="Entrypoint. Default: the image's."),
    ] = None
    args: Annotated[
        list[Annotated[str, Field(max_length=32768)]] | None, Field(max_length=64, description="Arguments.")
    ] = None
    env: Annotated[list[Variable] | None, Field(max_length=64, description="Variables.")] = None
    resources: Annotated[CommandResources | None, Field(description="Default: those of spec.runtime.")] = None
    timeout_seconds: Annotated[
        int | None,
        Field(
            ge=1,
            le=86400,
            description=f"From the end of the resolving, pulls included. Default {DEFAULT_COMMAND_SECONDS}.",
        ),
    ] = None
    mode: Mode = None


class Preflight(ApiModel):
    """What a version has to show before it gets a pod. A change here starts no rollout."""

    golden_samples: Annotated[
        GoldenSamples | None, Field(description="Replay recorded requests in the Job that resolves the model.")
    ] = None
    signature: Annotated[
        SignatureGate | None,
        Field(
            description="How the signature may differ from stable's: inputs, outputs, datatypes, shapes and classes."
            " Backward: requests that stable takes must be taken, and outputs that it gives must be given. Same: nothing may"
            " differ. Any: it is not looked at. Absent: as Backward, but only told (Warn)."
        ),
    ] = None
    budget: Annotated[Budget | None, Field(description="Limits of time and memory, and beside stable.")] = None
    baseline: Annotated[TrainingBaseline | None, Field(description="What baseline.json must say.")] = None
    command: Annotated[PreflightCommand | None, Field(description="A check of your own, in a container.")] = None

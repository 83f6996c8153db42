"""``spec.preflight``: what a version has to show before it gets a pod."""

from enum import StrEnum
from typing import Annotated

from pydantic import Field

from serin_operator.api.base import ApiModel
from serin_operator.api.pod import ConfigMapKey


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

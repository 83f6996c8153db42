"""What status says of each version: its ledger, what was checked before it had a pod, and what it takes and gives."""

from typing import Annotated

from pydantic import Field

from serin_operator.api.base import ApiModel


class PreflightStatus(ApiModel):
    """What one gate of the preflight said."""

    name: Annotated[
        str, Field(max_length=63, description="The gate, as in spec.preflight, or verify, optimize or store.")
    ]
    verdict: Annotated[
        str, Field(max_length=16, description="Pass, Warn, Fail, or Unknown where there was nothing to judge by.")
    ]
    message: Annotated[str, Field(max_length=256, description="What was found, without values of samples.")]


class TensorStatus(ApiModel):
    """One input or output of a model."""

    name: Annotated[str, Field(max_length=256, description="Its name.")]
    datatype: Annotated[str, Field(max_length=16, description="As in the Open Inference Protocol.")]
    shape: Annotated[list[int], Field(max_length=32, description="-1: a size that a request may choose.")]


class SignatureStatus(ApiModel):
    """What a version takes and gives, as far as it was written down."""

    signature_digest: Annotated[str, Field(max_length=64, description="Equal digests: nothing in it differs.")]
    inputs: Annotated[list[TensorStatus] | None, Field(max_length=64, description="What it takes.")] = None
    outputs: Annotated[list[TensorStatus] | None, Field(max_length=64, description="What it gives.")] = None
    optional: Annotated[list[TensorStatus] | None, Field(max_length=64, description="Inputs that may be left out.")] = (
        None
    )
    classes: Annotated[
        list[Annotated[str, Field(max_length=512)]] | None,
        Field(
            max_length=32, description="Classes that the file names, in the order of their columns; of many a digest."
        ),
    ] = None
    truncated: Annotated[
        bool | None, Field(description="Present where tensors were left out, because they were too many.")
    ] = None


Seconds = float | None


class MeasuredStatus(ApiModel):
    """What spec.preflight has measured of a version, or read in its baseline.json."""

    p99_seconds: Annotated[Seconds, Field(description="Of runs with one row.")] = None
    median_seconds: Annotated[Seconds, Field(description="Of CPU, where one thread runs it.")] = None
    batch_rows: Annotated[int | None, Field(description="Rows of a batch.")] = None
    batch_p99_seconds: Annotated[Seconds, Field(description="Of batches.")] = None
    batch_median_seconds: Annotated[Seconds, Field(description="Likewise.")] = None
    memory_bytes: Annotated[int | None, Field(description="Peak of the process.")] = None
    load_seconds: Annotated[Seconds, Field(description="Without the fetch.")] = None
    calibration_seconds: Annotated[Seconds, Field(description="A fixed piece of work.")] = None
    simple_accuracy: Annotated[
        float | None,
        Field(description="Of simpleBaseline in baseline.json."),
    ] = None


class OptimizedStatus(ApiModel):
    """What was made of a version's model to have it quicker."""

    variant: Annotated[str, Field(max_length=63, description="As in spec.model.optimize.variants.")]
    source_sha256: Annotated[str, Field(max_length=64, description="Digest of the model that it was made from.")]


class VersionStatus(ApiModel):
    """One entry of the ledger."""

    version: Annotated[str, Field(description="Label of the version.")]
    revision: Annotated[str, Field(description="Hash of model, runtime and serving.")]
    uri: Annotated[
        str,
        Field(
            description="Where the model came from: by digest, commit or version where the spec names a tag, branch or alias."
        ),
    ]
    sha256: Annotated[str | None, Field(description="Digest of the model that pods serve, if it could be read.")] = None
    optimized: Annotated[
        OptimizedStatus | None, Field(description="Present where pods serve a variant of what lies at the uri.")
    ] = None
    signer: Annotated[
        str | None, Field(max_length=256, description="Who has signed it, where spec.model.verify wanted to know.")
    ] = None
    outcome: Annotated[
        str, Field(description="InProgress, Promoted, RolledBack, FailedPreflight, Superseded or Aborted.")
    ]
    reason: Annotated[str | None, Field(description="Why it ended so, in one word.")] = None
    message: Annotated[
        str | None, Field(max_length=1024, description="Why it ended so, in a sentence with the numbers.")
    ] = None
    preflight: Annotated[
        list[PreflightStatus] | None,
        Field(max_length=8, description="What each gate of spec.preflight and spec.model.verify said of it."),
    ] = None
    signature: Annotated[
        SignatureStatus | None,
        Field(description="What it takes and gives; absent where an earlier release recorded it."),
    ] = None
    measured: Annotated[
        MeasuredStatus | None, Field(description="Of its budget; the next version is compared with it.")
    ] = None
    started_at: Annotated[str | None, Field(description="When its rollout began.")] = None
    promoted_at: Annotated[str | None, Field(description="When it became stable the last time.")] = None
    ended_at: Annotated[str | None, Field(description="When its rollout ended, or it was replaced.")] = None
    attempts: Annotated[int | None, Field(description="Retries that people asked for.")] = None
    distrusted: Annotated[
        bool | None,
        Field(
            description="The evidence spoke against it after it had been promoted: it takes all steps again, unless a person"
            " goes back to it."
        ),
    ] = None

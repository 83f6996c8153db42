"""``spec.predictionLog``: a sample of predictions and their labels as Parquet, for those who build models."""

from typing import Annotated, Final

from pydantic import Field

from serin_operator.api.base import ApiModel
from serin_operator.api.logs_and_limits import Fraction, TensorName
from serin_operator.api.rule import Rule, object_name
from serin_operator.api.store import StoreCredentials

PART_OF_REVISION: Final = frozenset({"sample", "hide", "max_bytes"})
"""What the serving pods do; the rest is the collector's, and changes without them."""


class PredictionLog(ApiModel):
    """A sample of predictions and their labels, written by a collector beside the model."""

    sample: Annotated[Fraction, Field(description="Share of requests, 0.05 = one in twenty.")]
    store: Annotated[
        str,
        Field(
            min_length=1,
            max_length=512,
            description="s3://bucket/prefix, gs://…, az://… or pvc://claim/folder; tables lie below it in <namespace>/<name>.",
        ),
    ]
    credentials: Annotated[
        StoreCredentials | None,
        Field(description="What opens the bucket, and its ca.crt. Absent: the pods' service account."),
    ] = None
    hide: Annotated[
        list[TensorName] | None,
        Field(max_length=64, description="Inputs and outputs that are never written."),
    ] = None
    max_bytes: Annotated[
        int | None,
        Field(
            ge=0,
            le=1024 * 1024,
            description="Largest tensors of a request; of larger ones only predictions are written. Default 65536.",
        ),
    ] = None
    retention_days: Annotated[
        int | None,
        Field(ge=1, le=36500, description="Days until it is deleted. Absent: never."),
    ] = None
    spool_claim: Annotated[
        str | None,
        Field(
            min_length=1,
            max_length=253,
            description="PersistentVolumeClaim for what is not written yet. Absent: a disk lost with the node.",
        ),
    ] = None


_LOG: Final = "spec.predictionLog"
_STORE: Final = "^(s3|gs|az|pvc)://[A-Za-z0-9$][-A-Za-z0-9._/]*$"
_CLAIM: Final = "^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$"

PREDICTION_LOG_RULES: Final = (
    Rule(
        f"{_LOG}.store",
        f"self.matches('{_STORE}') && !self.contains('..')",
        "Write s3://bucket/prefix, gs://…, az://… or pvc://claim/folder.",
    ),
    Rule(f"{_LOG}.hide[]", "!self.contains(',')", "One tensor an item, no commas."),
    object_name(f"{_LOG}.credentials.secretName", "Secret"),
    Rule(f"{_LOG}.spoolClaim", f"self.matches('{_CLAIM}')", "Give the name of a claim."),
)

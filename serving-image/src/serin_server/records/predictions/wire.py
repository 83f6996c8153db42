"""What servers tell a collector: lines of JSON, the first of which says of which model, and the others one thing each.

Tensors are flat lists, in the order in which the head names them; null where they are not told. Numbers that are none (NaN)
are null as well. `SCHEMA` goes up when a reader of the release before could not read it.
"""

from hashlib import blake2b
from typing import Annotated, Any, Final
from zlib import crc32

import msgspec

SCHEMA: Final = 1
PATH: Final = "/v1/batches"
CONTENT_TYPE: Final = "application/x-ndjson"
MOST_ROWS: Final = 4096
"""Of one request; those of larger ones are not told."""
MOST_BATCH_ROWS: Final = 16 * MOST_ROWS
"""Of one batch: small lines may have many rows, and a collector makes tables of them. Labels are a row each."""
_ALL: Final = 1 << 32
_YEAR_2200: Final = 7_258_118_400_000

Scalar = int | float | str | bool | None
Text = Annotated[str, msgspec.Meta(min_length=1, max_length=253)]
Moment = Annotated[int, msgspec.Meta(ge=0, lt=_YEAR_2200)]
"""Unix time in milliseconds."""
Row = Annotated[int, msgspec.Meta(ge=0, lt=MOST_ROWS)]


class Tensor(msgspec.Struct, frozen=True):
    """One input or output: its name, its datatype in the protocol's words, and its shape."""

    name: Text
    datatype: Text
    shape: list[int]


class Head(msgspec.Struct, frozen=True, kw_only=True):
    """Whose lines follow. `batch` is new for every batch, and the same when it is sent again."""

    schema: int
    batch: Annotated[str, msgspec.Meta(min_length=8, max_length=128)]
    namespace: Text
    model: Text
    version: Text
    revision: Text
    server: Text
    inputs: list[Tensor]
    outputs: list[Tensor]
    prediction_output: str = ""
    """Of which output the predictions are."""


class Prediction(msgspec.Struct, frozen=True, tag="prediction", tag_field="kind"):
    """One request that was answered. `control` is what another version made of it: its revision and predictions."""

    id: Text
    at: Moment
    request: str
    rows: Annotated[int, msgspec.Meta(ge=0, le=MOST_ROWS)]
    predictions: list[Scalar]
    inputs: list[list[Any] | None]
    outputs: list[list[Any] | None]
    control: tuple[str, list[Scalar]] | None = None


class Label(msgspec.Struct, frozen=True, tag="label", tag_field="kind"):
    """The true label of one row of a prediction; the last one counts."""

    id: Text
    row: Row
    at: Moment
    """When it was predicted."""
    revision: Text
    labelled_at: Moment
    label: int | float | str | bool


Line = Prediction | Label


def id_of(token: bytes) -> str:
    """The id of a prediction, by the token of its answer: it says nothing, and no token can be made of it."""
    return blake2b(token, digest_size=16).hexdigest()


def threshold_of(sample: float) -> int:
    """What the place of a token has to be below in order to be in the sample."""
    return round(sample * _ALL)


place_of: Final = crc32
"""Where a token stands among all: the same on every server, so that labels find out what was sampled."""

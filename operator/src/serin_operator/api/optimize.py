"""``spec.model.optimize``: variants of the model that may be quicker, and what they have to keep to."""

from enum import StrEnum
from math import ceil, log, log1p
from typing import Annotated, Final

from pydantic import Field

from serin_operator.api.base import ApiModel
from serin_operator.api.rule import Rule

DEFAULT_MAX_LOSS: Final = 0.01
DEFAULT_MIN_SPEEDUP: Final = 1.1
"""The server's own."""
_DOUBT: Final = 0.05


class Variant(StrEnum):
    """What is made of a model."""

    GRAPH = "Graph"
    INT8_DYNAMIC = "Int8Dynamic"
    FLOAT16 = "Float16"


class Optimize(ApiModel):
    """Which variants are tried, and what is promised of the one that is served. A change is a new revision."""

    variants: Annotated[
        list[Variant],
        Field(
            min_length=1,
            max_length=3,
            description="Graph: fused by ONNX Runtime. Int8Dynamic: weights of 8 bits. Float16: numbers of 16 bits inside.",
        ),
    ]
    max_accuracy_loss: Annotated[
        float | None,
        Field(
            ge=0,
            lt=1,
            description="Largest share of golden rows that the model gets right and the variant wrong, with 95 % certainty;"
            " 0: none. Default 0.01, for which it takes 299 rows.",
        ),
    ] = None
    min_speedup: Annotated[
        float | None,
        Field(ge=1, le=100, description="How many times as quick it has to be, for a row and for many. Default 1.1."),
    ] = None


def fewest_rows(share: float) -> int:
    """Golden rows of which none is lost, to be 95 % certain that no more than this share is: (1 - share)^rows ≤ 5 %."""
    return ceil(log(_DOUBT) / log1p(-share)) if share else 1


OPTIMIZE_RULES: Final = (
    Rule(
        "spec.model.optimize.variants",
        "self.all(v, self.exists_one(w, w == v))",
        "Name each variant once.",
    ),
)

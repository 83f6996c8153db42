"""Kinds that tell what answers cost."""

from collections.abc import Callable, Sequence
from typing import Annotated, Final

from pydantic import Field

from serin_operator.api.base import ApiModel
from serin_operator.api.kinds.kind import Kind, MeansCompared, Mode
from serin_operator.api.kinds.reading import REQUESTS, Counter, Quotient, Told

_REQUESTS: Final = 1000.0
_HOUR_SECONDS: Final = 3600.0
_COUNTERS: Final = (
    Counter("serin_process_cpu_seconds_total", is_whole=False),
    REQUESTS,
)
_RESTS_ON: Final = (
    "CPU time of the pods' processes and their requests; at least 20 looks. A pod with few requests uses more for each"
    " of them, so compare it at steps at which the pods of both versions have the same load. Explanations take CPU and"
    " count as no request."
)


class ResourceUse(ApiModel):
    """CPU seconds for 1,000 requests, canary against stable in the same minutes."""

    max_increase: Annotated[
        float, Field(gt=0, le=1_000_000, description="How many CPU seconds more the canary may use for 1,000 requests.")
    ]


class Cost(ApiModel):
    """Money for 1,000 requests, canary against stable, from the price of a CPU."""

    cpu_hour_price: Annotated[
        float, Field(gt=0, le=1_000_000, description="What one CPU costs for an hour, in any currency.")
    ]
    max_increase: Annotated[
        float, Field(gt=0, le=1_000_000, description="How much more 1,000 requests may cost, in the same currency.")
    ]


def _for_a_thousand(price_of_a_second: float) -> Callable[[Sequence[Told]], float | None]:
    def value(told: Sequence[Told]) -> float | None:
        seconds, requests = (sum(each.values()) for each in told)
        return price_of_a_second * _REQUESTS * seconds / requests if requests else None

    return value


KINDS: Final = (
    Kind(
        field="resourceUse",
        spec=ResourceUse,
        says="CPU seconds for 1,000 requests.",
        question="Does it need more CPU for the same work?",
        rests_on=_RESTS_ON,
        example={"maxIncrease": 0.5},
        reads=lambda _asked: Quotient(_COUNTERS, _for_a_thousand(1.0)),
        judged=lambda asked: MeansCompared(asked.max_increase),
        mode=Mode.WARN,
    ),
    Kind(
        field="cost",
        spec=Cost,
        says="Money for 1,000 requests, from the CPU that they take.",
        question="Does it cost more for the same work?",
        rests_on=_RESTS_ON,
        example={"cpuHourPrice": 0.04, "maxIncrease": 0.0001},
        reads=lambda asked: Quotient(_COUNTERS, _for_a_thousand(asked.cpu_hour_price / _HOUR_SECONDS)),
        judged=lambda asked: MeansCompared(asked.max_increase),
        mode=Mode.WARN,
    ),
)

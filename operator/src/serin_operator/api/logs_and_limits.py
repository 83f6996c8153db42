"""Parts of ``spec.serving``: what is logged of requests, and what one pod takes upon itself."""

from typing import Annotated, Final

from pydantic import Field

from serin_operator.api.base import ApiModel, Quantity

TensorName = Annotated[str, Field(min_length=1, max_length=253)]
Fraction = Annotated[float, Field(ge=0, le=1)]
STDOUT: Final = "Stdout"
_DAY_SECONDS: Final = 86400


class AccessLog(ApiModel):
    """A line a request in the pods' log, without data."""

    sample: Annotated[
        Fraction,
        Field(description="Share of requests that are logged, 0.01 = one in a hundred. With any, every 5xx is."),
    ]


class PayloadLog(ApiModel):
    """Inputs and outputs of a sample of requests, as CloudEvents."""

    to: Annotated[
        str,
        Field(
            min_length=1,
            max_length=2048,
            description="Stdout, or the http:// or https:// address that takes the events.",
        ),
    ]
    sample: Annotated[
        Fraction | None, Field(description="Share of requests whose payload is logged. Default 0.01.")
    ] = None
    max_bytes: Annotated[
        int | None,
        Field(ge=0, le=64 * 1024 * 1024, description="Largest payload; of larger ones only the shapes. Default 65536."),
    ] = None
    hide: Annotated[
        list[TensorName] | None,
        Field(max_length=64, description="Names of tensors whose values are never logged."),
    ] = None


class Limits(ApiModel):
    """What one pod takes upon itself; beyond it clients are told so."""

    max_body_bytes: Annotated[
        int | None, Field(ge=1, le=2**31 - 1, description="Largest request body, 413 above. Default 67108864.")
    ] = None
    max_header_bytes: Annotated[
        int | None, Field(ge=1024, le=1024 * 1024, description="Largest request head, 431 above. Default 16384.")
    ] = None
    memory_budget: Annotated[
        Quantity | None,
        Field(
            description="Memory that requests under way may hold together (bodies, tensors, answers), for example 256Mi; 503 above. It must"
            " leave room for the model within runtime.resources.limits.memory."
        ),
    ] = None
    max_in_flight: Annotated[
        int | None,
        Field(ge=1, le=1_000_000, description="Requests read and not yet answered, 503 above. Default 1024."),
    ] = None
    request_timeout_seconds: Annotated[
        float | None,
        Field(
            ge=0,
            le=3600,
            description="Longest wait for a prediction, 504 after it, 0 for no limit. Default 30 seconds.",
        ),
    ] = None
    read_timeout_seconds: Annotated[
        float | None,
        Field(gt=0, le=3600, description="Longest time a client may take to send a request. Default 20 seconds."),
    ] = None
    idle_timeout_seconds: Annotated[
        float | None,
        Field(gt=0, le=_DAY_SECONDS, description="Longest time a connection stays without a request. Default 300."),
    ] = None
    connection_max_requests: Annotated[
        int | None,
        Field(
            ge=0,
            le=1_000_000_000,
            description="Requests after which a connection is closed gracefully, so that clients spread over pods; 0 for"
            " no limit. Default 100.",
        ),
    ] = None
    connection_max_seconds: Annotated[
        float | None,
        Field(ge=0, le=_DAY_SECONDS, description="Age at which that happens, 0 for no limit. Default 30 seconds."),
    ] = None

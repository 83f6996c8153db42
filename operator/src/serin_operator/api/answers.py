"""Parts of ``spec.serving``: what else pods answer beside predictions, and to whom."""

from typing import Annotated

from pydantic import Field

from serin_operator.api.base import ApiModel


class Explain(ApiModel):
    """Explanations of predictions."""

    max_evaluations: Annotated[
        int | None,
        Field(
            ge=1,
            le=100_000_000,
            description="Most predictions that one request to explain may take. Default 20000.",
        ),
    ] = None
    max_seconds: Annotated[
        float | None,
        Field(gt=0, le=600, description="Longest time that one request to explain may take. Default 5 seconds."),
    ] = None


class Compression(ApiModel):
    """Answers that are packed for clients who ask for it."""

    min_bytes: Annotated[
        int,
        Field(
            ge=1,
            le=2**31 - 1,
            description="Size from which an answer is packed, for clients whose Accept-Encoding names gzip. 16384 is a good one:"
            " smaller answers gain little.",
        ),
    ]


Origin = Annotated[str, Field(min_length=1, max_length=253)]


class Cors(ApiModel):
    """Pages whose browsers may ask (cross-origin resource sharing)."""

    origins: Annotated[
        list[Origin],
        Field(
            min_length=1,
            max_length=32,
            description="Origins of such pages, like https://app.example.com; '*' for any. Keys are asked for all the same.",
        ),
    ]


class RateLimit(ApiModel):
    """How often one key may ask."""

    requests_per_second: Annotated[
        float,
        Field(
            gt=0,
            le=1_000_000,
            description="Requests a second that each key, or subject of tokens, may send to each pod; 429 with Retry-After above.",
        ),
    ]
    burst: Annotated[
        int | None,
        Field(
            ge=1,
            le=1_000_000,
            description="Requests that a key may send at once after a pause. Default: those of one second.",
        ),
    ] = None


class Tracing(ApiModel):
    """Spans of requests for a collector of OpenTelemetry."""

    endpoint: Annotated[
        str,
        Field(
            min_length=1,
            max_length=253,
            description="Collector that takes OTLP over HTTP, like http://otel-collector.observability:4318.",
        ),
    ]
    sample: Annotated[
        float | None,
        Field(
            ge=0,
            le=1,
            description="Share of requests without a traceparent that begin a trace. Default 0. With one, its flag decides.",
        ),
    ] = None

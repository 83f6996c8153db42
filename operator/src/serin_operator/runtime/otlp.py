"""Spans in the protobuf of OTLP, version 1, with the official messages; imported only where spans are sent."""

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, InstrumentationScope, KeyValue
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1 import trace_pb2 as pb

from serin_operator.tracing import Span, Value

CONTENT_TYPE: Final = "application/x-protobuf"
PATH: Final = "/v1/traces"
_LONGEST: Final = 256


def encoder(about: Mapping[str, str], version: str) -> Callable[[Sequence[Span]], bytes]:
    """What makes a request to a collector of spans.

    Args:
        about: Attributes of this process as a resource.
        version: Of this software.
    """
    resource = Resource(attributes=[_attribute(name, value) for name, value in about.items()])
    scope = InstrumentationScope(name="serin-operator", version=version)

    def encode(batch: Sequence[Span]) -> bytes:
        spans = pb.ScopeSpans(scope=scope, spans=map(_told, batch))
        told = ExportTraceServiceRequest(resource_spans=[pb.ResourceSpans(resource=resource, scope_spans=[spans])])
        return bytes(told.SerializeToString())

    return encode


def _told(span: Span) -> pb.Span:
    is_error = "error.type" in span.attributes
    return pb.Span(
        trace_id=bytes.fromhex(span.trace_id),
        span_id=bytes.fromhex(span.span_id),
        parent_span_id=bytes.fromhex(span.parent_id),
        name=span.name,
        kind=pb.Span.SPAN_KIND_CLIENT if span.is_call else pb.Span.SPAN_KIND_INTERNAL,
        start_time_unix_nano=span.began_ns,
        end_time_unix_nano=span.ended_ns,
        attributes=[_attribute(name, value) for name, value in span.attributes.items()],
        status=pb.Status(code=pb.Status.STATUS_CODE_ERROR) if is_error else None,
    )


def _attribute(name: str, value: Value) -> KeyValue:
    match value:
        case int():
            told = AnyValue(int_value=value)
        case float():
            told = AnyValue(double_value=value)
        case _:
            told = AnyValue(string_value=value[:_LONGEST])
    return KeyValue(key=name, value=told)

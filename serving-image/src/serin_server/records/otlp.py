"""Spans in the protobuf of OTLP, version 1, under the names of OpenTelemetry's semantic conventions."""

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, InstrumentationScope, KeyValue
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1 import trace_pb2 as pb

from serin_server.records.spans import Span

CONTENT_TYPE: Final = "application/x-protobuf"
PATH: Final = "/v1/traces"
_SERVICE: Final = "inference.GRPCInferenceService"
_FAILED: Final = 500
_LONGEST_ID: Final = 128


def encoder(about: Mapping[str, str], model: str, version: str) -> Callable[[Sequence[Span]], bytes]:
    """What makes a request to a collector of spans.

    Args:
        about: Attributes of the server as a resource.
        model: The model's name in addresses.
        version: Of this software.
    """
    resource = Resource(attributes=[_attribute(name, value) for name, value in about.items()])
    scope = InstrumentationScope(name="serin-server", version=version)

    def encode(batch: Sequence[Span]) -> bytes:
        spans = pb.ScopeSpans(scope=scope, spans=[_told(span, model) for span in batch])
        told = ExportTraceServiceRequest(resource_spans=[pb.ResourceSpans(resource=resource, scope_spans=[spans])])
        return bytes(told.SerializeToString())

    return encode


def _told(span: Span, model: str) -> pb.Span:
    trace, status = span.trace, span.status
    attributes: dict[str, str | int] = {"serin.rows": span.rows, "serin.request_id": span.request_id[:_LONGEST_ID]}
    if span.transport == "grpc":
        name = f"{_SERVICE}/ModelInfer"
        attributes |= {"rpc.system": "grpc", "rpc.service": _SERVICE, "rpc.method": "ModelInfer"}
    else:
        name = f"POST /v2/models/{model}/infer"
        attributes |= {"http.request.method": "POST", "http.route": f"/v2/models/{model}/infer"}
        attributes["http.response.status_code"] = status
    if status >= _FAILED:
        attributes["error.type"] = str(status)
    return pb.Span(
        trace_id=bytes.fromhex(trace.trace_id),
        span_id=bytes.fromhex(trace.span_id),
        parent_span_id=bytes.fromhex(trace.parent_id),
        name=name,
        kind=pb.Span.SPAN_KIND_SERVER,
        start_time_unix_nano=span.began_ns,
        end_time_unix_nano=span.ended_ns,
        attributes=[_attribute(key, value) for key, value in attributes.items() if value != ""],
        status=pb.Status(code=pb.Status.STATUS_CODE_ERROR, message=span.error) if status >= _FAILED else None,
    )


def _attribute(name: str, value: str | int) -> KeyValue:
    told = AnyValue(int_value=value) if isinstance(value, int) else AnyValue(string_value=value)
    return KeyValue(key=name, value=told)

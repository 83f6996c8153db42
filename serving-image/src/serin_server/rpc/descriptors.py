"""The descriptors that reflection tells: those of the protocol, of the health service, and reflection's own."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from google.protobuf.descriptor_pb2 import DescriptorProto, FieldDescriptorProto, FileDescriptorProto

from serin_server.rpc import open_inference_pb2 as pb

_TYPES: Final = {"string": 9, "bytes": 12, "int32": 5}
_MESSAGE, _ENUM = 11, 14
_HEALTH: Final = {
    "HealthCheckRequest": ("service:string=1",),
    "HealthCheckResponse": ("status:HealthCheckResponse.ServingStatus=1",),
}
_STATUSES: Final = ("UNKNOWN", "SERVING", "NOT_SERVING", "SERVICE_UNKNOWN")
_REFLECTION: Final = {
    "ServerReflectionRequest": (
        "host:string=1", "file_by_filename:string=3 message_request", "file_containing_symbol:string=4 message_request",
        "file_containing_extension:ExtensionRequest=5 message_request",
        "all_extension_numbers_of_type:string=6 message_request", "list_services:string=7 message_request",
    ),
    "ExtensionRequest": ("containing_type:string=1", "extension_number:int32=2"),
    "ServerReflectionResponse": (
        "valid_host:string=1", "original_request:ServerReflectionRequest=2",
        "file_descriptor_response:FileDescriptorResponse=4 message_response",
        "all_extension_numbers_response:ExtensionNumberResponse=5 message_response",
        "list_services_response:ListServiceResponse=6 message_response", "error_response:ErrorResponse=7 message_response",
    ),
    "FileDescriptorResponse": ("file_descriptor_proto:*bytes=1",),
    "ExtensionNumberResponse": ("base_type_name:string=1", "extension_number:*int32=2"),
    "ListServiceResponse": ("service:*ServiceResponse=1",),
    "ServiceResponse": ("name:string=1",),
    "ErrorResponse": ("error_code:int32=1", "error_message:string=2"),
}  # fmt: skip
"""Fields as `name:type=number oneof`, a star for those that are repeated."""


def described() -> tuple[dict[str, bytes], dict[str, str]]:
    """Files, serialized, by their names; and the names of files by the symbols that are in them."""
    inference = FileDescriptorProto()
    pb.DESCRIPTOR.CopyToProto(inference)
    files = [inference, _health(), _reflection("v1"), _reflection("v1alpha")]
    names = {symbol: file.name for file in files for symbol in _symbols(file)}
    return {file.name: file.SerializeToString() for file in files}, names


def _symbols(file: FileDescriptorProto) -> Iterator[str]:
    for service in file.service:
        yield f"{file.package}.{service.name}"
        for method in service.method:
            yield f"{file.package}.{service.name}.{method.name}"
    for enum in file.enum_type:
        yield f"{file.package}.{enum.name}"
    for message in file.message_type:
        yield from _symbols_of(message, file.package)


def _symbols_of(message: Any, within: str) -> Iterator[str]:
    name = f"{within}.{message.name}"
    yield name
    for enum in message.enum_type:
        yield f"{name}.{enum.name}"
    for nested in message.nested_type:
        yield from _symbols_of(nested, name)


def _health() -> FileDescriptorProto:
    file = _file("grpc/health/v1/health.proto", "grpc.health.v1", _HEALTH)
    enum = file.message_type[1].enum_type.add(name="ServingStatus")
    for number, name in enumerate(_STATUSES):
        enum.value.add(name=name, number=number)
    file.message_type[1].field[0].type = _ENUM
    service = file.service.add(name="Health")
    for name in ("Check", "Watch"):
        _method(service, file.package, name, "HealthCheckRequest", "HealthCheckResponse")
    service.method[1].server_streaming = True
    return file


def _reflection(version: str) -> FileDescriptorProto:
    file = _file(f"grpc/reflection/{version}/reflection.proto", f"grpc.reflection.{version}", _REFLECTION)
    service = file.service.add(name="ServerReflection")
    method = _method(
        service, file.package, "ServerReflectionInfo", "ServerReflectionRequest", "ServerReflectionResponse"
    )
    method.client_streaming = method.server_streaming = True
    return file


def _method(service: Any, package: str, name: str, given: str, told: str) -> Any:
    return service.method.add(name=name, input_type=f".{package}.{given}", output_type=f".{package}.{told}")


def _file(name: str, package: str, messages: Mapping[str, tuple[str, ...]]) -> FileDescriptorProto:
    file = FileDescriptorProto(name=name, package=package, syntax="proto3")
    for called, written in messages.items():
        message = file.message_type.add(name=called)
        for each in written:
            _add_field(message, package, each)
    return file


def _add_field(message: DescriptorProto, package: str, written: str) -> None:
    described, _, oneof = written.partition(" ")
    name, _, rest = described.partition(":")
    kind, _, number = rest.partition("=")
    field: FieldDescriptorProto = message.field.add(name=name, number=int(number), label=3 if kind[0] == "*" else 1)
    kind = kind.lstrip("*")
    if kind in _TYPES:
        field.type = _TYPES[kind]
    else:
        field.type, field.type_name = _MESSAGE, f".{package}.{kind}"
    if oneof:
        if oneof not in [each.name for each in message.oneof_decl]:
            message.oneof_decl.add(name=oneof)
        field.oneof_index = 0

"""The worst that one client can send in a megabyte to a model of texts, and over gRPC: elements as small as they can be."""

import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

MEBIBYTE = 1 << 20
METHOD = "/inference.GRPCInferenceService/ModelInfer"


def text_identity(file: Path) -> Path:
    """`y = x`, of texts."""
    from onnx import TensorProto, helper, save

    info = [helper.make_tensor_value_info(name, TensorProto.STRING, [None, None]) for name in "xy"]
    graph = helper.make_graph([helper.make_node("Identity", ["x"], ["y"])], "identity", info[:1], info[1:])
    save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), file)
    return file


def in_json(text: bytes, limit: int = MEBIBYTE) -> bytes:
    """A body of JSON with as many texts as fit."""
    count = limit // (len(text) + 1)
    data = text + b"," + (text + b",") * (count - 2) + text
    return b'{"inputs":[{"name":"x","shape":[%d,1],"datatype":"BYTES","data":[%b]}]}' % (count, data)


def in_binary(text: bytes, more: bytes = b"") -> tuple[bytes, int]:
    """A body of binary texts, and how much of it is JSON."""
    one = len(text).to_bytes(4, "little") + text
    raw = one * (MEBIBYTE // len(one))
    head = b'{"inputs":[{"name":"x","shape":[%d,1],"datatype":"BYTES","parameters":{"binary_data_size":%d}}]%b}'
    head %= (len(raw) // len(one), len(raw), more)
    return head + raw, len(head)


def message(**fields: Any) -> bytes:
    """A question of gRPC in bytes."""
    from serin_server.rpc import open_inference_pb2 as pb

    return pb.ModelInferRequest(model_name="m", **fields).SerializeToString()


def told(shape: list[int], **more: Any) -> dict[str, Any]:
    """A tensor of texts in a question."""
    return {"name": "x", "datatype": "BYTES", "shape": shape, **more}


def typed(text: bytes) -> bytes:
    """As many typed texts as fit."""
    count = MEBIBYTE // (2 + len(text))
    return message(inputs=[told([count, 1], contents={"bytes_contents": [text] * count})])


def raw(text: bytes, limit: int = MEBIBYTE) -> bytes:
    """As many raw texts as fit."""
    one = len(text).to_bytes(4, "little") + text
    count = limit // len(one)
    return message(inputs=[told([count, 1])], raw_input_contents=[one * count])


def over_grpc(sent: bytes) -> Callable[[int], str]:
    """Sends a message, and tells the code of what is answered."""

    def attack(port: int) -> str:
        import grpc

        limits = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]
        with grpc.insecure_channel(f"127.0.0.1:{port}", options=limits) as channel:
            try:
                channel.unary_unary(METHOD)(sent, timeout=120)
            except grpc.RpcError as error:
                return str(error.code().name)
        return "OK"

    return attack


QUESTIONS: dict[str, Callable[[], bytes]] = {
    "1 MB of gRPC: empty texts, typed": lambda: typed(b""),
    "1 MB of gRPC: texts of two letters, typed": lambda: typed(b"ab"),
    "1 MB of gRPC: empty texts, raw": lambda: raw(b""),
    "1 MB of gRPC: texts of two letters, raw": lambda: raw(b"ab"),
    "1 MB of gRPC: empty tensors": lambda: message(inputs=[{}] * (MEBIBYTE // 2)),
    "1 MB of gRPC: empty outputs": lambda: message(outputs=[{}] * (MEBIBYTE // 2)),
    "1 MB of gRPC: empty pieces of raw contents": lambda: message(
        inputs=[told([1, 1])], raw_input_contents=[b""] * (MEBIBYTE // 2)
    ),
    "1 MB of gRPC: parameters": lambda: message(parameters={f"{number:x}": {} for number in range(MEBIBYTE // 10)}),
    "1 MB of gRPC: sizes": lambda: message(inputs=[told([1] * MEBIBYTE)]),
}
"""Over gRPC, to a model of texts."""


def free_port() -> int:
    """A port that is free now."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])

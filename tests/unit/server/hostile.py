"""Files that were made to hurt whoever opens them; each with the reason and the words of its refusal."""

import io
import os
import pickle
import tarfile
import zipfile
from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
from onnx import TensorProto, helper, numpy_helper
from tests.support.models import doubling

Made = Callable[[Path], None]
"""Puts a model into a folder."""
_X = [helper.make_tensor_value_info("x", TensorProto.FLOAT, [None, 3])]
_Y = [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)]
_CROWD = 1 << 40


def _good(folder: Path) -> bytes:
    return doubling(folder / "model.onnx").read_bytes()


def _bytes(content: bytes) -> Made:
    return lambda folder: _put(folder, content)


def _made(content: Callable[[], bytes]) -> Made:
    """For what is large, or slow to make: not before somebody asks for it."""
    return lambda folder: _put(folder, content())


def _put(folder: Path, content: bytes) -> None:
    (folder / "model.onnx").write_bytes(content)


def _of_good(change: Callable[[bytes], bytes]) -> Made:
    return lambda folder: _put(folder, change(_good(folder)))


def _graph(nodes, initializers=(), functions=(), opset=17, imports=(), outputs=_Y, inputs=_X) -> Made:
    def make(folder: Path) -> None:
        graph = helper.make_graph(nodes, "g", inputs, outputs, list(initializers))
        opsets = [helper.make_opsetid("", opset), *imports]
        _put(
            folder,
            helper.make_model(graph, opset_imports=opsets, functions=functions, ir_version=8).SerializeToString(),
        )

    return make


def _node(kind="Identity", inputs=("x",), outputs=("y",), **more):
    return helper.make_node(kind, list(inputs), list(outputs), **more)


def _varint(value: int) -> bytes:
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


def _field(number: int, content: bytes) -> bytes:
    return _varint(number << 3 | 2) + _varint(len(content)) + content


def _nested(depth: int, layers: tuple[int, ...]) -> bytes:
    """A model whose graph holds a graph that holds a graph …"""
    inner = b""
    for _ in range(depth):
        for number in reversed(layers):
            inner = _field(number, inner)
    return b"\x08\x08" + _field(7, inner)


def _nested_types(folder: Path) -> None:
    kind = _field(1, b"\x08\x01")
    for _ in range(20_000):
        kind = _field(4, _field(1, kind))
    _put(folder, b"\x08\x08" + _field(7, _field(11, _field(1, b"x") + _field(2, kind))) + _field(8, b"\x10\x11"))


def _tensor(dims, data: bytes = b"", kind: int = TensorProto.FLOAT) -> TensorProto:
    tensor = TensorProto(name="w", data_type=kind, raw_data=data)
    tensor.dims.extend(dims)
    return tensor


def _weighty(tensor: TensorProto) -> Made:
    return _graph([_node("Add", ("x", "w"))], [tensor])


def _outside(location: str, prepare: Made = lambda folder: None, dims=(1,), **more: str) -> Made:
    def make(folder: Path) -> None:
        prepare(folder)
        tensor = _tensor(dims)
        tensor.ClearField("raw_data")
        tensor.data_location = TensorProto.EXTERNAL
        for key, value in {"location": location, **more}.items():
            tensor.external_data.add(key=key, value=value)
        _weighty(tensor)(folder)

    return make


def _weights(folder: Path) -> None:
    (folder / "w.bin").write_bytes(np.ones(1, np.float32).tobytes())
    (folder.parent / "secret.bin").write_bytes(np.ones(1, np.float32).tobytes())


def _linked(name: str, target: str) -> Made:
    def make(folder: Path) -> None:
        _weights(folder)
        (folder / name).symlink_to(target)

    return make


def _pipe(name: str) -> Made:
    def make(folder: Path) -> None:
        os.mkfifo(folder / name)

    return make


@cache
def _zip() -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("model.onnx", bytes(64 << 20))
    return packed.getvalue()


def _zipped(before: bytes) -> Made:
    return lambda folder: _put(folder, before + _zip())


def _tar() -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("../../etc/cron.d/x"))
    return packed.getvalue()


class _Runs:
    def __reduce__(self):
        return os.mkdir, ("/tmp/serin-was-here",)


def _call(name: str, inputs=("a",), outputs=("b",)):
    return _node(name, inputs, outputs, domain="d")


def _function(name: str, nodes) -> object:
    return helper.make_function(
        "d", name, ["a"], ["b"], nodes, [helper.make_opsetid("", 17), helper.make_opsetid("d", 1)]
    )


def doubling_functions(levels: int) -> list[object]:
    """Each calls the next twice: a few lines that are 2^levels nodes when they are written out."""
    made = [_function(f"f{n}", [_call(f"f{n + 1}", outputs=("c",)), _call(f"f{n + 1}", ("c",))]) for n in range(levels)]
    return [*made, _function(f"f{levels}", [_node("Neg", ("a",), ("b",))])]


def calls(functions) -> Made:
    return _graph([_call("f0", ("x",), ("y",))], functions=functions, imports=[helper.make_opsetid("d", 1)])


def _two_models(folder: Path) -> None:
    doubling(folder / "a.onnx")
    doubling(folder / "b.onnx")


def _grown(folder: Path) -> None:
    """The product of two constants, each of which is small enough to be in the file."""
    shape = numpy_helper.from_array(np.array([_CROWD], np.int64), "shape")
    _graph([_node("ConstantOfShape", ("shape",), ("c",)), _node("Add", ("x", "c"))], [shape])(folder)


def _many_ones(count: int) -> Made:
    """A constant that the graph repeats without end, before the first request."""
    repeats = numpy_helper.from_array(np.array([count], np.int64), "n")
    one = numpy_helper.from_array(np.ones(1024, np.float32), "one")
    return _graph([_node("Tile", ("one", "n"), ("c",)), _node("Add", ("x", "c"))], [repeats, one])


def _crowded() -> dict[str, Callable[[], bytes]]:
    """Messages of two bytes, three million of each kind, below what a graph lists itself."""
    begun = b"\x08\x08" + _field(8, b"\x10\x11")

    def many(key: bytes) -> bytes:
        return key + b"\x00" + (key + b"\x00") * 2_999_999

    def branch(content: bytes) -> bytes:
        return begun + _field(7, _field(1, _field(4, b"If") + _field(5, content)))

    return {
        "nodes of a branch": lambda: branch(_field(6, many(b"\x0a"))),
        "weights of a branch behind a number": lambda: branch(b"\x3d" + bytes(4) + _field(6, many(b"\x2a"))),
        "branches": lambda: branch(many(b"\x5a")),
        "tensors of an attribute": lambda: branch(many(b"\x52")),
        "attributes of a node": lambda: begun + _field(7, _field(1, many(b"\x2a"))),
        "attributes of a function": lambda: begun + _field(7, _field(1, b"")) + _field(25, many(b"\x5a")),
        "nodes of a training": lambda: begun + _field(7, _field(1, b"")) + _field(20, _field(1, many(b"\x0a"))),
        "trainings": lambda: begun + _field(7, _field(1, b"")) + many(b"\xa2\x01"),
        "operator sets": lambda: begun + _field(7, _field(1, b"")) + many(b"\x42"),
    }


HOSTILE: dict[str, tuple[Made, str, str]] = {
    # cut, or never whole
    "nothing": (_bytes(b""), "ModelInvalid", "empty"),
    "half of it": (_of_good(lambda b: b[: len(b) // 2]), "ModelInvalid", "cut short"),
    "all but a byte": (_of_good(lambda b: b[:-1]), "ModelInvalid", "cut short"),
    "zeros": (_bytes(bytes(4096)), "ModelInvalid", "not an ONNX model"),
    "noise": (_made(lambda: np.random.default_rng(7).bytes(1 << 20)), "ModelInvalid", "not an ONNX model"),
    "no graph": (_bytes(b"\x08\x08"), "ModelInvalid", "no graph"),
    "a number without end": (_bytes(b"\xff" * 4096), "ModelInvalid", "not an ONNX model"),
    "a length beyond the file": (_bytes(b"\x3a" + _varint(1 << 60) + b"x"), "ModelInvalid", "cut short"),
    "a length of minus one": (_bytes(b"\x3a" + b"\xff" * 9 + b"\x01"), "ModelInvalid", "not an ONNX model"),
    "a graph of noise": (_bytes(b"\x08\x08" + _field(7, np.random.default_rng(8).bytes(4096))), "ModelInvalid", ""),
    "a wire type that is none": (_bytes(b"\x0f\x00"), "ModelInvalid", "not an ONNX model"),
    # something else by that name
    "a zip that grows": (_zipped(b""), "ModelInvalid", "a zip archive"),
    "a tar that leads out": (_bytes(_tar()), "ModelInvalid", "a tar archive"),
    "a pickle that runs": (_bytes(pickle.dumps(_Runs())), "ModelInvalid", "a Python pickle"),
    "a zip behind a model's first bytes": (_zipped(b"\x08\x08"), "ModelInvalid", "not an ONNX model"),
    # nesting and cycles
    "graphs in graphs": (_made(lambda: _nested(20_000, (1, 5, 6))), "ModelInvalid", ""),
    "types of types": (_nested_types, "ModelInvalid", ""),
    "a node that waits for itself": (_graph([_node(inputs=("y",))]), "ModelInvalid", ""),
    "nodes that wait for one another": (_graph([_node("Add", ("x", "b"), ("a",)), _node("Add", ("x", "a"), ("b",)), _node(inputs=("b",))]), "ModelInvalid", ""),
    "a function that calls itself": (calls([_function("f0", [_call("f0")])]), "ModelInvalid", "without end"),
    "functions that call one another": (calls([_function("f0", [_call("f1")]), _function("f1", [_call("f0")])]), "ModelInvalid", "without end"),
    "functions that call twice what calls twice": (calls(doubling_functions(40)), "ModelInvalid", "more than 1,000,000 nodes"),
    "ten million nodes of two bytes": (_made(lambda: b"\x08\x08" + _field(7, b"\x0a\x00" * 10_000_000)), "ModelInvalid", "more than 1,000,000 nodes"),
    "ten million weights of two bytes": (_made(lambda: b"\x08\x08" + _field(7, b"\x2a\x00" * 10_000_000)), "ModelInvalid", "more than 1,000,000 nodes"),
    "a function of ten million nodes": (_made(lambda: b"\x08\x08" + _field(7, b"\x0a\x00") + _field(25, b"\x3a\x00" * 10_000_000)), "ModelInvalid", "more than 1,000,000 nodes"),
    **{name: (_made(content), "ModelInvalid", "more than 1,000,000 nodes") for name, content in _crowded().items()},
    "one output twice": (_graph([_node(), _node()]), "ModelInvalid", ""),
    # sizes
    "weights larger than the world": (_weighty(_tensor([_CROWD])), "ModelInvalid", ""),
    "weights whose size runs over": (_weighty(_tensor([1 << 33] * 4)), "ModelInvalid", ""),
    "weights of less than nothing": (_weighty(_tensor([-1])), "ModelInvalid", ""),
    "weights with fewer bytes than they say": (_weighty(_tensor([1 << 20], b"1234")), "ModelInvalid", ""),
    "weights of no type": (_weighty(_tensor([1], b"1234", 99)), "ModelInvalid", ""),
    "a constant that grows at load": (_grown, "ModelInvalid", ""),
    "a constant that is repeated at load": (_many_ones(1 << 30), "ModelInvalid", ""),
    "an operator set of the future": (_graph([_node()], opset=1 << 40), "ModelUnsupported", "No Op registered"),
    "a name of ten million letters": (_graph([_node("N" * 10_000_000)]), "ModelInvalid", ""),
    # weights elsewhere
    "weights above the folder": (_outside("../secret.bin", _weights), "ModelInvalid", "no path below its folder"),
    "weights above by a way round": (_outside("a/../../secret.bin", _weights), "ModelInvalid", "no path below its folder"),
    "weights of the machine": (_outside("/etc/passwd"), "ModelInvalid", "no path below its folder"),
    "weights behind a link": (_outside("l.bin", _linked("l.bin", "../secret.bin")), "ModelInvalid", "leads out"),
    "weights behind a link to the machine": (_outside("l.bin", _linked("l.bin", "/etc/passwd")), "ModelInvalid", "leads out"),
    "weights behind a folder that is a link": (_outside("up/secret.bin", _linked("up", "..")), "ModelInvalid", ""),
    "weights behind a link to itself": (_outside("l.bin", _linked("l.bin", "l.bin")), "ModelInvalid", "no such file"),
    "weights in memory": (_outside("*/_ORT_MEM_ADDR_/*", offset="4096", length="4"), "ModelInvalid", "no such file"),
    "weights in a pipe": (_outside("p.bin", _pipe("p.bin")), "ModelInvalid", "no such file"),
    "weights in a device": (_outside("z.bin", _linked("z.bin", "/dev/zero")), "ModelInvalid", "no such file"),
    "weights that are not there": (_outside("w.bin"), "ModelInvalid", "no such file"),
    "weights behind the end of the file": (_outside("w.bin", _weights, offset="1000000", length="4"), "ModelInvalid", ""),
    "weights before the beginning": (_outside("w.bin", _weights, offset="-4", length="4"), "ModelInvalid", ""),
    "weights longer than their file": (_outside("w.bin", _weights, dims=(_CROWD,), length=str(_CROWD * 4)), "ModelInvalid", ""),
    "weights at no number": (_outside("w.bin", _weights, offset="ten"), "ModelInvalid", ""),
    "a path with a NUL": (_outside("w.bin\0.txt", _weights), "ModelInvalid", "no path below its folder"),
    # folders
    "an empty folder": (lambda folder: None, "ModelInvalid", "must hold model.onnx"),
    "two models": (_two_models, "ModelInvalid", "exactly one .onnx"),
    "a model that is a pipe": (_pipe("model.onnx"), "ModelInvalid", "must hold model.onnx"),
    "a model that is a file of the machine": (_linked("model.onnx", "/etc/passwd"), "ModelInvalid", "not an ONNX model"),
    "a model that is a link to itself": (_linked("model.onnx", "model.onnx"), "ModelInvalid", "must hold model.onnx"),
    # code of others
    "an operator that nobody knows": (_graph([_node("Steal", domain="evil")], imports=[helper.make_opsetid("evil", 1)]), "ModelUnsupported", "evil"),
    "a compiled context": (_graph([_node("EPContext", domain="com.microsoft", embed_mode=0, ep_cache_context="/etc/passwd")], imports=[helper.make_opsetid("com.microsoft", 1)]), "ModelUnsupported", ""),
}  # fmt: skip

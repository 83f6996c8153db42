"""A file that is no ONNX model is told as what it is."""

import io
import pickle
import zipfile
from pathlib import Path

import pytest

from serin_server.failures import LoadFailure, Reason
from serin_server.model.onnx_file import opset_of


def zipped() -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("data.pkl", b"x" * 100)
    return packed.getvalue()


FILES = {
    "a git-lfs pointer": (
        b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n",
        "git-lfs pointer instead of the file itself: run git lfs pull",
    ),
    "a page": (b"\n<!DOCTYPE html><html><body>Log in</body></html>", "an HTML page"),
    "a page with a byte order mark": (b"\xef\xbb\xbf<HTML>", "an HTML page"),
    "an error of an object store": (b"<?xml version='1.0'?><Error><Code>NoSuchKey</Code></Error>", "an XML document"),
    "an error in JSON": (b'{"error": "not found"}', "JSON text"),
    "a pickle": (pickle.dumps({"a": 1}), "a Python pickle"),
    "a zip": (zipped(), "a zip archive"),
    "a gzip": (b"\x1f\x8b\x08\x00" + b"\x00" * 20, "compressed (gzip): upload it unpacked"),
    "a tar": (b"model.onnx".ljust(257, b"\x00") + b"ustar\x00", "a tar archive"),
    "Keras": (b"\x89HDF\r\n\x1a\n" + b"\x00" * 20, "an HDF5 file"),
    "TensorFlow Lite": (b"\x1c\x00\x00\x00TFL3" + b"\x00" * 20, "TensorFlow Lite"),
    "safetensors": (b'\x40\x00\x00\x00\x00\x00\x00\x00{"a":{}}', "safetensors"),
    "ORT": (b"\x1c\x00\x00\x00ORTM" + b"\x00" * 20, "ORT format"),
}


@pytest.mark.parametrize(("content", "words"), FILES.values(), ids=FILES)
def test_what_was_uploaded_by_mistake_is_named(tmp_path: Path, content: bytes, words: str) -> None:
    file = tmp_path / "model.onnx"
    file.write_bytes(content)
    with pytest.raises(LoadFailure) as refused:
        opset_of(file)
    assert refused.value.reason is Reason.MODEL_INVALID
    assert words in refused.value.message, refused.value.message
    assert "wire type" not in refused.value.message


def test_what_nobody_knows_is_told_by_its_bytes(tmp_path: Path) -> None:
    file = tmp_path / "model.onnx"
    file.write_bytes(b"\xff" * 40)
    with pytest.raises(LoadFailure, match="not an ONNX model or is cut short"):
        opset_of(file)

"""What a file is that is no ONNX model, by how it begins: people upload other things by mistake, and should be told which."""

from typing import Final

HEAD_BYTES: Final = 512
_TAR_AT: Final = 257

_BEGINNINGS: Final = (
    (
        b"version https://git-lfs",
        "a git-lfs pointer instead of the file itself: run git lfs pull before it is uploaded",
    ),
    (b"PK\x03\x04", "a zip archive (as PyTorch and Keras write): export the model to ONNX, or upload what is in it"),
    (b"\x1f\x8b", "compressed (gzip): upload it unpacked"),
    (b"BZh", "compressed (bzip2): upload it unpacked"),
    (b"\x28\xb5\x2f\xfd", "compressed (zstd): upload it unpacked"),
    (b"\xfd7zXZ\x00", "compressed (xz): upload it unpacked"),
    (b"\x89HDF\r\n\x1a\n", "an HDF5 file (as Keras writes): export the model to ONNX"),
    (b"\x93NUMPY", "a NumPy array: export the model to ONNX"),
    (b"GGUF", "a GGUF file, which ONNX Runtime does not run"),
    (b"PAR1", "a Parquet file, so data and no model"),
    (b"%PDF", "a PDF"),
)
_IN_THE_MIDDLE: Final = (
    (4, b"TFL3", "a TensorFlow Lite model: convert it to ONNX"),
    (4, b"ORTM", "a model in ORT format: upload the .onnx that it was made from"),
    (8, b'{"', "a safetensors file, so weights without a model: export the model to ONNX"),
    (_TAR_AT, b"ustar", "a tar archive: upload what is in it"),
)
_PAGE: Final = (
    "an HTML page, as sites answer for a login or an error: give the address of the file itself, and credentials"
)
_TEXTS: Final = (
    (b"<!doctype html", _PAGE),
    (b"<html", _PAGE),
    (b"<?xml", "an XML document, as object stores answer for an error: look at it with curl"),
    (b"<error", "an XML document, as object stores answer for an error: look at it with curl"),
    (b"{", "JSON text, as many sites answer for an error: look at it with curl"),
)
_PICKLE: Final = (
    "a Python pickle (as scikit-learn, joblib and PyTorch write), which Serin never opens: export the model to ONNX"
)


def lookalike(head: bytes) -> str | None:
    """What a file that begins with ``head`` is, and what to do; None when nobody knows."""
    for beginning, said in _BEGINNINGS:
        if head.startswith(beginning):
            return said
    for at, words, said in _IN_THE_MIDDLE:
        if head[at : at + len(words)] == words:
            return said
    if head[:1] == b"\x80" and head[1:2] in {b"\x02", b"\x03", b"\x04", b"\x05"}:
        return _PICKLE
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    return next((said for beginning, said in _TEXTS if text.startswith(beginning)), None)

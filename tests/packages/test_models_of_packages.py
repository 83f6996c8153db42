"""Models that people install from PyPI, as they are in their packages: each loads by default and answers as ONNX Runtime does.

`make real-models` fetches the packages (130 MB, once, by the hashes in models.txt) and runs this; -s shows the table.
"""

import os
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
from tests.support.nursery import child
from tests.support.serving import call
from tests.support.transports import answers

FOLDER = Path(os.environ.get("SERIN_CACHE", Path.home() / ".cache" / "serin")) / "models"
pytestmark = [
    pytest.mark.timeout(300),
    pytest.mark.skipif(not FOLDER.is_dir(), reason="the packages are not here: make real-models fetches them"),
]
RNG = np.random.default_rng(7)


def floats(*shape):
    return RNG.random(shape, dtype=np.float32)


def sound(**more):
    """A moment of sound at 16 kHz, and what the model knew before it."""
    return {"input": floats(1, 512), "state": np.zeros((2, 1, 128), np.float32), **more}


RATE = {"sr": np.array(16_000, np.int64)}
MODELS = {
    "speech, several rates": ("silero_vad/data/silero_vad.onnx", sound(**RATE)),
    "speech, 16 kHz": ("silero_vad/data/silero_vad_16k_op15.onnx", sound(**RATE)),
    "speech, without branches": ("silero_vad/data/silero_vad_op18_ifless.onnx", sound(**RATE)),
    "speech, half as exact": ("silero_vad/data/silero_vad_half.onnx", sound()),
    "speech, one moment of fixed length": (
        "silero_vad/data/silero_vad_openvino_16k.onnx",
        {"input": floats(1, 576), "state": np.zeros((2, 1, 128), np.float32)},
    ),
    "speech, a row of moments": (
        "silero_vad/data/silero_vad_16k_sequence.onnx",
        {"input": floats(5, 576), "h": np.zeros((1, 1, 128), np.float32), "c": np.zeros((1, 1, 128), np.float32)},
    ),
    "detector of any size": ("nudenet/320n.onnx", {"images": floats(1, 3, 320, 320)}),
    "where text stands": ("rapidocr_onnxruntime/models/ch_PP-OCRv4_det_infer.onnx", {"x": floats(1, 3, 96, 160)}),
    "which way up text is": (
        "rapidocr_onnxruntime/models/ch_ppocr_mobile_v2.0_cls_infer.onnx",
        {"x": floats(2, 3, 48, 192)},
    ),
    "what text says": ("rapidocr_onnxruntime/models/ch_PP-OCRv4_rec_infer.onnx", {"x": floats(1, 3, 48, 160)}),
    "what a file is": (
        "magika/models/standard_v3_3/model.onnx",
        {"bytes": RNG.integers(0, 256, (3, 2048), dtype=np.int32)},
    ),
    "letters in pictures": ("ddddocr/common.onnx", {"input1": floats(1, 1, 64, 128)}),
    "letters in pictures, as before": ("ddddocr/common_old.onnx", {"input1": floats(1, 1, 64, 128)}),
    "where letters stand": ("ddddocr/common_det.onnx", {"images": floats(1, 3, 416, 416)}),
}


@pytest.mark.parametrize(("file", "feed"), MODELS.values(), ids=MODELS)
def test_a_model_of_a_package_loads_by_default_and_answers_alike_over_every_transport(tmp_path, file, feed):
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(FOLDER / file, options, providers=["CPUExecutionProvider"])
    alone = dict(zip([each.name for each in session.get_outputs()], session.run(None, feed), strict=True))
    with child(FOLDER / file, tmp_path) as server:
        _, told = call(f"http://127.0.0.1:{server.http}/v2/models/m")
        print(f"| {file} | {told['properties']['warm_up']} | {told['properties']['batching']} |", flush=True)
        assert answers(server, feed, alone) == {"json": "equal", "binary": "equal", "grpc": "equal"}

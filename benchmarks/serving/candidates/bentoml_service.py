"""BentoML with a service around ONNX Runtime, one worker."""

import os
from typing import Any

import bentoml
import numpy as np
import onnxruntime

NUMPY = {"FP32": np.float32, "INT64": np.int64}
OIP = {"tensor(float)": "FP32", "tensor(int64)": "INT64"}


@bentoml.service(workers=1, metrics={"enabled": True}, logging={"access": {"enabled": False}})
class Onnx:
    def __init__(self) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self.session = onnxruntime.InferenceSession(os.environ["MODEL"], options)

    @bentoml.api(route="/v2/models/m/infer")
    async def infer(self, inputs: list[dict[str, Any]]) -> dict[str, Any]:
        feed = {t["name"]: np.array(t["data"], dtype=NUMPY[t["datatype"]]).reshape(t["shape"]) for t in inputs}
        outputs = [
            {"name": node.name, "shape": list(value.shape), "datatype": OIP[node.type], "data": value.ravel().tolist()}
            for node, value in zip(self.session.get_outputs(), self.session.run(None, feed), strict=True)
        ]
        return {"model_name": "m", "outputs": outputs}

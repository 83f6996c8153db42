"""KServe's model server with a custom model around ONNX Runtime."""

import os
import sys

import onnxruntime
from kserve import InferOutput, InferRequest, InferResponse, Model, ModelServer

OIP = {"tensor(float)": "FP32", "tensor(int64)": "INT64"}


class OnnxModel(Model):
    def load(self) -> bool:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self._session = onnxruntime.InferenceSession(os.environ["MODEL"], options)
        self.ready = True
        return True

    async def predict(self, payload: InferRequest, headers: dict | None = None, response_headers: dict | None = None):
        feed = {tensor.name: tensor.as_numpy() for tensor in payload.inputs}
        outputs = []
        for node, value in zip(self._session.get_outputs(), self._session.run(None, feed), strict=True):
            output = InferOutput(name=node.name, shape=list(value.shape), datatype=OIP[node.type])
            output.set_data_from_numpy(value, binary_data=False)
            outputs.append(output)
        return InferResponse(response_id=payload.id or "0", model_name=self.name, infer_outputs=outputs)


if __name__ == "__main__":
    port = int(sys.argv.pop())
    model = OnnxModel("m")
    model.load()
    ModelServer(http_port=port, enable_grpc=False, workers=1, access_log_format=None).start([model])

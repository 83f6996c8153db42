"""MLServer with a custom runtime around ONNX Runtime, in its own process (parallel_workers 0: its faster setting here)."""

import os

import onnxruntime
from mlserver import MLModel
from mlserver.codecs import NumpyCodec
from mlserver.types import InferenceRequest, InferenceResponse


class OnnxRuntime(MLModel):
    async def load(self) -> bool:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self._session = onnxruntime.InferenceSession(os.environ["MODEL"], options)
        self._names = [node.name for node in self._session.get_outputs()]
        return True

    async def predict(self, payload: InferenceRequest) -> InferenceResponse:
        feed = {tensor.name: NumpyCodec.decode_input(tensor) for tensor in payload.inputs}
        values = self._session.run(None, feed)
        outputs = [NumpyCodec.encode_output(name, value) for name, value in zip(self._names, values, strict=True)]
        return InferenceResponse(model_name=self.name, outputs=outputs)

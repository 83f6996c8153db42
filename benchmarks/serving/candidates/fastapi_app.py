"""The server that most people write first: FastAPI, pydantic models of the protocol, ONNX Runtime in an async handler."""

import os
from contextlib import asynccontextmanager
from typing import Any

import numpy as np
import onnxruntime
from fastapi import FastAPI
from pydantic import BaseModel

OIP = {"tensor(float)": "FP32", "tensor(int64)": "INT64"}
NUMPY = {"FP32": np.float32, "INT64": np.int64}
state: dict[str, Any] = {}


class Tensor(BaseModel):
    name: str
    shape: list[int]
    datatype: str
    data: list[float]


class InferRequest(BaseModel):
    id: str | None = None
    inputs: list[Tensor]


class OutputTensor(BaseModel):
    name: str
    shape: list[int]
    datatype: str
    data: list[float] | list[int]


class InferResponse(BaseModel):
    model_name: str
    id: str | None = None
    outputs: list[OutputTensor]


@asynccontextmanager
async def lifespan(_: FastAPI):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    state["session"] = onnxruntime.InferenceSession(os.environ["MODEL"], options)
    yield


app = FastAPI(lifespan=lifespan)


@app.get("/v2/health/ready")
async def ready() -> dict[str, bool]:
    return {"ready": "session" in state}


@app.post("/v2/models/m/infer")
async def infer(request: InferRequest) -> InferResponse:
    feed = {t.name: np.array(t.data, dtype=NUMPY[t.datatype]).reshape(t.shape) for t in request.inputs}
    session = state["session"]
    outputs = [
        OutputTensor(name=node.name, shape=list(value.shape), datatype=OIP[node.type], data=value.ravel().tolist())
        for node, value in zip(session.get_outputs(), session.run(None, feed), strict=True)
    ]
    return InferResponse(model_name="m", id=request.id, outputs=outputs)

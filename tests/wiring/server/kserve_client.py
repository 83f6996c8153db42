"""Run by test_kserve.py in an environment that holds the kserve client: asks by HTTP and gRPC, prints what it got."""

import asyncio
import json
import sys

import numpy as np
from kserve import InferenceGRPCClient, InferenceRESTClient, InferInput, InferRequest, RESTConfig


async def main(http_port: int, grpc_port: int) -> None:
    url, row = f"http://127.0.0.1:{http_port}", np.array([[1, 2, 3.5]], np.float32)
    rest = InferenceRESTClient(RESTConfig(protocol="v2"))
    told = {"live": await rest.is_server_live(url), "ready": await rest.is_model_ready(url, "m")}
    for kind, is_binary in (("json", False), ("binary", True)):
        given = InferInput("x", [1, 3], "FP32")
        given.set_data_from_numpy(row, binary_data=is_binary)
        answer = await rest.infer(url, InferRequest(model_name="m", infer_inputs=[given]), model_name="m")
        told[kind] = answer.outputs[0].as_numpy().tolist()
    grpc = InferenceGRPCClient(url=f"127.0.0.1:{grpc_port}")
    answer = await grpc.infer(InferRequest(model_name="m", infer_inputs=[given]))
    told["grpc"] = answer.outputs[0].as_numpy().tolist()
    told["grpc live"] = await grpc.is_server_live()
    print(json.dumps(told))


asyncio.run(main(int(sys.argv[1]), int(sys.argv[2])))

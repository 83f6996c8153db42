"""One question over every transport, as clients ask it, and what came back beside what ONNX Runtime alone answers."""

import json
from importlib import import_module
from typing import Any

import numpy as np
from tests.support.nursery import Child
from tests.support.serving import call
from tritonclient.utils import InferenceServerException


def same(served: Any, alone: Any) -> bool:
    """Equal; floats up to what the order of a sum may change, which depends on where in memory the input lies."""
    if served.shape != alone.shape:
        return False
    if alone.dtype.kind in "fc":
        return bool(
            np.allclose(served, alone, rtol=1e-3 if alone.dtype.itemsize == 2 else 1e-5, atol=1e-6, equal_nan=True)
        )
    return bool((served == alone).all())


def over_triton(transport: str, port: int, feed: dict[str, Any], alone: dict[str, Any]) -> str:
    """What tritonclient gets in binary, over HTTP or gRPC."""
    module = import_module(f"tritonclient.{transport}")
    with module.InferenceServerClient(f"127.0.0.1:{port}") as client:
        told = client.get_model_metadata("m", **({"as_json": True} if transport == "grpc" else {}))
        types = {each["name"]: each["datatype"] for each in told.get("inputs", ())}
        inputs = []
        for name, value in feed.items():
            tensor = module.InferInput(name, list(value.shape), types[name])
            texts = types[name] == "BYTES"
            inputs.append(
                tensor.set_data_from_numpy(np.vectorize(str.encode, "O")(value) if texts and value.size else value)
            )
        try:
            answer = client.infer("m", inputs)
        except InferenceServerException as error:
            return str(error)
        for name, value in alone.items():
            served = answer.as_numpy(name)
            if value.dtype.kind in "OU":
                served = np.array([text.decode() for text in served.ravel()], "O").reshape(served.shape)
            if not same(served, value):
                return f"{name} differs"
    return "equal"


def over_json(port: int, types: dict[str, str], feed: dict[str, Any], alone: dict[str, Any]) -> str:
    """What a client of JSON gets: null for a number that JSON does not have."""
    inputs = [
        {"name": name, "shape": list(value.shape), "datatype": types[name], "data": value.ravel().tolist()}
        for name, value in feed.items()
    ]
    text = json.dumps({"inputs": inputs}).replace("NaN", "null")
    if "Infinity" in text:
        return "no JSON for infinity"
    status, answer = call(f"http://127.0.0.1:{port}/v2/models/m/infer", text.encode())
    if status != 200:
        return f"{status} {answer}"
    for output in answer["outputs"]:
        value = alone[output["name"]]
        if value.dtype.kind == "f":
            served = np.array([np.nan if each is None else each for each in output["data"]], value.dtype)
            value = np.where(np.isfinite(value), value, np.nan).astype(value.dtype)
        else:
            served = np.array(output["data"], value.dtype)
        if not same(served.reshape(output["shape"]), value):
            return f"{output['name']} differs"
    return "equal"


def answers(server: Child, feed: dict[str, Any], alone: dict[str, Any]) -> dict[str, str]:
    """What became of one question, by transport."""
    _, told = call(f"http://127.0.0.1:{server.http}/v2/models/m")
    types = {each["name"]: each["datatype"] for each in told["inputs"]}
    return {
        "json": over_json(server.http, types, feed, alone),
        "binary": over_triton("http", server.http, feed, alone),
        "grpc": over_triton("grpc", server.grpc, feed, alone),
    }

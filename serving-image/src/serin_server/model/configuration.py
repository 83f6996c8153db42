"""A model's configuration in Triton's words, for clients that ask for it before they send anything."""

from dataclasses import dataclass
from typing import Any

from serin_server.model.load import Model
from serin_server.model.tensors import TensorSpec


@dataclass(frozen=True, slots=True)
class Batches:
    """How requests may share runs, where that is proven: so many rows, and how long they wait for one another."""

    most_rows: int = 1
    window_seconds: float = 0.0


def configuration(name: str, model: Model, batches: Batches) -> dict[str, Any]:
    """The model as Triton's `ModelConfig`, in the JSON of that message.

    `max_batch_size` is 0, and `dims` have the rows, where requests do not share runs: then rows need not be independent.
    """
    is_batched = model.batching.is_batchable and batches.most_rows > 1
    inputs = [_tensor(spec, is_batched) for spec in model.signature.inputs]
    optional = [{**_tensor(spec, is_batched=False), "optional": True} for spec in model.signature.optional]
    device = "KIND_GPU" if model.session.is_on_device else "KIND_CPU"
    window = {"max_queue_delay_microseconds": round(batches.window_seconds * 1e6)}
    return {
        "name": name,
        "platform": "onnxruntime_onnx",
        "backend": "onnxruntime",
        "version_policy": {"latest": {"num_versions": 1}},
        "max_batch_size": batches.most_rows if is_batched else 0,
        "input": [*inputs, *optional],
        "output": [_tensor(spec, is_batched) for spec in model.signature.outputs],
        "instance_group": [{"name": name, "kind": device, "count": 1}],
        "default_model_filename": model.path.name,
        **({"dynamic_batching": window} if is_batched else {}),
        "parameters": {"sha256": {"string_value": model.sha256}},
    }


def _tensor(spec: TensorSpec, is_batched: bool) -> dict[str, Any]:
    datatype = "STRING" if spec.datatype == "BYTES" else spec.datatype
    return {"name": spec.name, "data_type": f"TYPE_{datatype}", "dims": list(spec.shape[1 if is_batched else 0 :])}

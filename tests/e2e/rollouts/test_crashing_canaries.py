"""Canaries that crash when they have been ready: rolled back, and the version that served serves on."""

from typing import Any

import pytest
from onnx import TensorProto, helper
from tests.support.serin import STORE, Space, kill_container

pytestmark = pytest.mark.e2e

HOLD: dict[str, Any] = {"steps": [{"weight": 50, "holdSeconds": 300}], "progressDeadlineSeconds": 60}


def hungry_model() -> bytes:
    """Loads and passes its warm-up of zeros; the rows of real patients make it want two gigabytes."""
    number = TensorProto.INT64
    nodes = [
        helper.make_node("ReduceMax", ["features"], ["top"], keepdims=0),
        helper.make_node("Constant", [], ["ten"], value=helper.make_tensor("t", TensorProto.FLOAT, [], [10.0])),
        helper.make_node("Constant", [], ["many"], value=helper.make_tensor("m", number, [1], [500_000_000])),
        helper.make_node("Constant", [], ["one"], value=helper.make_tensor("o", number, [1], [1])),
        helper.make_node("Greater", ["top", "ten"], ["is_real"]),
        helper.make_node("Cast", ["is_real"], ["times"], to=number),
        helper.make_node("Mul", ["many", "times"], ["more"]),
        helper.make_node("Add", ["more", "one"], ["size"]),
        helper.make_node("Expand", ["top", "size"], ["wide"]),
        helper.make_node("Neg", ["wide"], ["grown"]),
        helper.make_node("ReduceMax", ["grown"], ["most"], keepdims=0),
        helper.make_node("ReduceMax", ["features"], ["row"], axes=[1], keepdims=0),
        helper.make_node("Less", ["row", "most"], ["class"]),
        helper.make_node("Cast", ["class"], ["label"], to=number),
    ]
    features = helper.make_tensor_value_info("features", TensorProto.FLOAT, [None, 30])
    label = helper.make_tensor_value_info("label", number, [None])
    opset = helper.make_opsetid("", 17)
    model = helper.make_model(
        helper.make_graph(nodes, "hungry", [features], [label]), opset_imports=[opset], ir_version=10
    )
    return model.SerializeToString()  # type: ignore[no-any-return]


@pytest.fixture
def crashing(space: Space) -> Space:
    """v1 under traffic of its own: what a canary was answering when it died is lost, and no other test's business."""
    space.apply("v1")
    space.wait_until_serves("v1")
    space.start_traffic(requests_per_second=20)
    return space


def assert_rolled_back_for_crashes(
    space: Space, version: str, stable: list[dict[str, Any]], seconds: float = 30
) -> str:
    """What the ledger says of it, when stable alone serves again, none of its pods touched."""
    entry = space.wait_for_outcome(version, "RolledBack", seconds)
    assert entry["reason"] == "CanaryCrashed"
    expected = {p["metadata"]["name"] for p in stable}
    space.wait_until("stable alone is behind the Service", lambda: space.endpoints() == expected, 30)
    now = [p for p in space.pods() if p["metadata"]["name"] in expected]
    assert not any(p["status"]["containerStatuses"][0]["restartCount"] for p in now)
    assert space.status()["stable"]["version"] == "v1"
    assert space.condition("Available")["status"] == "True"
    return str(entry["message"])


def test_a_canary_that_crashes_after_it_was_ready_is_rolled_back(crashing: Space) -> None:
    pods = crashing.pods()
    crashing.apply("v2", rollout=HOLD)
    crashing.wait_until("a step", lambda: (crashing.status().get("canary") or {}).get("phase") == "Holding")
    canary = [p for p in crashing.pods() if p["metadata"]["name"] not in {q["metadata"]["name"] for q in pods}]
    assert len(canary) == 2
    for pod in canary:
        kill_container(crashing.kubernetes, pod["status"]["containerStatuses"][0]["containerID"].rpartition("/")[2])
    message = assert_rolled_back_for_crashes(crashing, "v2", pods)
    assert "ended 2 times" in message
    assert "exit code 137" in message


def test_a_canary_that_runs_out_of_memory_on_real_rows_is_rolled_back(crashing: Space) -> None:
    pods = crashing.pods()
    crashing.serin.put_models({"hungry.onnx": hungry_model()})
    crashing.apply("hungry", f"http://models.{STORE}.svc/hungry.onnx", rollout=HOLD)
    # From its first fetch on, and each pod has to meet a real row.
    message = assert_rolled_back_for_crashes(crashing, "hungry", pods, 120)
    assert "killed at its memory limit; raise runtime.resources.limits.memory" in message

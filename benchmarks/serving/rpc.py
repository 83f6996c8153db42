"""What one prediction costs over gRPC beside HTTP: CPU seconds of the server for 1,000 requests, in turns, on one server.

Clients are wrk for HTTP and grpc-go for gRPC (rpc_load/), each with as many connections; what they cost themselves is not counted.
"""

import argparse
import json
import subprocess
import tempfile
import time
from pathlib import Path
from statistics import median

import numpy as np
from catalog import CACHE, HERE, Candidate
from drive import measure, running
from models import CASES, Case, build
from processes import cpu_seconds, pss_megabytes

METHOD = "/inference.GRPCInferenceService/ModelInfer"
KINDS = ("JSON", "binary", "gRPC", "gRPC, one connection", "gRPC typed")


def question(case: Case, folder: Path, *, is_typed: bool) -> bytes:
    """The same question as over HTTP."""
    from serin_server.rpc import open_inference_pb2 as pb

    data = np.load(folder / f"{case.model}.npy")[: case.rows].round(4).astype(np.float32)
    asked = pb.ModelInferRequest(model_name="m")
    tensor = asked.inputs.add(name="X", datatype="FP32", shape=data.shape)
    if is_typed:
        tensor.contents.fp32_contents.extend(data.ravel().tolist())
    else:
        asked.raw_input_contents.append(data.tobytes())
    return asked.SerializeToString()


def _load_tool() -> Path:
    """The load of gRPC, in Go: built from rpc_load/ where it is not there, or of another source."""
    tool = CACHE / "rpc-load"
    sources = sorted((HERE / "rpc_load").iterdir())
    if not tool.exists() or any(source.stat().st_mtime > tool.stat().st_mtime for source in sources):
        subprocess.run(["go", "build", "-o", str(tool), "."], cwd=HERE / "rpc_load", check=True)
    return tool


def _load(port: int, asked: bytes, seconds: float, calls: int, connections: int) -> dict[str, float]:
    with tempfile.NamedTemporaryFile() as file:
        Path(file.name).write_bytes(asked)
        command = [_load_tool(), f"127.0.0.1:{port}", METHOD, file.name, calls, connections, seconds]
        done = subprocess.run([str(each) for each in command], check=True, capture_output=True, text=True)
    told = json.loads(done.stdout)
    if told["failed"]:
        raise RuntimeError(f"calls failed: {told}")
    return told


def over_grpc(case: Case, pid: int, port: int, folder: Path, seconds: float, kind: str) -> dict[str, float]:
    """CPU seconds of the server for 1,000 calls, after a warm-up, and calls a second."""
    asked = question(case, folder, is_typed="typed" in kind)
    connections = 1 if "one" in kind else case.connections
    _load(port, asked, 0.5, case.connections, connections)
    before = cpu_seconds(pid)
    told = _load(port, asked, seconds, case.connections, connections)
    used = cpu_seconds(pid) - before
    return {
        "cpu_seconds_per_1000": used / told["requests"] * 1000,
        "requests_per_second": told["requests"] / told["seconds"],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=2)
    parser.add_argument("--case", default="lr b1 c8", choices=[case.name for case in CASES])
    given = parser.parse_args()
    case = next(case for case in CASES if case.name == given.case)
    folder = CACHE / "models"
    if not (folder / f"{case.model}.npy").exists():
        build(folder)
    told: dict[str, list[float]] = {}
    with running(Candidate("serin", "here"), folder / f"{case.model}.onnx") as (pid, port, ready):
        time.sleep(1)
        start = {"ready_seconds": round(ready, 2), "pss_megabytes": round(pss_megabytes(pid), 1)}
        for _ in range(given.rounds):
            for kind in KINDS:
                if "gRPC" in kind:
                    cost = over_grpc(case, pid, port + 1, folder, given.seconds, kind)
                else:
                    asked = Case(case.name, case.model, case.rows, case.connections, is_binary=kind == "binary")
                    cost = measure(asked, pid, port, folder, given.seconds)
                told.setdefault(kind, []).append(cost["cpu_seconds_per_1000"])
                print(f"{kind:22} {cost['cpu_seconds_per_1000']:.4f} CPU-s/1k", flush=True)
    rows = {kind: {"least": round(min(each), 4), "median": round(median(each), 4)} for kind, each in told.items()}
    times = {how: round(rows["gRPC"][how] / rows["JSON"][how], 2) for how in ("least", "median")}
    print(json.dumps({"case": case.name, **start, **rows, "gRPC times JSON": times}, indent=1))


if __name__ == "__main__":
    main()

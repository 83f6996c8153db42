"""What one prediction costs over gRPC beside HTTP: CPU seconds of the server for 1,000 requests, in turns, on one server.

Clients are wrk for HTTP and grpcio for gRPC, each with as many connections; what they cost themselves is not counted.
"""

import argparse
import asyncio
import json
import time
from pathlib import Path

import numpy as np
from catalog import CACHE, Candidate
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


async def _load(port: int, asked: bytes, seconds: float, connections: int, *, is_one: bool) -> int:
    import grpc

    count = 0
    until = time.perf_counter() + seconds
    apart = [("grpc.use_local_subchannel_pool", 1)]
    channels = [
        grpc.aio.insecure_channel(f"127.0.0.1:{port}", options=apart) for _ in range(1 if is_one else connections)
    ]

    async def ask(channel: grpc.aio.Channel) -> None:
        nonlocal count
        infer = channel.unary_unary(METHOD)
        while time.perf_counter() < until:
            await infer(asked)
            count += 1

    await asyncio.gather(*(ask(channels[number % len(channels)]) for number in range(connections)))
    for channel in channels:
        await channel.close()
    return count


def over_grpc(case: Case, pid: int, port: int, folder: Path, seconds: float, kind: str) -> dict[str, float]:
    """CPU seconds of the server for 1,000 calls, after a warm-up, and calls a second."""
    asked = question(case, folder, is_typed="typed" in kind)
    is_one = "one" in kind
    asyncio.run(_load(port, asked, 0.5, case.connections, is_one=is_one))
    before, began = cpu_seconds(pid), time.perf_counter()
    count = asyncio.run(_load(port, asked, seconds, case.connections, is_one=is_one))
    used, wall = cpu_seconds(pid) - before, time.perf_counter() - began
    return {"cpu_seconds_per_1000": used / count * 1000, "requests_per_second": count / wall}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=4)
    parser.add_argument("--case", default="lr b1 c8", choices=[case.name for case in CASES])
    given = parser.parse_args()
    case = next(case for case in CASES if case.name == given.case)
    folder = CACHE / "models"
    if not (folder / f"{case.model}.npy").exists():
        build(folder)
    told: dict[str, list[float]] = {}
    for _ in range(given.rounds):
        with running(Candidate("serin", "here"), folder / f"{case.model}.onnx") as (pid, port, ready):
            time.sleep(1)
            start = {"ready_seconds": ready, "pss_megabytes": pss_megabytes(pid)}
            for kind in KINDS:
                if "gRPC" in kind:
                    cost = over_grpc(case, pid, port + 1, folder, given.seconds, kind)
                else:
                    asked = Case(case.name, case.model, case.rows, case.connections, is_binary=kind == "binary")
                    cost = measure(asked, pid, port, folder, given.seconds)
                told.setdefault(kind, []).append(cost["cpu_seconds_per_1000"])
            for name, value in start.items():
                told.setdefault(name, []).append(value)
    best = {name: round(min(values), 4) for name, values in told.items()}
    best["gRPC times JSON"] = round(best["gRPC"] / best["JSON"], 2)
    print(json.dumps({"case": case.name, **best}, indent=1))


if __name__ == "__main__":
    main()

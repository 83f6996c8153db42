"""What it costs a server to ask another version a share of its requests as well: CPU, latency, and what a dead control does.

All servers serve the same model and are driven in turns, and of all rounds the smallest CPU counts; ratios are what to look at.
JSON on stdout.

    python pairs.py [--seconds 3] [--rounds 3] [--sample 0.1] [--connections 8] [--before path/to/older/src]
"""

import argparse
import json
import os
import socket
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from catalog import CACHE
from cost import cost
from models import Case, build
from server import metric, served

KEY = "k1:0123456789abcdef0123456789abcdef"
MUCH = "1000000"


@contextmanager
def silent() -> Iterator[int]:
    """A port that takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0), backlog=64) as listening:
        yield listening.getsockname()[1]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=3)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--sample", default="0.1")
    parser.add_argument("--connections", type=int, default=8)
    parser.add_argument("--model", default="lr")
    parser.add_argument("--before", help="sources of an older server, driven beside the others")
    given = parser.parse_args()
    folder = CACHE / "models"
    build(folder)
    model, case = folder / f"{given.model}.onnx", Case("", given.model, 1, given.connections)
    samples: dict[str, list[dict[str, float]]] = {}
    with tempfile.TemporaryDirectory() as scratch, ExitStack() as stack:
        keys = Path(scratch) / "keys"
        keys.write_text(KEY)
        signed = ("--feedback-key-file", str(keys))
        stable = stack.enter_context(served(model, *signed, "--revision", "stable"))
        asking = ("--pairing-sample", given.sample, "--pairing-max-per-second", MUCH, "--pairing-control")
        servers: dict[str, Any] = {"no pairs": served(model, *signed)}
        servers["pairs"] = served(model, *signed, *asking, f"http://127.0.0.1:{stable[0]}", "--revision", "canary")
        dead = stack.enter_context(silent())
        servers["control hangs"] = served(model, *signed, *asking, f"http://127.0.0.1:{dead}", "--revision", "canary")
        ports = {name: stack.enter_context(server) for name, server in servers.items()}
        if given.before:
            os.environ["PYTHONPATH"] = given.before
            ports["before"] = stack.enter_context(served(model, *signed))
        for _ in range(given.rounds):
            for name, (http, metrics, _) in ports.items():
                samples.setdefault(name, []).append(
                    cost(case, http, metrics, folder, given.seconds, pairs="serin_pairs_total")
                )
        asked = metric(stable[1], "serin_control_requests_total")
    best = {name: min(each, key=lambda one: one["cpu_seconds_per_1000"]) for name, each in samples.items()}
    base = best["no pairs"]["cpu_seconds_per_1000"]
    ratios = {name: one["cpu_seconds_per_1000"] / base for name, one in best.items()}
    print(
        json.dumps(
            {"ratios": ratios, "best": best, "stable_was_asked": asked, "load_average": os.getloadavg()}, indent=1
        )
    )


if __name__ == "__main__":
    main()

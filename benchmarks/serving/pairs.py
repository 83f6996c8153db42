"""What it costs a server to ask another version a share of its requests as well: CPU, latency, and what a dead control does.

All servers serve the same model and are driven in turns, and ratios of the smallest CPU and of the medians of all rounds are what to
look at. Clients wait for their answers, so those that are held back for the control leave the others smaller runs: compare `runs`, too.
JSON on stdout.

    python pairs.py [--seconds 3] [--rounds 3] [--sample 0.1] [--connections 8] [--before path/to/older/src]
"""

import argparse
import json
import os
import socket
import statistics
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
COUNTED = {"pairs": "serin_pairs_total", "runs": "serin_batch_size_count"}


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
        control = ("--pairing-control", f"http://127.0.0.1:{stable[0]}", "--revision", "canary")
        sampling = ("--pairing-sample", given.sample)
        asking = (*sampling, "--pairing-max-per-second", MUCH)
        servers: dict[str, Any] = {"no pairs": served(model, *signed)}
        servers["pairs"] = served(model, *signed, *asking, *control)
        servers["pairs, 50 a second"] = served(model, *signed, *sampling, *control)
        dead = stack.enter_context(silent())
        hanging = ("--pairing-control", f"http://127.0.0.1:{dead}", "--revision", "canary")
        servers["control hangs"] = served(model, *signed, *asking, *hanging)
        ports = {name: stack.enter_context(server) for name, server in servers.items()}
        if given.before:
            os.environ["PYTHONPATH"] = given.before
            older = stack.enter_context(served(model, *signed, "--revision", "stable"))
            control = ("--pairing-control", f"http://127.0.0.1:{older[0]}", "--revision", "canary")
            ports["before, no pairs"] = stack.enter_context(served(model, *signed))
            ports["before"] = stack.enter_context(served(model, *signed, *asking, *control))
        for _ in range(given.rounds):
            for name, (http, metrics, _) in ports.items():
                samples.setdefault(name, []).append(cost(case, http, metrics, folder, given.seconds, **COUNTED))
        asked = metric(stable[1], "serin_control_requests_total")
    best = {name: min(each, key=lambda one: one["cpu_seconds_per_1000"]) for name, each in samples.items()}
    base = [one["cpu_seconds_per_1000"] for one in samples["no pairs"]]
    ratios = {name: one["cpu_seconds_per_1000"] / min(base) for name, one in best.items()}
    medians = {
        name: statistics.median(one["cpu_seconds_per_1000"] for one in each) / statistics.median(base)
        for name, each in samples.items()
    }
    print(
        json.dumps(
            {
                "ratios": ratios,
                "ratios_of_medians": medians,
                "best": best,
                "stable_was_asked": asked,
                "load_average": os.getloadavg(),
            },
            indent=1,
        )
    )


if __name__ == "__main__":
    main()

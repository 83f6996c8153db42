"""What it costs a server to ask another version a share of its requests as well: CPU, latency, and what a dead control does.

All servers serve the same model and are driven in short turns, in another order each round. What counts is the median over the
rounds of the CPU that a request costs beside what it costs the server without pairs in the same round; a twin of that server
says how much of it is chance. Clients send as fast as they are answered, or, with `--rate`, so many requests a second at moments
of chance. Those that wait for the control leave the others smaller runs where all clients wait for their answers: compare
`runs`, too. Beside them are clients whose requests are never asked twice (`unsampled_ms`, their latencies of all rounds): one
with a few requests, or, with `--rate`, half of all, and the others are sampled twice as often. JSON on stdout.

    python pairs.py [--seconds 2] [--rounds 8] [--sample 0.1] [--connections 8] [--rate 500] [--before path/to/older/src]
"""

import argparse
import json
import os
import socket
import tempfile
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from catalog import CACHE
from clients import driven, post, told_by
from cost import beside, cost
from models import Case, body_of, build
from server import metric, served

KEY = "k1:0123456789abcdef0123456789abcdef"
MUCH = "1000000"
COUNTED = {"pairs": "serin_pairs_total", "runs": "serin_batch_size_count"}
PROBES_PER_SECOND = 200
WARM_UP_SECONDS = 1
BASE = "no pairs"


@contextmanager
def silent() -> Iterator[int]:
    """A port that takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0), backlog=64) as listening:
        yield listening.getsockname()[1]


def ms_of(latencies: list[float]) -> dict[str, float]:
    """What clients say of their latencies."""
    ordered = sorted(latencies)
    return {name: 1000 * ordered[int(len(ordered) * share)] for name, share in (("p50", 0.5), ("p99", 0.99))}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=8)
    parser.add_argument("--sample", type=float, default=0.1)
    parser.add_argument("--connections", type=int, default=8)
    parser.add_argument(
        "--rate", type=float, default=0, help="requests a second of all connections; 0: as fast as it goes"
    )
    parser.add_argument("--model", default="lr")
    parser.add_argument("--only", default="", help="servers whose names hold this, beside the one without pairs")
    parser.add_argument("--before", help="sources of an older server, driven beside the others")
    given = parser.parse_args()
    folder = CACHE / "models"
    build(folder)
    model, case = folder / f"{given.model}.onnx", Case("", given.model, 1, given.connections)
    half = max(1, given.connections // 2)
    share = given.sample * (2 if given.rate else 1)
    body, headers = body_of(case, folder)
    request, unsampled = post(body, headers), post(body + b" ", headers)
    samples: dict[str, list[dict[str, float]]] = {}
    probed: dict[str, list[float]] = {}

    def look(name: str, http: int, metrics: int) -> None:
        """One turn of a server, with the client whose requests are never asked twice beside the others."""
        load, probes, rate = None, 1, PROBES_PER_SECOND
        seconds = WARM_UP_SECONDS + given.seconds
        if given.rate:
            probes, rate = half, given.rate / 2 / half
            load = partial(driven, http, half, seconds, request, rate=rate)
        told: list[dict[str, Any]] = []
        prober = threading.Thread(target=lambda: told.extend(told_by(http, probes, seconds, unsampled, rate=rate)))
        prober.start()
        samples.setdefault(name, []).append(cost(case, http, metrics, folder, given.seconds, load, **COUNTED))
        prober.join()
        probed.setdefault(name, []).extend(told[0]["latencies"])

    with tempfile.TemporaryDirectory() as scratch, ExitStack() as stack:
        keys = Path(scratch) / "keys"
        keys.write_text(KEY)
        signed = ("--feedback-key-file", str(keys))

        def asking(port: int, most: str = MUCH) -> tuple[str, ...]:
            control = ("--pairing-control", f"http://127.0.0.1:{port}", "--revision", "canary")
            sample = ("--pairing-sample", str(share), "--pairing-max-per-second", most)
            return (*signed, *control, *sample, "--pairing-max-bytes", str(len(body)))

        stable = stack.enter_context(served(model, *signed, "--revision", "stable"))
        dead = stack.enter_context(silent())
        flags = {
            BASE: signed,
            "its twin": signed,
            "pairs": asking(stable[0]),
            "pairs, 50 a second": asking(stable[0], "50"),
            "control hangs": asking(dead),
        }
        chosen = {name: each for name, each in flags.items() if given.only in name or name == BASE}
        ports = {name: stack.enter_context(served(model, *each)) for name, each in chosen.items()}
        if given.before:
            os.environ["PYTHONPATH"] = given.before
            older = stack.enter_context(served(model, *signed, "--revision", "stable"))
            ports["before, no pairs"] = stack.enter_context(served(model, *signed))
            ports["before"] = stack.enter_context(served(model, *asking(older[0])))
        for number in range(given.rounds):
            order = list(ports.items())
            for name, (http, metrics, _) in order[number % len(order) :] + order[: number % len(order)]:
                look(name, http, metrics)
        asked = metric(stable[1], "serin_control_requests_total")
    told = {
        name: {**beside(each, samples[BASE]), "unsampled_ms": ms_of(probed[name])} for name, each in samples.items()
    }
    print(
        json.dumps(
            {"servers": told, "stable_was_asked": asked, "load_average": os.getloadavg(), "given": vars(given)},
            indent=1,
        )
    )


if __name__ == "__main__":
    main()

"""Measure the operator against a real API server, without nodes: `make bench-operator` (SIZES=1000; ONLY=new).

Leaves results.json, results.md and results.png beside this file. Each figure is one run; the machine and its load stand with them.
"""

import argparse
import asyncio
import json
import os
import tempfile
from pathlib import Path

from benchmarks.operator import argo, events, report, scenarios

HERE = Path(__file__).parent


def main():
    """Parse, run, write."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--sizes", default="1000", help="numbers of ModelDeployments, separated by commas")
    arguments.add_argument("--only", default="", help="one of new, life, argo, events")
    arguments.add_argument("--resync", type=float, default=300.0, help="seconds between resyncs")
    arguments.add_argument("--idle", type=float, default=300.0, help="seconds of idleness")
    arguments.add_argument("--rollouts", type=float, default=120.0, help="seconds of looks; 0 leaves rollouts out")
    arguments.add_argument("--seconds", type=float, default=900.0, help="longest wait for anything")
    arguments.add_argument("--out", type=Path, default=HERE)
    options = arguments.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # an image holds byte code, so a start that compiles tells nothing
    os.environ["PYTHONPYCACHEPREFIX"] = str(Path(tempfile.gettempdir()) / f"serin-bytecode-{os.getuid()}")
    path = options.out / "results.json"
    results = json.loads(path.read_text()) if path.exists() else {}
    for size in map(int, options.sizes.split(",")):
        with tempfile.TemporaryDirectory() as folder:
            found = results.setdefault(str(size), {})

            def tell(name, result, found=found, size=size):
                found[name] = result | _machine()
                print(size, name, json.dumps(found[name]), flush=True)
                path.write_text(json.dumps(results, indent=1) + "\n")

            if options.only in {"", "new"}:
                tell("new", asyncio.run(scenarios.new(size, options, folder)))
            if options.only in {"", "life"}:
                asyncio.run(scenarios.life(size, options, folder, tell))
            if options.only in {"", "argo"}:
                asyncio.run(argo.life(size, options, folder, lambda name, result: tell(f"argo {name}", result)))
    if options.only in {"", "events"}:
        results["events"] = events.measure()
        print("events", json.dumps(results["events"]), flush=True)
    path.write_text(json.dumps(results, indent=1) + "\n")
    report.write(results, options.out)


def _machine():
    return {"load_average": round(os.getloadavg()[0], 1)}


if __name__ == "__main__":
    main()

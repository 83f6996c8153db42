"""Drives every candidate with the same bodies in interleaved rounds; writes results.json, results.md and results.png.

CPU seconds of the whole process tree for 1,000 requests are what is compared: neighbours on the machine disturb them
least, and of all rounds the smallest counts. Ratios in one run are meant to be compared with those of another machine;
seconds are not.
"""

import argparse
import json
import os
import platform
import time
from pathlib import Path

from catalog import CACHE, CANDIDATES, HERE, build_environment
from drive import check, measure, running
from floor import measure_floor
from models import CASES, build
from processes import pss_megabytes
from report import FLOOR, write_report


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=4)
    parser.add_argument("--only", help="names of candidates, by comma")
    parser.add_argument("--out", type=Path, default=HERE)
    given = parser.parse_args()
    wanted = [c for c in CANDIDATES if not given.only or c.name in given.only.split(",")]
    for environment in {candidate.environment for candidate in wanted}:
        build_environment(environment)
    folder = CACHE / "models"
    build(folder)
    samples: dict[str, dict[str, list[dict]]] = {candidate.name: {} for candidate in wanted}
    floor = samples.setdefault(FLOOR, {})
    for number in range(given.rounds):
        for case in CASES:
            floor.setdefault(case.name, []).append(measure_floor(case, folder, 1))
        for model in ("lr", "mlp"):
            for candidate in wanted:
                with running(candidate, folder / f"{model}.onnx") as (pid, port, ready_seconds):
                    time.sleep(1)
                    start = {"ready_seconds": ready_seconds, "pss_megabytes": pss_megabytes(pid)}
                    samples[candidate.name].setdefault(f"start {model}", []).append(start)
                    for case in CASES:
                        if case.model == model and (candidate.binary or not case.is_binary):
                            check(case, port, folder)
                            told = measure(case, pid, port, folder, given.seconds)
                            samples[candidate.name].setdefault(case.name, []).append(told)
                            print(f"round {number + 1} {candidate.name:22} {case.name:18} "
                                  f"{told['cpu_seconds_per_1000']:.4f} CPU-s/1k {told['requests_per_second']:7.0f}/s", flush=True)  # fmt: skip
    machine = {"cpu": cpu_name(), "cores": os.cpu_count(), "python": platform.python_version(), "rounds": given.rounds,
               "seconds": given.seconds, "load_average": os.getloadavg()}  # fmt: skip
    given.out.mkdir(parents=True, exist_ok=True)
    (given.out / "results.json").write_text(json.dumps({"machine": machine, "samples": samples}, indent=1) + "\n")
    print(write_report(given.out))


def cpu_name() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    return next((line.split(": ")[1] for line in lines if line.startswith("model name")), "unknown")


if __name__ == "__main__":
    main()

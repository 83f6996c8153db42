"""Run every row and world with the shipped engine, and the table's rows with the rules of others too.

`make bench-analysis` writes results.json, RESULTS.md and plot.png beside this file; with ONLY=… it renews the rows whose
names contain that, and leaves the others. The seed of a chunk depends on its
row's name and its number only, so figures do not depend on the number of processes.
"""

import argparse
import json
import time
from concurrent.futures import ProcessPoolExecutor
from functools import cache
from pathlib import Path
from zlib import crc32

import numpy as np
from benchmarks.analysis import figures, peers, plotted, report
from benchmarks.analysis.chain import rows as chain
from benchmarks.analysis.engine import judge_stream, single
from benchmarks.analysis.speed import speed
from benchmarks.analysis.table import ROWS
from benchmarks.analysis.worlds import worlds

CHUNK = 250
HERE = Path(__file__).parent


@cache
def _worlds():
    return {one.name: one for one in worlds()}


def _rng(name: str, chunk: int) -> np.random.Generator:
    return np.random.default_rng([20261121, crc32(name.encode()), chunk])


def table_chunk(number: int, chunk: int, size: int) -> dict:
    """One chunk of a row of the table: every rule on the same counts."""
    row = ROWS[number]
    simulated = row.make(_rng(row.name, chunk), size)
    config = single(row.rule)
    results = [judge_stream(config, simulated, one) for one in range(size)]
    others = _of_others(row, simulated)
    found = {"Serin": [one.canary_answers if one.failed else None for one in results]}
    looks = {"Serin": [one.look if one.failed else None for one in results]}
    return {"answers": found | others["answers"], "looks": looks | others["looks"]}


def others_chunk(number: int, chunk: int, size: int) -> dict:
    """The same of the rules of others alone: a row's counts depend on its name and the chunk only."""
    return _of_others(ROWS[number], ROWS[number].make(_rng(ROWS[number].name, chunk), size))


def _of_others(row, simulated) -> dict:
    labels, found, looks = simulated.canary_total.cumsum(axis=1), {}, {}
    for name, first in peers.all_rules(simulated, row.threshold).items():
        found[name] = [int(labels[i, t]) if t >= 0 else None for i, t in enumerate(first)]
        looks[name] = [int(t) if t >= 0 else None for t in first]
    return {"answers": found, "looks": looks}


def world_chunk(name: str, chunk: int, size: int) -> dict:
    """One chunk of a world: when the engine failed it, and when it called it non-inferior."""
    results = _worlds()[name].run(_rng(name, chunk), size)
    return {
        "failed": [one.canary_answers if one.failed else None for one in results],
        "looks": [one.look if one.failed else None for one in results],
        "non_inferior": [one.canary_answers if one.non_inferior else None for one in results],
        "said": [one.said for one in results],
    }


def chain_chunk(number: int, chunk: int, size: int) -> dict:
    """One chunk of a row through the whole chain."""
    row = chain.ROWS[number]
    return row.chunk(_rng(row.name, chunk), size)


def main() -> None:
    """Parse, run, write."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--rollouts", type=int, default=2000, help="a row of the table; worlds scale along")
    arguments.add_argument("--processes", type=int, default=2)
    arguments.add_argument("--only", default="", help="names containing this, or one of several between |")
    arguments.add_argument(
        "--missing", action="store_true", help="only rows that results.json has not (after an interruption)"
    )
    arguments.add_argument("--others", action="store_true", help="only what the rules of others do on the table's rows")
    arguments.add_argument("--write", action=argparse.BooleanOptionalAction, default=True)
    options = arguments.parse_args()
    if options.others:
        _renew_others()
        return
    known = figures.names(HERE / "results.json") if options.missing else set()
    scale = options.rollouts / 2000
    began = time.monotonic()
    jobs = {}
    with ProcessPoolExecutor(options.processes) as pool:
        for number, row in enumerate(ROWS):
            if _is_asked(options.only, row.name) and row.name not in known:
                size = round(row.rollouts * scale)
                jobs["table", row.name] = [pool.submit(table_chunk, number, i, s) for i, s in _chunks(size)]
        for world in worlds():
            if _is_asked(options.only, world.name) and world.name not in known:
                size = round(world.rollouts * scale)
                jobs["world", world.name] = [pool.submit(world_chunk, world.name, i, s) for i, s in _chunks(size)]
        for (kind, name), chunks in jobs.items():
            done = figures.merge([one.result() for one in chunks])
            print(f"{time.monotonic() - began:6.0f} s  {figures.line(kind, name, done)}", flush=True)
            if options.write:
                figures.keep(HERE / "results.json", kind, name, done)
        _through_the_chain(pool, options, scale)
    if options.write:
        results = json.loads((HERE / "results.json").read_text())
        if not options.only:
            results["speed"] = speed()
            (HERE / "results.json").write_text(json.dumps(results, indent=1, ensure_ascii=False) + "\n")
        _write()


def _through_the_chain(pool, options, scale) -> None:
    book = chain.Book(HERE / "results.json")
    known = book.names if options.missing else frozenset()
    asked = [row for row in chain.ROWS if _is_asked(options.only, row.name) and row.name not in known]
    jobs = {
        row: [
            pool.submit(chain_chunk, chain.ROWS.index(row), i, size)
            for i, size in _chunks(round(row.rollouts * scale), chain.CHUNK)
        ]
        for row in asked
    }
    for row, chunks in jobs.items():
        done = figures.merge([one.result() for one in chunks])
        print(chain.line(row, done), flush=True)
        if options.write:
            book.keep(row, done)


def _renew_others() -> None:
    for number, row in enumerate(ROWS):
        chunks = [others_chunk(number, i, size) for i, size in _chunks(row.rollouts)]
        figures.keep_others(HERE / "results.json", row.name, figures.merge(chunks))
    _write()


def _write() -> None:
    results = json.loads((HERE / "results.json").read_text())
    (HERE / "RESULTS.md").write_text(report.markdown(results))
    plotted.plot(results, HERE / "plot.png")


def _is_asked(only: str, name: str) -> bool:
    return any(part in name for part in only.split("|"))


def _chunks(size: int, of: int = CHUNK):
    return [(i, min(of, size - i * of)) for i in range(-(-size // of))]


if __name__ == "__main__":
    main()

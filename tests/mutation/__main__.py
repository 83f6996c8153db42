"""``make mutation``: how many of a seeded sample of slips in ``decide/`` the tests notice.

Writes ``build/mutation/survivors.txt`` and ``results.json``; prints a table of rooms.
"""

import argparse
import importlib
import json
import os
import time

import hypothesis
from tests.mutation.killing import hunt, tests_of
from tests.mutation.measured import TESTS, measured
from tests.mutation.mutants import ROOT, Mutant, all_mutants, drawn, equivalents, stale
from tests.mutation.report import Fate, fate_of, survivors, table

FOLDER = ROOT / "build/mutation"
LIBRARIES = (
    "pytest_asyncio",
    "pydantic",
    "yaml",
    "numpy",
    "aiohttp",
    "prometheus_client",
    "httpx",
    "structlog",
)
"""Imported once, for all that is imported anew."""


def main() -> int:
    """Measure, draw, try, tell."""
    options = _options()
    os.environ |= {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "SERIN_WORLDS": "3"}
    for library in LIBRARIES:
        importlib.import_module(library)
    hypothesis.settings.register_profile("mutation", deadline=None)  # on a busy machine time notices what no test does
    hypothesis.settings.load_profile("mutation")
    known_as_equivalent = equivalents()
    for key in stale(known_as_equivalent):
        print(f"equivalent.toml: no such mutant any more: {key}")
    sample = drawn(_candidates(options), options.sample, options.seed)
    known = measured(options.jobs, options.tests.split(","), as_before=options.as_measured)
    fates: dict[Mutant, Fate] = {}
    tests = {}
    for mutant in sample:
        if mutant.key in known_as_equivalent:
            fates[mutant] = Fate.EQUIVALENT
        elif chosen := tests_of(mutant, known, options.budget):
            tests[mutant] = chosen
        else:
            fates[mutant] = Fate.NOT_COVERED
    began = time.monotonic()

    def tell(mutant: Mutant, code: int) -> None:
        fates[mutant] = fate_of(code)
        if fates[mutant] in {Fate.SURVIVED, Fate.BROKEN}:
            print(
                f"{time.monotonic() - began:6.0f} s {len(fates)}/{len(sample)} {fates[mutant]} {mutant.file}:{mutant.line}",
                flush=True,
            )

    hunt(tests, known, options.jobs, tell)
    told = f"{table(fates)}\n{len(sample)} mutants, seed {options.seed}, {time.monotonic() - began:.0f} s"
    FOLDER.mkdir(parents=True, exist_ok=True)
    (FOLDER / "survivors.txt").write_text(survivors(fates, tests))
    (FOLDER / "results.json").write_text(json.dumps([[*each.key, fate] for each, fate in fates.items()], indent=1))
    (FOLDER / "table.txt").write_text(told + "\n")
    print(told)
    return 0


def _candidates(options: argparse.Namespace) -> list[Mutant]:
    if options.again:
        before = {
            tuple(row[:4])
            for row in json.loads((FOLDER / "results.json").read_text())
            if row[4] in {"survived", "not covered"}
        }
        return [each for each in all_mutants({file for file, *_ in before}) if each.key in before]
    mutants = [each for each in all_mutants() if each.file.startswith(tuple(options.rooms.split(",")))]
    return [each for each in mutants if each.is_inside or not options.functions]


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="mutation", description=__doc__)
    parser.add_argument("--sample", type=int, default=600, help="how many mutants are drawn")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--rooms", default="", help="where paths below decide/ begin, between commas")
    parser.add_argument(
        "--functions", action="store_true", help="only slips in bodies of functions, which are the quick ones"
    )
    parser.add_argument("--tests", default=",".join(TESTS), help="files and folders of tests, between commas")
    parser.add_argument("--budget", type=float, default=30.0, help="seconds of tests for a mutant at most")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--again", action="store_true", help="those that survived last time")
    parser.add_argument(
        "--as-measured", action="store_true", help="which test executes what as measured before, whatever changed"
    )
    return parser.parse_args()


if __name__ == "__main__":
    # By the clock of the processor, not of the tests: leave at once, whatever was imported.
    raise SystemExit(main())

"""Which test executes which line of ``decide/``, and how long it takes: measured once a file of tests, and kept.

What is kept counts as long as the operator, what tests share and the file itself are the same.
"""

import functools
import gc
import hashlib
import importlib
import json
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from tests.mutation.forks import Job, alone
from tests.mutation.mutants import DECIDE, ROOT

KEPT = ROOT / "build/mutation/measured"
ARGUMENTS = (
    "-q",
    "-o",
    "timeout=0",
    "-p",
    "no:xdist",
    "-p",
    "no:randomly",
    "--no-header",
    "-m",
    "not cluster and not e2e",
)
FIXTURES = "fixtures"
"""Lines that fixtures shared by a whole file execute: every test of it stands on them."""
TESTS = (
    "tests/unit/analysis",
    "tests/unit/operator",
    "tests/unit/kubectl_serin",
    "tests/properties/analysis",
    "tests/properties/operator",
    "tests/golden/rollouts",
    "tests/golden/pods",
    "tests/golden/kubectl_serin",
    "tests/golden/upgrade",
    "tests/golden/gitops/test_statuses.py",
    "tests/stories",
)


@dataclass
class Measured:
    """What tests execute."""

    seconds: dict[str, float] = field(default_factory=dict)
    lines: dict[str, dict[int, set[str]]] = field(default_factory=lambda: defaultdict(lambda: defaultdict(set)))
    """File below ``decide/`` and line: the tests."""

    def that_execute(self, file: str, lines: range) -> set[str]:
        """The tests that execute one of the lines."""
        found = self.lines[file]
        return {test for line in lines if line in found for test in found[line]}


def files_of_tests() -> list[Path]:
    """Those that can say something about decisions."""
    found = [ROOT / each for each in TESTS]
    return sorted(test for each in found for test in ([each] if each.is_file() else each.rglob("test_*.py")))


def measured(jobs: int, *, as_before: bool = False) -> Measured:
    """From what is kept, after measuring what is missing; ``as_before``: though it has changed since."""
    shared = _digest(
        sorted([*ROOT.glob("operator/src/**/*.py"), *ROOT.glob("tests/support/**/*.py"), ROOT / "conftest.py"])
    )
    missing = []
    for path in files_of_tests():
        kept = _kept(path)
        is_same = kept.exists() and (as_before or json.loads(kept.read_text())["of"] == shared + _digest([path]))
        if not is_same:
            missing.append(path)
    missing.sort(key=lambda path: (not _is_quick(path), path.stat().st_size))
    if missing:
        # In a process of its own: mutants of a module's level want one that has not imported it yet.
        list(alone([Job(functools.partial(_measure_all, missing, shared, jobs), is_heard=True)], 1))
    return _read()


def _is_quick(path: Path) -> bool:
    return "unit" in path.parts


def _measure_all(missing: Sequence[Path], shared: str, jobs: int) -> int:
    importlib.import_module("tests.support.simulation")  # what most tests import, once

    waiting = [Job(functools.partial(_measure, path, shared)) for path in missing]
    for done, code in alone(waiting, jobs):
        print(f"measured {missing[done].relative_to(ROOT)}" + (f" ({code})" if code else ""), flush=True)
    return 0


def _read() -> Measured:
    result = Measured()
    for path in files_of_tests():
        if not _kept(path).exists():
            continue
        found = json.loads(_kept(path).read_text())
        result.seconds |= found["seconds"]
        for file, lines in found["lines"].items():
            for line, tests in lines.items():
                names = [found["tests"][each] for each in tests]
                result.lines[file][int(line)] |= set(found["seconds"]) if FIXTURES in names else set(names)
    return result


def _kept(path: Path) -> Path:
    return KEPT / (str(path.relative_to(ROOT)).replace("/", "-") + ".json")


def _digest(paths: Sequence[Path]) -> str:
    digest = hashlib.sha256()
    for path in paths:
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def _measure(path: Path, shared: str) -> int:
    plugin = _Plugin()
    code = pytest.main([*ARGUMENTS, str(path.relative_to(ROOT))], plugins=[plugin])
    if code not in {pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED, pytest.ExitCode.NO_TESTS_COLLECTED}:
        return int(code)
    data = plugin.coverage.get_data()
    passed = {test: round(seconds, 4) for test, seconds in plugin.seconds.items() if test not in plugin.failed}
    tests = [*passed, FIXTURES]
    places = {test: place for place, test in enumerate(tests)}
    lines = {}
    for file in data.measured_files():
        by_line = data.contexts_by_lineno(file)
        known = {
            line: sorted(places[each] for each in contexts if each in places) for line, contexts in by_line.items()
        }
        lines[str(Path(file).relative_to(DECIDE))] = {line: those for line, those in known.items() if those}
    KEPT.mkdir(parents=True, exist_ok=True)
    _kept(path).write_text(
        json.dumps({"of": shared + _digest([path]), "tests": tests, "seconds": passed, "lines": lines})
    )
    return 0


class _Plugin:
    """Measures while pytest runs."""

    def __init__(self) -> None:
        from coverage import Coverage

        self.coverage = Coverage(data_file=None, config_file=False, include=[str(DECIDE / "*")])
        self.seconds: dict[str, float] = {}
        self.failed: set[str] = set()
        self.now = ""

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection_finish(self) -> None:
        self.caches = [each for each in gc.get_objects() if isinstance(each, functools._lru_cache_wrapper)]
        self.coverage.start()

    def pytest_sessionfinish(self) -> None:
        self.coverage.stop()

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[Any]:
        for each in self.caches:
            if (each.__module__ or "").startswith(("serin_operator.decide", "tests.")):
                each.cache_clear()
        self.now = item.nodeid
        self.coverage.switch_context(self.now)
        began = time.process_time()
        result = yield
        self.seconds[item.nodeid] = time.process_time() - began
        return result

    @pytest.hookimpl(wrapper=True)
    def pytest_fixture_setup(self, fixturedef: Any) -> Iterator[Any]:
        if fixturedef.scope == "function":
            return (yield)
        self.coverage.switch_context(FIXTURES)
        try:
            return (yield)
        finally:
            self.coverage.switch_context(self.now)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if not report.passed:
            self.failed.add(report.nodeid)

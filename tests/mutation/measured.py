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


def files_of_tests(folders: Sequence[str] = TESTS) -> list[Path]:
    """Those that can say something about decisions."""
    found = [ROOT / each for each in folders]
    return sorted(test for each in found for test in ([each] if each.is_file() else each.rglob("test_*.py")))


def measured(jobs: int, folders: Sequence[str] = TESTS, *, as_before: bool = False) -> Measured:
    """From what is kept, after measuring what is missing; ``as_before``: whatever has changed since, and is missing."""
    missing = [] if as_before else [path for path in files_of_tests(folders) if not _is_kept(path)]
    if missing:
        # In a process of its own: mutants of a module's level want one that has not imported it yet.
        list(alone([Job(functools.partial(_measure_all, missing, jobs), is_heard=True)], 1))
    return _read(folders)


def _measure_all(missing: Sequence[Path], jobs: int) -> int:
    importlib.import_module("tests.support.simulation")  # what most tests import, once
    groups = _groups(missing)
    waiting = [Job(functools.partial(_measure, group)) for group in groups]
    for done, code in alone(waiting, jobs):
        names = ", ".join(path.stem.removeprefix("test_") for path in groups[done])
        print(f"measured {names}" + (f" ({code})" if code else ""), flush=True)
    return 0


def _groups(paths: Sequence[Path]) -> list[list[Path]]:
    """Of files that are measured together: unit tests take no longer than their imports."""
    units = [path for path in paths if "unit" in path.parts]
    others = sorted(
        (path for path in paths if path not in units),
        key=lambda path: (path.parts[-3] != "golden", path.stat().st_size),
    )
    return [units[place::2] for place in range(2) if units[place::2]] + [[path] for path in others]


@functools.cache
def _shared() -> str:
    """A digest of what every test stands on."""
    folders = ("operator/src", "tests/support")
    return _digest([*sorted(path for each in folders for path in (ROOT / each).rglob("*.py")), ROOT / "conftest.py"])


def _is_kept(path: Path) -> bool:
    kept = _kept(path)
    return kept.exists() and json.loads(kept.read_text())["of"] == _shared() + _digest([path])


def _read(folders: Sequence[str]) -> Measured:
    result = Measured()
    for path in files_of_tests(folders):
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


def _measure(paths: Sequence[Path]) -> int:
    plugin = _Plugin()
    code = pytest.main([*ARGUMENTS, *(str(path.relative_to(ROOT)) for path in paths)], plugins=[plugin])
    if code not in {pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED, pytest.ExitCode.NO_TESTS_COLLECTED}:
        return int(code)
    data = plugin.coverage.get_data()
    executed = {str(Path(file).relative_to(DECIDE)): data.contexts_by_lineno(file) for file in data.measured_files()}
    KEPT.mkdir(parents=True, exist_ok=True)
    for path in paths:
        _keep(path, plugin, executed)
    return 0


def _keep(path: Path, plugin: "_Plugin", executed: dict[str, dict[int, list[str]]]) -> None:
    name = str(path.relative_to(ROOT))
    ours = {test: seconds for test, seconds in plugin.seconds.items() if test.partition("::")[0] == name}
    passed = {test: round(seconds, 4) for test, seconds in ours.items() if test not in plugin.failed}
    tests = [*passed, FIXTURES]
    places = {test: place for place, test in enumerate(passed)} | {f"{FIXTURES} of {name}": len(passed)}
    lines = {}
    for file, by_line in executed.items():
        known = {
            line: sorted(places[each] for each in contexts if each in places) for line, contexts in by_line.items()
        }
        lines[file] = {line: those for line, those in known.items() if those}
    _kept(path).write_text(
        json.dumps({"of": _shared() + _digest([path]), "tests": tests, "seconds": passed, "lines": lines})
    )


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
        self.coverage.switch_context(f"{FIXTURES} of {self.now.partition('::')[0]}")
        try:
            return (yield)
        finally:
            self.coverage.switch_context(self.now)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if not report.passed:
            self.failed.add(report.nodeid)

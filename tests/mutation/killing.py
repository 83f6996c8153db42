"""Whether a test notices a mutant.

Most slips are inside a function: its code is exchanged in a process that has imported and collected everything, and the tests
that execute the line run, the quickest first, until one fails. Others, of constants and defaults, are imported anew.
"""

import functools
import importlib.abc
import importlib.machinery
import importlib.util
import inspect
import sys
import types
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

import pytest
from _pytest import main as _main
from tests.mutation.forks import BROKEN, Job, alone
from tests.mutation.measured import ARGUMENTS, Measured
from tests.mutation.mutants import DECIDE, Mutant

SLOWER = 5
"""A test that takes so many times as long as it did hangs."""
Tests = dict[Mutant, list[str]]
NOTICED = 1
UNNOTICED = 0


def tests_of(mutant: Mutant, known: Measured, budget: float) -> list[str]:
    """Those that execute its line or use what it defines: the quickest first, as many as the budget of seconds allows."""
    found = known.that_execute(mutant.file, range(mutant.line, mutant.until + 1))
    for name in mutant.names:
        for path in DECIDE.rglob("*.py"):
            used = [number for number, line in enumerate(path.read_text().splitlines(), 1) if name in line]
            for number in used:
                found |= known.that_execute(str(path.relative_to(DECIDE)), range(number, number + 1))
    chosen, spent = [], 0.0
    for test in sorted(found, key=lambda each: (known.seconds.get(each, 1.0), each)):
        spent += known.seconds.get(test, 1.0)
        if spent > budget and chosen:
            break
        chosen.append(test)
    return chosen


def hunt(tests: Tests, known: Measured, workers: int, tell: Callable[[Mutant, int], None]) -> None:
    """Tells of each mutant: `NOTICED`, `UNNOTICED`, `BROKEN`, or negative for those that hung or filled the memory."""
    inside, others = [m for m in tests if m.is_inside], [m for m in tests if not m.is_inside]
    jobs = [Job(functools.partial(_anew, each, tests[each]), _patience(tests[each], known) + 60) for each in others]
    for place, code in alone(jobs, workers):
        tell(others[place], code)
    if inside:
        files = sorted({test.partition("::")[0] for each in inside for test in tests[each]})
        loop = _Loop({each: tests[each] for each in inside}, known, workers, tell)
        pytest.main([*ARGUMENTS, "-x", *files], plugins=[loop])
        for each in () if loop.has_begun else inside:  # a file that could not be collected: none was tried
            tell(each, BROKEN)


def _patience(tests: Sequence[str], known: Measured) -> float:
    return 10 + SLOWER * sum(known.seconds.get(each, 1.0) for each in tests)


class _Loop:
    """In place of running the tests that were collected: some of them for each mutant, in a fork."""

    def __init__(self, tests: Tests, known: Measured, workers: int, tell: Callable[[Mutant, int], None]) -> None:
        self.tests, self.known, self.workers, self.tell = tests, known, workers, tell
        self.has_begun = False

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        self.has_begun = True
        items = {item.nodeid: item for item in session.items}
        mutants = list(self.tests)
        jobs = [
            Job(
                functools.partial(_inside, session, items, each, self.tests[each]),
                _patience(self.tests[each], self.known),
            )
            for each in mutants
        ]
        for place, code in alone(jobs, self.workers):
            self.tell(mutants[place], code)
        return True


def _inside(session: pytest.Session, items: dict[str, pytest.Item], mutant: Mutant, tests: Sequence[str]) -> int:
    _exchange(mutant)
    session.items = [items[each] for each in tests if each in items]
    if not session.items:
        return BROKEN
    with suppress(session.Failed):
        _main.pytest_runtestloop(session)
    return NOTICED if session.testsfailed else UNNOTICED


def _exchange(mutant: Mutant) -> None:
    """The code of the function is replaced: whoever has imported it under whatever name gets the mutant."""
    module = importlib.import_module(mutant.module)
    found: Any = module
    for name in mutant.function.split("."):
        found = vars(found)[name]
    if isinstance(found, staticmethod | classmethod):
        found = found.__func__
    elif isinstance(found, property):
        found = found.fget
    elif isinstance(found, functools.cached_property):
        found = found.func
    function = inspect.unwrap(found)
    function.__code__ = _code(compile(mutant.tree(), module.__file__ or "", "exec"), mutant.function)


def _code(code: types.CodeType, function: str) -> types.CodeType:
    for each in code.co_consts:
        if isinstance(each, types.CodeType):
            if each.co_qualname == function:
                return each
            if function.startswith(f"{each.co_qualname}."):
                return _code(each, function)
    raise LookupError(function)


def _anew(mutant: Mutant, tests: Sequence[str]) -> int:
    sys.meta_path.insert(0, _Finder(mutant))
    files = sorted({test.partition("::")[0] for test in tests})
    return told_by(pytest.main([*ARGUMENTS, "-x", *files], plugins=[_Chosen(tests)]))


def told_by(code: int) -> int:
    """What pytest's exit code says of a mutant: where no test ran, nothing."""
    if code in {pytest.ExitCode.NO_TESTS_COLLECTED, pytest.ExitCode.INTERNAL_ERROR}:
        return BROKEN
    return UNNOTICED if code == pytest.ExitCode.OK else NOTICED


class _Chosen:
    """Leaves some tests, in their order. As arguments, one that is gone would be an error that looks as if it had noticed something."""

    def __init__(self, tests: Sequence[str]) -> None:
        self.tests = tests

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        found = {item.nodeid: item for item in items}
        items[:] = [found[each] for each in self.tests if each in found]


class _Finder(importlib.abc.MetaPathFinder):
    """Imports the mutant in place of its module."""

    def __init__(self, mutant: Mutant) -> None:
        self.mutant = mutant

    def find_spec(self, fullname: str, *_: object) -> importlib.machinery.ModuleSpec | None:
        if fullname != self.mutant.module:
            return None
        path = DECIDE / self.mutant.file
        loader = _Loader(fullname, str(path), self.mutant)
        return importlib.util.spec_from_file_location(fullname, path, loader=loader)


class _Loader(importlib.machinery.SourceFileLoader):
    def __init__(self, fullname: str, path: str, mutant: Mutant) -> None:
        super().__init__(fullname, path)
        self.mutant = mutant

    def get_code(self, fullname: str) -> types.CodeType:
        return compile(self.mutant.tree(), self.path, "exec")

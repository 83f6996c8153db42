"""What `make mutation` changes in a module and leaves alone, and when it says that tests noticed."""

import ast

import pytest
from tests.mutation import killing
from tests.mutation.forks import BROKEN
from tests.mutation.measured import Measured
from tests.mutation.mutants import all_mutants
from tests.mutation.operators import made, slips

TABLE = [
    ("a comparison moves to its edge", "a < b", {"a <= b"}),
    ("equal becomes unequal", "a == b", {"a != b"}),
    ("and becomes or", "a and b", {"a or b"}),
    ("a not is lost", "not a", {"a"}),
    ("a choice is turned round", "x if a else y", {"x if not a else y"}),
    ("a number grows, a truth turns, a key is another", "f(1, True, 'a.b')", {"f(2, True, 'a.b')", "f(1, False, 'a.b')", "f(1, True, 'XXa.b')", "pass"}),
    ("a keyword is forgotten", "x = f(a=b)", {"x = f()"}),
    ("the least becomes the most", "x = min(a)", {"x = max(a)"}),
    ("a name with numbers in it is another", "x = f'{a}-b'", {"x = f'XX{a}-b'"}),
    ("a sentence for people stays", "x = f'{a + 1} pods'", set()),
    ("so does a choice between sentences", "x = 'it waits' if a else ''", set()),
    ("so does a line of the log", "Line('rolled-out', a=b)", {"pass"}),
    ("so do types and docstrings", "def f(a: 'T') -> 'T':\n    'words'", set()),
    ("and what only finds faults of ours", "x = zip(a, b, strict=True)", set()),
]  # fmt: skip


@pytest.mark.parametrize(("text", "expected"), [row[1:] for row in TABLE], ids=[row[0] for row in TABLE])
def test_what_is_changed(text: str, expected: set[str]) -> None:
    tree = ast.parse(text)
    assert {ast.unparse(made(tree, slip)) for slip in slips(tree)} == expected
    assert ast.unparse(tree) == ast.unparse(ast.parse(text)), "the module itself stays as it is"


@pytest.mark.parametrize(
    ("code", "told"),
    [
        (pytest.ExitCode.OK, killing.UNNOTICED),
        (pytest.ExitCode.TESTS_FAILED, killing.NOTICED),
        (pytest.ExitCode.INTERRUPTED, killing.NOTICED),
        (pytest.ExitCode.NO_TESTS_COLLECTED, BROKEN),
        (pytest.ExitCode.INTERNAL_ERROR, BROKEN),
    ],
)
def test_a_slip_is_noticed_by_tests_that_ran_or_could_not_be_imported(code: int, told: int) -> None:
    assert killing.told_by(code) == told


def test_where_the_tests_cannot_be_collected_every_slip_is_told_as_not_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    inside = [each for each in all_mutants({"analysis/errors.py"}) if each.is_inside]
    monkeypatch.setattr(pytest, "main", lambda *_, **__: pytest.ExitCode.INTERRUPTED)
    told: dict[object, int] = {}
    killing.hunt({each: ["tests/unit/test_gone.py::test"] for each in inside}, Measured(), 1, told.__setitem__)
    assert told == dict.fromkeys(inside, BROKEN)
    assert told

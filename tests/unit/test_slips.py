"""What `make mutation` changes in a module, and what it leaves alone."""

import ast

import pytest
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

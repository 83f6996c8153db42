"""The page that sets Serin beside others: what it says of Serin is followed by tests that exist, and its links are defined."""

import ast
import re
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[2]
PAGE = (TESTS.parent / "docs/comparison.md").read_text()
NAMED_TESTS = sorted(set(re.findall(r"`([\w/]+\.py)::(\w+)`", PAGE)))
NAMED_STORIES = sorted(set(re.findall(r"`(golden/[\w/]+\.txt)`", PAGE)))
SAID_OF_SERIN = re.findall(r"^- \*\*Serin\*\*: .*(?:\n  .*)*", PAGE, re.MULTILINE)


@pytest.mark.parametrize(("file", "name"), NAMED_TESTS, ids=[name for _, name in NAMED_TESTS])
def test_a_test_that_the_page_names_exists(file: str, name: str) -> None:
    tree = ast.parse((TESTS / file).read_text())
    assert name in {node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}


@pytest.mark.parametrize("story", NAMED_STORIES)
def test_a_story_that_the_page_names_is_recorded(story: str) -> None:
    assert (TESTS / story).is_file()


@pytest.mark.parametrize("said", SAID_OF_SERIN, ids=[said[12:50] for said in SAID_OF_SERIN])
def test_what_is_said_of_serin_names_a_test_unless_it_is_lacking(said: str) -> None:
    lacks = said.startswith(("- **Serin**: no:", "- **Serin**: not yet"))
    assert bool(re.search(r"`[\w/]+\.(?:py::\w+|txt)`", said)) is not lacks


def test_every_link_is_defined_and_every_definition_is_used() -> None:
    used = set(re.findall(r"\]\[([\w-]+)\]", PAGE))
    assert used == set(re.findall(r"^\[([\w-]+)\]: https://", PAGE, re.MULTILINE))

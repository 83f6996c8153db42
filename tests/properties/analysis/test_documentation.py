"""docs/analysis.md shows code with its output; both have to stay true."""

import contextlib
import io
import re
from pathlib import Path

import pytest

PAGE = Path("docs/analysis.md").read_text(encoding="utf-8")
EXAMPLE, REFERENCE = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
PRINTED = re.search(r"```text\n(.*?)```", PAGE, re.DOTALL)[1]


def printed_by(code):
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        exec(compile(code, "docs/analysis.md", "exec"), {})
    return out.getvalue()


def test_the_worked_example_prints_what_the_page_says():
    assert printed_by(EXAMPLE) == PRINTED


def test_the_number_can_be_had_from_another_library():
    evidence = float(re.search(r"evidence ([\d,]+) of", PRINTED)[1].replace(",", ""))
    assert float(printed_by(REFERENCE)) == pytest.approx(evidence, abs=0.5)

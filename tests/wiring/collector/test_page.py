"""The snippets of the prediction log's page do what they say, on a store that a collector has written."""

import json
import re
import subprocess
import sys
import time
from importlib.util import find_spec
from pathlib import Path

import pytest
from tests.support.predictions import batch, label, prediction

from serin_server.baseline import read
from serin_server.collector.frames import frame_of
from serin_server.collector.spool import Segment
from serin_server.collector.tables import batch_of
from serin_server.collector.writing import write
from serin_server.model.shelf.place import opened
from serin_server.model.sources.asked import Store

pytestmark = pytest.mark.slow

PAGE = (Path(__file__).parents[3] / "docs/prediction-log.md").read_text()
INPUTS = [{"name": "X", "datatype": "FP32", "shape": [-1, 4]}]
OUTPUTS = [{"name": "label", "datatype": "INT64", "shape": [-1]}]


def snippet(language, word):
    return next(code for code in re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL) if word in code)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Two versions, a batch that came twice, labels that are wrong for every fifth, and one that was corrected."""
    made = tmp_path_factory.mktemp("log")
    now = int(time.time() * 1000)
    bodies = []
    for version, first in (("v1", 0), ("2026-11 beta", 1000)):
        lines = []
        for each in range(60):
            about = {"number": first + each, "at": now - each * 3_600_000}
            right = each % 2
            tensors = {"inputs": [[each, 1, 2, 3]], "outputs": [[right]], "predictions": [right]}
            lines.append(prediction(**about, **tensors))
            if each % 3:
                lines.append(label(**about, label=right if each % 5 else 1 - right, labelled_at=now))
        lines.append(label(first + 4, at=now - 4 * 3_600_000, label=1, labelled_at=now + 1))
        bodies += [batch(*some, version=version, inputs=INPUTS, outputs=OUTPUTS) for some in (lines, lines[:3])]
    segment = made / "segment.sealed"
    segment.write_bytes(b"".join(frame_of(batch_of(body)) for body in bodies))
    write(Segment(segment, 1), opened(Store(f"file://{made}/store"), writes=True), made / "scratch")
    return made


def ran(code, folder):
    done = subprocess.run([sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


ACCURACY = r"0[.]775"  # of 40 labelled rows, 8 by every fifth and 1 by its correction are wrong


def test_the_next_baseline_is_made_of_what_the_model_met(folder):
    ran(snippet("python", "baseline.write"), folder)
    made = read(folder / "baseline.json")
    assert [feature.name for feature in made.features] == ["X[0]", "X[1]", "X[2]", "X[3]"]
    assert made.rows == 60  # of the version that was promoted, and what came twice once
    assert made.prediction is not None


def test_golden_samples_are_requests_whose_answer_proved_right(folder):
    ran(snippet("python", "golden.jsonl"), folder)
    lines = [json.loads(line) for line in (folder / "golden.jsonl").read_text().splitlines()]
    assert len(lines) == 2 * 31  # of each version those whose label was right, and what came twice once
    assert len({line["outputs"][0]["data"][0] for line in lines[:20]}) == 2  # both classes, mixed
    numbers = {line["inputs"][0]["data"][0] for line in lines}
    assert all(number % 3 and number % 5 and number != 4 for number in numbers)
    assert all(line["outputs"][0]["data"] == [line["inputs"][0]["data"][0] % 2] for line in lines)


@pytest.mark.skipif(find_spec("duckdb") is None, reason="make readers installs duckdb")
def test_duckdb_reads_it(folder):
    code = f"import duckdb\nfor each in {snippet('sql', 'read_parquet')!r}.split(';')[:-1]:\n    told = duckdb.sql(each)\nprint(told.fetchall())"
    assert re.fullmatch(rf"\[\('2026-11 beta', 40, {ACCURACY}\), \('v1', 40, {ACCURACY}\)\]", ran(code, folder).strip())


@pytest.mark.skipif(find_spec("pandas") is None, reason="make readers installs pandas")
def test_pandas_reads_it(folder):
    told = ran(snippet("python", "import pandas"), folder)
    assert len(re.findall(rf"{ACCURACY} +40", told)) == 2


@pytest.mark.skipif(find_spec("pyspark") is None, reason="there is no pyspark")
def test_spark_reads_it(folder):
    told = ran(snippet("python", "pyspark"), folder)
    assert len(re.findall(rf"{ACCURACY} *[|] +40", told)) == 2

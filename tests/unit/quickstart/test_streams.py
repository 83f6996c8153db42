import io
import json
import queue
import sys
from typing import Any

import pytest

from quickstart.streams import Follower, json_objects


def test_objects_are_found_whether_pretty_printed_or_a_line_each() -> None:
    objects: list[dict[str, Any]] = [{"a": {"b": [1, {"c": 2}]}}, {"d": "}"}]
    pretty = "\n".join(json.dumps(each, indent=4) for each in objects) + "\n"
    lines = "starting\n" + "\n".join(json.dumps(each) for each in objects) + "\nnoise\n"
    assert list(json_objects(io.StringIO(pretty))) == objects
    assert list(json_objects(io.StringIO(lines))) == objects


@pytest.mark.slow
def test_a_command_that_ends_is_run_again() -> None:
    heard: queue.Queue[dict[str, Any]] = queue.Queue()
    with Follower([sys.executable, "-c", "print('{\"n\": 1}')"], heard.put):
        assert [heard.get(timeout=10) for _ in range(2)] == [{"n": 1}, {"n": 1}]

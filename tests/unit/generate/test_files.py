import json
import re
from pathlib import Path

import pytest

from generate import cli, crd
from generate.chart import CHART, values

ROOT = Path(__file__).parents[3]


def test_a_missing_or_changed_file_is_stale_and_a_fresh_one_is_not(tmp_path, monkeypatch):
    monkeypatch.setattr(cli, "FILES", {Path("a.md"): lambda: "new\n", Path("b.md"): lambda: "same\n"})
    (tmp_path / "b.md").write_text("same\n")
    assert cli.stale(tmp_path) == {Path("a.md"): "new\n"}
    (tmp_path / "a.md").write_text("old\n")
    assert cli.stale(tmp_path) == {Path("a.md"): "new\n"}


def test_the_check_fails_names_the_file_and_writes_nothing(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(cli, "FILES", {Path("a.md"): lambda: "new\n"})
    monkeypatch.setattr("sys.argv", ["generate", "--check"])
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit, match="1"):
        cli.main()
    assert "a.md is stale; run make generate" in capsys.readouterr().out
    assert list(tmp_path.iterdir()) == []


def test_the_charts_crd_stays_when_the_chart_goes_and_can_be_left_out():
    text = crd.templated()
    assert "helm.sh/resource-policy: keep" in text
    assert text.index("{{- if .Values.crds.install }}") < text.index("apiVersion:")


def test_the_crd_on_disk_is_not_much_larger_than_what_kubectl_keeps_of_it():
    # As JSON, which is what kubectl and the API server keep, another test bounds it: 178,000 there is some 240,000 here.
    assert len(crd.plain().encode()) < 240_000


def test_a_value_is_documented_by_the_nearest_comment_above_it():
    text = "# Top.\na:\n  # Inner,\n  # two lines.\n  b: 1\n  c: 2\n\n# Alone.\n\nd:\n  # Said.\n  e: []\n"
    assert [(each.path, each.default, each.comment) for each in values(text)] == [
        ("a.b", 1, "Inner, two lines."),
        ("a.c", 2, "Top."),
        ("d.e", [], "Said."),
    ]


def test_a_value_without_a_comment_is_refused_by_name():
    with pytest.raises(ValueError, match=r"say above a\.b what it is for"):
        values("a:\n  b: 1\n")


def test_the_schema_of_the_values_knows_exactly_the_values():
    schema = json.loads((ROOT / CHART / "values.schema.json").read_text())
    documented = {each.path for each in values((ROOT / CHART / "values.yaml").read_text())}
    known = {path for path in _leaves(schema) if path != "global"}
    is_free = re.compile(r"((ui|report)\.)?resources\.")
    assert {path for path in documented if not is_free.match(path)} == {
        path for path in known if not is_free.match(path)
    }


def _leaves(schema, path=""):
    if "properties" in schema:
        assert schema["additionalProperties"] is False, path
        for name, inner in schema["properties"].items():
            yield from _leaves(inner, f"{path}.{name}" if path else name)
    else:
        yield path

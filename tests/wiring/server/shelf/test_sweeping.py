"""What nobody names any more leaves the store when somebody says so; a list that is none, or what is young, removes nothing."""

import io
import json
import os
import time
from pathlib import Path

import pytest

from serin_server.cli import main
from serin_server.model.shelf import place
from serin_server.model.shelf.sweep import remove

USED, OLD, YOUNG, HALF = (letter * 64 for letter in "abcd")
DAYS = 86_400
LIST = {
    "kind": "List",
    "items": [
        {"kind": "ModelDeployment", "status": {"versions": [{"sha256": USED, "uri": "s3://models/x"}]}},
        {"kind": "ControllerRevision", "data": {"template": {"env": [{"value": "sha256:" + "e" * 64}]}}},
    ],
}


@pytest.fixture
def store(tmp_path: Path) -> Path:
    root = tmp_path / "store"
    for digest, days, names in (
        (USED, 90, ("manifest.json", "files/model.onnx")),
        (OLD, 90, ("manifest.json", "files/model.onnx", "files/more/x")),
        (YOUNG, 3, ("manifest.json", "files/model.onnx")),
        (HALF, 90, ("files/.put-unfinished",)),
    ):
        for name in names:
            file = root / "sha256" / digest / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text("x" * 100)
            os.utime(file, (time.time() - days * DAYS,) * 2)
    for other in ("somebody.txt", "sha256/readme", f"sha256/{'f' * 63}/x"):
        (root / other).parent.mkdir(parents=True, exist_ok=True)
        (root / other).write_text("of others")
        os.utime(root / other, (0, 0))
    return root


@pytest.fixture
def swept(store, tmp_path, capsys):
    def run(listed: object = LIST, *flags: str):
        file = tmp_path / "in-use.json"
        file.write_text(listed if isinstance(listed, str) else json.dumps(listed, indent=1))
        code = main(["sweep", "--store", f"file://{store}", "--sweep-in-use", str(file), *flags])
        told = capsys.readouterr()
        return code, told.out, told.err

    return run


def lying(store: Path) -> set[str]:
    return {path.relative_to(store).as_posix() for path in store.rglob("*") if path.is_file()}


def test_it_is_only_told_what_would_go_unless_it_is_said_to_remove(store, swept):
    before = lying(store)
    code, told, _ = swept()
    assert code == 0
    assert [line.split("  ")[0] for line in told.splitlines()[:-1]] == [OLD, HALF]
    assert told.count("would be removed") == 2
    assert told.splitlines()[-1] == (
        f"file://{store}: 4 models, 1 in use, 1 younger than 168 h, 2 of 400 bytes that nobody names; --sweep-delete on removes them"
    )
    assert lying(store) == before


def test_what_nobody_names_goes_and_everything_else_stays(store, swept):
    code, told, _ = swept(LIST, "--sweep-delete", "on")
    assert (code, told.count("  removed\n")) == (0, 2)
    left = lying(store)
    assert {key.split("/")[1] for key in left if key.startswith("sha256/")} == {USED, YOUNG, "readme", "f" * 63}
    assert "somebody.txt" in left
    assert not (store / "sha256" / OLD).exists()
    assert swept(LIST, "--sweep-delete", "on")[1].count("\n") == 1, "again there is nothing to do"


def test_what_is_younger_than_it_is_said_stays(store, swept):
    assert YOUNG in swept(LIST, "--sweep-older-than-hours", "48")[1]
    assert OLD not in swept(LIST, "--sweep-older-than-hours", str(24 * 100))[1]
    code, _, said = swept(LIST, "--sweep-older-than-hours", "0.5")
    assert (code, "give 1 or more" in said) == (2, True)


@pytest.mark.parametrize(
    ("listed", "said"),
    [
        ("", "names no digest, so everything would go"),
        ('{"kind": "List", "items": []}', "names no digest, so everything would go"),
        (json.dumps(LIST)[:-20], "is no list of what is in use"),
        (json.dumps(LIST) + json.dumps(LIST)[:50], "is no list of what is in use"),
        (f"error: {USED}", "is no list of what is in use"),
        ("[" * 100_000, "is no list of what is in use"),
        (json.dumps({"sha256": USED[:-1]}), "names no digest, so everything would go"),
        (json.dumps({"sha256": "9" * 64}), "none of the 4 models in"),
    ],
)
def test_a_list_that_is_cut_empty_or_of_another_cluster_removes_nothing(store, swept, listed, said):
    before = lying(store)
    code, _, told = swept(listed, "--sweep-delete", "on")
    assert (code, said in told) == (2, True), told
    assert lying(store) == before


def test_lists_of_several_clusters_one_after_the_other_count_together(store, swept):
    both = f"{json.dumps(LIST)}\n{json.dumps([OLD])}\n"
    assert [line.split("  ")[0] for line in swept(both)[1].splitlines()[:-1]] == [HALF]


def test_the_list_may_come_by_standard_input(store, monkeypatch, capsys):
    monkeypatch.setattr("sys.stdin", io.StringIO(json.dumps(LIST)))
    assert main(["sweep", "--store", f"file://{store}", "--sweep-in-use", "-"]) == 0
    assert OLD in capsys.readouterr().out


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (("--sweep-in-use", "-"), "--store) is not set"),
        (("--store", "file:///x"), "kubectl get modeldeployments,controllerrevisions -A -o json"),
        (("--store", "file:///x", "--sweep-in-use", "/none"), "No such file"),
        (("--store", "file:///x", "--sweep-delete", "yes"), "give on, off"),
    ],
)
def test_what_is_not_said_is_asked_for(flags, said, capsys):
    assert main(["sweep", *flags]) == 2
    assert said in capsys.readouterr().err


def test_what_is_put_again_while_it_is_swept_stays(store, tmp_path):
    from serin_server.model.sources.asked import Store

    here = place.opened(Store(f"file://{store}"))
    before = time.time() - 7 * DAYS
    (store / "sha256" / OLD / "manifest.json").write_text("put anew")
    assert not remove(here, OLD, before)
    assert (store / "sha256" / OLD / "files" / "model.onnx").exists()


def test_whoever_is_killed_while_sweeping_leaves_no_model_that_looks_whole(store, tmp_path):
    from serin_server.model.sources.asked import Store

    class Killed(BaseException):
        pass

    class Dying:
        told = "store"

        def __init__(self, behind):
            self.behind, self.below, self.calls = behind, behind.below, 0

        def remove(self, key):
            self.behind.remove(key)
            raise Killed

    with pytest.raises(Killed):
        remove(Dying(place.opened(Store(f"file://{store}"))), OLD, time.time())
    assert not (store / "sha256" / OLD / "manifest.json").exists()
    assert (store / "sha256" / OLD / "files" / "model.onnx").exists()

"""Models that are kept under their digest: put once, whole or not at all, and read before their source."""

import hashlib
import json
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest
from tests.support.models import doubling
from tests.support.sources import answering, ok
from tests.unit.server.test_external_data import with_weights_outside

from serin_server.failures import LoadFailure, Reason
from serin_server.model.digest import folder_digest, model_digest, model_listing
from serin_server.model.shelf import keep, place
from serin_server.model.shelf.keep import kept
from serin_server.model.sources.asked import Source


def test_a_model_is_put_once_and_pods_need_its_source_no_more(world, model, digest):
    assert world.row(world.uri) == {
        "name": "store",
        "verdict": "Pass",
        "message": "kept in pvc://claim/kept, and read back",
    }
    file = world.of(digest) / "files" / "model.onnx"
    assert file.read_bytes() == model
    written = file.stat().st_mtime_ns
    assert world.row(world.uri)["message"] == "pvc://claim/kept has it already"
    assert file.stat().st_mtime_ns == written
    found, log = world.pod(world.gone, digest)
    assert (found.read_bytes(), log) == (model, "")


def test_without_a_store_nothing_is_said_and_nothing_is_kept(world, tmp_path):
    code, told = world.resolve(world.uri, store="")
    assert (code, "preflight" in told, world.root.exists()) == (0, False, False)


def test_a_source_that_holds_other_bytes_now_changes_nothing(world, model, digest, tmp_path):
    world.row(world.uri)
    other = doubling(tmp_path / "other.onnx", 3.0).read_bytes()
    with answering(ok(other, f"Content-Length: {len(other)}")) as port:
        changed = f"http://127.0.0.1:{port}/m.onnx"
        assert world.pod(changed, digest)[0].read_bytes() == model
        row = world.row(changed, model_sha256=digest)
        assert row["verdict"] == "Warn"
        assert row["message"].startswith("it comes from pvc://claim/kept, because the source does not give it: http")
    assert world.row(world.gone, model_sha256=digest)["verdict"] == "Warn"


def test_a_model_that_is_not_kept_comes_from_its_source_and_the_log_says_so(world, model, digest):
    found, log = world.pod(world.uri, digest)
    assert found.read_bytes() == model
    assert log == f"the store pvc://claim/kept has no model of sha256 {digest}; reading the source instead\n"


def test_a_model_that_neither_has_is_told_with_the_reason_of_its_source(world, digest):
    failure, _ = world.pod(world.gone, digest)
    assert failure.reason == "SourceUnreachable"
    assert world.gone in failure.message
    assert f"; and from the store: the store pvc://claim/kept has no model of sha256 {digest}" in failure.message


def test_a_folder_keeps_its_files_and_its_digest(world, tmp_path):
    folder = tmp_path / "mnt" / "claim" / "credit"
    (folder / "more").mkdir(parents=True)
    doubling(folder / "model.onnx")
    (folder / "golden.jsonl").write_text("")
    (folder / "more" / "a name (1) ü.txt").write_text("x")
    digest = folder_digest(folder)
    assert world.row("pvc://claim/credit")["verdict"] == "Pass"
    found, _ = world.pod(world.gone, digest)
    assert folder_digest(found) == digest
    assert model_listing(found) == model_listing(folder)
    assert model_digest(world.of(digest) / "files") == digest  # a folder that can be named as a source, too


def test_a_file_with_weights_beside_it_is_kept_with_them(world, tmp_path):
    file = with_weights_outside(tmp_path / "mnt" / "claim" / "w" / "net.onnx")
    (file.parent / "notes.txt").write_text("not part of it")
    digest = model_digest(file)
    assert world.row("pvc://claim/w/net.onnx")["verdict"] == "Pass"
    found, _ = world.pod(world.gone, digest)
    assert (found.name, model_digest(found)) == ("net.onnx", digest)
    assert sorted(path.name for path in (world.of(digest) / "files").iterdir()) == ["net.onnx", "weights.bin"]


def test_a_model_on_a_claim_is_read_where_it_lies_as_long_as_it_is_there(world, tmp_path, model, digest):
    folder = tmp_path / "mnt" / "claim" / "alone"
    folder.mkdir()
    (folder / "m.onnx").write_bytes(model)
    (folder / "baseline.json").write_text("{}")
    assert kept(world.store, folder / "m.onnx", {"m.onnx": digest}, digest)
    found, log = world.pod("pvc://claim/alone/m.onnx", digest)
    assert (found, log) == (folder / "m.onnx", ""), "what lies beside it stays beside it"
    doubling(folder / "m.onnx", 3.0)
    found, log = world.pod("pvc://claim/alone/m.onnx", digest)
    assert found.read_bytes() == model
    assert "reading the store instead" in log


def test_two_that_keep_a_model_at_once_do_not_hinder_one_another(world, tmp_path, model, digest):
    (tmp_path / "one").mkdir()
    files = []
    for number in range(8):  # the name of a file alone is no part of its digest
        files.append(tmp_path / "one" / f"{number}.onnx")
        files[-1].write_bytes(model)
    with ThreadPoolExecutor(8) as threads:
        each = [threads.submit(partial(kept, world.store, f, {f.name: digest}, digest)) for f in files]
        assert any(one.result() for one in each)
    assert world.pod(world.gone, digest)[0].read_bytes() == model
    assert [path.name for path in (world.of(digest) / "files").iterdir()] == ["model.onnx"], (
        "nothing unfinished is left"
    )


class Killed(BaseException):
    """The process is no more."""


class Dying:
    """A place in which the process is killed at its n-th call, of a write in the middle of it."""

    def __init__(self, behind, calls: int) -> None:
        self._behind, self._left = behind, calls
        self.told = behind.told

    def _lives(self) -> bool:
        self._left -= 1
        return self._left >= 0

    def read(self, key):
        if not self._lives():
            raise Killed
        return self._behind.read(key)

    def write(self, key, content):
        if self._lives():
            return self._behind.write(key, content)
        text = content if isinstance(content, bytes) else content.read_bytes()
        self._behind.write(f"{key}-unfinished", text[: len(text) // 2])
        raise Killed


def test_whoever_is_killed_at_any_moment_leaves_a_whole_model_or_none(world, tmp_path, monkeypatch):
    folder = tmp_path / "mnt" / "claim" / "credit"
    folder.mkdir()
    doubling(folder / "model.onnx")
    (folder / "warmup.jsonl").write_text("")
    listing, digest = model_listing(folder), folder_digest(folder)
    outcomes = []
    for calls in range(20):
        with monkeypatch.context() as patched:
            patched.setattr(
                keep, "opened", lambda store, calls=calls, **more: Dying(place.opened(store, **more), calls)
            )
            try:
                kept(world.store, folder, listing, digest)
            except Killed:
                outcomes.append("killed")
            else:
                outcomes.append("kept")
        found, _ = world.pod(world.gone, digest)
        assert isinstance(found, LoadFailure) or folder_digest(found) == digest
        if outcomes[-1] == "kept":
            assert not isinstance(found, LoadFailure)
            break
    assert outcomes.count("killed") >= 4
    assert outcomes[-1] == "kept", "what was begun is finished by the next"


def overwritten(file, content):
    file.write_bytes(content)


def another(home):
    content = doubling(home / "files/model.onnx", 5.0).read_bytes()
    entry = {"sha256": hashlib.sha256(content).hexdigest(), "sizeBytes": len(content)}
    told = {"format": 1, "main": "model.onnx", "files": {"model.onnx": entry}}
    (home / "manifest.json").write_text(json.dumps(told))


LIES = {
    "other bytes": lambda home: overwritten(
        home / "files/model.onnx", b"x" * (home / "files/model.onnx").stat().st_size
    ),
    "bytes and more": lambda home: overwritten(
        home / "files/model.onnx", (home / "files/model.onnx").read_bytes() + b"x"
    ),
    "half of it": lambda home: overwritten(home / "files/model.onnx", (home / "files/model.onnx").read_bytes()[:50]),
    "nothing behind the manifest": lambda home: (home / "files/model.onnx").unlink(),
    "a manifest that is none": lambda home: overwritten(home / "manifest.json", b'{"files": ['),
    "a manifest of something else": lambda home: overwritten(home / "manifest.json", b'["a"]'),
    "an endless manifest": lambda home: overwritten(home / "manifest.json", b" " * (9 << 20)),
    "a manifest that nests": lambda home: overwritten(home / "manifest.json", b"[" * 100_000),
    "a manifest that leads out": lambda home: overwritten(
        home / "manifest.json",
        json.dumps({"format": 1, "main": "", "files": {"../../x": {"sha256": "0" * 64, "sizeBytes": 1}}}).encode(),
    ),
    "another model with its own manifest": another,
}


@pytest.mark.parametrize("lie", LIES)
def test_a_store_that_lies_serves_nobody_and_is_mended_by_the_next_job(world, model, digest, lie):
    world.row(world.uri)
    LIES[lie](world.of(digest))
    found, log = world.pod(world.uri, digest)
    assert found.read_bytes() == model
    assert "reading the source instead" in log
    assert isinstance(world.pod(world.gone, digest)[0], LoadFailure)
    assert world.row(world.uri)["message"] == "kept in pvc://claim/kept, and read back"
    assert world.pod(world.gone, digest)[0].read_bytes() == model


def test_a_store_that_forgets_what_it_is_given_is_a_warning(world, digest, monkeypatch):
    class Forgetful:
        told = "the-store"

        def read(self, key):
            raise LoadFailure(Reason.SOURCE_NOT_FOUND, "no such key")

        def write(self, key, content):
            pass

    monkeypatch.setattr(keep, "opened", lambda store, **more: Forgetful())
    row = world.row(world.uri)
    assert row["verdict"] == "Warn"
    assert row["message"].startswith("not kept, so pods need its source: the store the-store gives back other bytes")


def test_the_store_is_asked_for_nothing_where_the_cache_has_the_model(world, model, digest, tmp_path):
    source = Source(world.uri, digest, tmp_path / "cache", world.store.mounts_dir, store=world.store)
    from serin_server.model.source import fetch

    fetch(source)
    (tmp_path / "mnt").rename(tmp_path / "away")
    assert fetch(source).path.read_bytes() == model

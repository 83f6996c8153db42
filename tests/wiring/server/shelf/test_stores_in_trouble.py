"""A store that is away, hangs, is full or may not be written: bounded patience, a warning, and never a version that fails by it."""

import errno
import os
import time

import pytest
from tests.support.models import doubling

from serin_server.config.settings import InvalidSetting
from serin_server.failures import LoadFailure
from serin_server.model.shelf import folder
from serin_server.model.shelf.place import opened
from serin_server.model.sources.asked import Store


def test_a_volume_that_hangs_is_given_up_for_the_source(world, model, digest):
    world.row(world.uri)
    manifest = world.of(digest) / "manifest.json"
    manifest.unlink()
    os.mkfifo(manifest)  # to open it takes until somebody writes into it
    began = time.monotonic()
    found, log = world.pod(world.uri, digest)
    assert found.read_bytes() == model
    assert log.startswith("the store pvc://claim/kept did not answer within 0.5 s: see what ails its volume; reading")
    assert time.monotonic() - began < 10
    row = world.row(world.uri)
    assert (row["verdict"], "did not answer" in row["message"]) == ("Warn", True)
    os.close(os.open(manifest, os.O_WRONLY | os.O_NONBLOCK))


def test_putting_ends_in_its_time_however_long_the_store_would_take(world, monkeypatch, tmp_path):
    ends = os.pipe()
    monkeypatch.setattr("serin_server.model.shelf.keep._kept", lambda *_: os.read(ends[0], 1))
    row = world.row(world.uri, store_until_seconds="2")
    os.write(ends[1], b"x")
    assert row["verdict"] == "Warn"
    assert "there was no time left to put it into pvc://claim/kept: give more" in row["message"]
    assert world.row(world.uri, store_until_seconds="0.0001")["message"] == row["message"], "not even to begin"


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (errno.ENOSPC, "is full (No space left on device): give its volume more"),
        (errno.EDQUOT, "is full (Disk quota exceeded)"),
        (errno.EROFS, "may not be used by user 0 (Read-only file system): make its folder writable"),
        (errno.EIO, "cannot be used (Input/output error)"),
    ],
)
def test_a_disk_that_does_not_take_it_is_a_warning_that_says_why(world, digest, monkeypatch, error, words):
    def full(*_):
        raise OSError(error, os.strerror(error))

    with monkeypatch.context() as patched:
        patched.setattr(folder, "_flush", full)
        patched.setattr(os, "geteuid", lambda: 0)
        row = world.row(world.uri)
    assert row["verdict"] == "Warn"
    assert words in row["message"]
    assert not list(world.of(digest).rglob("*.*")), "nothing is left of it"
    assert world.row(world.uri)["verdict"] == "Pass"


def test_a_folder_with_a_file_by_a_name_that_cannot_be_kept_is_a_warning_that_names_it(world, tmp_path):
    source = tmp_path / "mnt" / "claim" / "odd"
    source.mkdir()
    doubling(source / "model.onnx")
    (source / "two\nlines").write_text("x")
    row = world.row("pvc://claim/odd")
    assert row["verdict"] == "Warn"
    assert "source: the model holds a file by the name 'two" in row["message"]


def test_a_store_on_a_claim_that_is_no_folder_is_a_warning(world):
    world.root.write_text("somebody's file")
    assert "cannot be used (Not a directory)" in world.row(world.uri)["message"]


def test_a_bug_of_ours_in_putting_is_a_warning_with_its_trace_in_the_log(world, monkeypatch, capsys):
    monkeypatch.setattr("serin_server.model.shelf.keep._kept", lambda *_: {}["nobody foresaw"])
    row = world.row(world.uri)
    assert (row["verdict"], "a bug, its log has the trace" in row["message"]) == ("Warn", True)
    assert "Traceback" in capsys.readouterr().err


@pytest.mark.parametrize(
    "uri",
    [
        "s3://",
        "pvc://../x",
        "pvc://claim/../other",
        "s3://b/p?x=secret-query",
        "ftp://x/y",
        "s3://me:secret@b/p",
        "file://host/x",
    ],
)
def test_a_store_whose_address_is_none_is_refused_without_what_is_secret_in_it(uri):
    with pytest.raises(LoadFailure, match="cannot be used: write s3://bucket/prefix") as refused:
        opened(Store(uri))
    assert "secret" not in str(refused.value)


def test_a_setting_that_names_no_store_is_refused_at_the_start(world):
    with pytest.raises(InvalidSetting, match=r"SERIN_STORE='nfs://x': give s3://bucket/prefix, gs://…, az://… or pvc"):
        world.resolve(world.uri, store="nfs://x")


def test_what_takes_longer_than_one_flush_is_flushed_little_by_little(tmp_path, monkeypatch):
    flushed = []
    monkeypatch.setattr(folder, "_flush", lambda file: flushed.append(file.tell()))
    monkeypatch.setattr(folder, "_FLUSHED_BYTES", 2 << 20)
    file = tmp_path / "large"
    file.write_bytes(b"x" * (5 << 20))
    opened(Store(f"file://{tmp_path}/store")).write("a/b", file)
    assert flushed == [2 << 20, 4 << 20, 5 << 20]
    assert (tmp_path / "store/a/b").read_bytes() == file.read_bytes()

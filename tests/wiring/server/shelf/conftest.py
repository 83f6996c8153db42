"""A source that can vanish and change, a store in a folder, and what a Job and a pod make of them."""

import hashlib
import json
from pathlib import Path

import pytest
from tests.support.sources import answering, ok

from serin_server.commands.resolve import resolve
from serin_server.config.settings import settings_from
from serin_server.failures import LoadFailure
from serin_server.model.source import Source, fetch
from serin_server.model.sources.asked import Store


class World:
    """One web server that holds a model, a store, and a new cache for every pod."""

    def __init__(self, folder: Path, port: int, capsys) -> None:
        self.folder, self.capsys = folder, capsys
        self.uri = f"http://127.0.0.1:{port}/m.onnx"
        self.gone = "http://127.0.0.1:1/m.onnx"
        self.root = folder / "mnt" / "claim" / "kept"
        self.root.parent.mkdir(parents=True)
        self.store = Store("pvc://claim/kept", mounts_dir=folder / "mnt", timeout_seconds=0.5)
        self.pods = 0

    def of(self, digest: str) -> Path:
        return self.root / "sha256" / digest

    def resolve(self, uri: str, **flags: str) -> tuple[int, dict]:
        """Runs the Job; its exit code and report."""
        self.pods += 1
        log, cache = self.folder / f"words-{self.pods}", self.folder / f"cache-{self.pods}"
        given = {
            "model_uri": uri,
            "cache_dir": str(cache),
            "termination_log": str(log),
            "mounts_dir": str(self.store.mounts_dir),
            "store": self.store.uri,
            "store_timeout_seconds": "0.5",
            **flags,
        }
        # Not by the command line, which ends a process that leaves a hanging thread behind.
        code = resolve(settings_from({}, given))
        assert len(log.read_text()) <= 3584
        return code, json.loads(log.read_text())

    def row(self, uri: str, **flags: str) -> dict:
        """What the Job says of the store; the version goes on in any case."""
        code, told = self.resolve(uri, **flags)
        assert (code, told["ok"]) == (0, True), told
        return next(row for row in told["preflight"] if row["name"] == "store")

    def pod(self, uri: str, digest: str, store: Store | None = None) -> tuple[Path | LoadFailure, str]:
        """What a pod that is pinned to a digest loads, or why it does not, and its log."""
        self.pods += 1
        self.capsys.readouterr()
        cache = self.folder / f"cache-{self.pods}"
        source = Source(uri, digest, cache, self.store.mounts_dir, timeout_seconds=1, store=store or self.store)
        try:
            found = fetch(source)
        except LoadFailure as failure:
            return failure, self.capsys.readouterr().err
        assert found.sha256 == digest
        return found.path, self.capsys.readouterr().err


@pytest.fixture
def model(tmp_path) -> bytes:
    from tests.support.models import doubling

    return doubling(tmp_path / "m.onnx").read_bytes()


@pytest.fixture
def digest(model) -> str:
    return hashlib.sha256(model).hexdigest()


@pytest.fixture
def world(tmp_path, model, capsys):
    with answering(ok(model, f"Content-Length: {len(model)}")) as port:
        yield World(tmp_path, port, capsys)

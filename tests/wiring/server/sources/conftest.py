"""A cache, a Secret's folder, and how a fetch ends."""

import pytest

from serin_server.failures import LoadFailure
from serin_server.model.source import Source, fetch


@pytest.fixture(autouse=True)
def quickly(monkeypatch):
    """Pauses between tries, without the waiting."""
    monkeypatch.setattr("serin_server.model.resuming._FIRST_PAUSE_SECONDS", 0.001)


@pytest.fixture
def secret(tmp_path):
    """Writes a folder as Kubernetes mounts a Secret."""

    def written(**values):
        folder = tmp_path / "credentials"
        folder.mkdir(exist_ok=True)
        for name, value in values.items():
            (folder / name.replace("DOT", ".")).write_text(value)
        return folder

    return written


@pytest.fixture
def fetched(tmp_path):
    """Fetches a URI; what came, or why nothing did."""

    def run(uri, credentials=None, sha256="", **more):
        source = Source(uri, sha256, tmp_path / "cache", credentials_dir=credentials, timeout_seconds=5, **more)
        try:
            return fetch(source)
        except LoadFailure as failure:
            return failure

    return run

"""Models that are kept in buckets of real servers: by Jobs that are killed, at once, or let in nowhere; and read by pods."""

import hashlib
import json
import shutil
import signal
import subprocess
import sys
from contextlib import ExitStack
from time import monotonic, sleep

import pytest
from tests.support import stores
from tests.support.gcs_writes import writable
from tests.support.models import doubling
from tests.support.sources import answering

from serin_server.failures import LoadFailure
from serin_server.model.digest import folder_digest, model_listing
from serin_server.model.shelf.keep import kept
from serin_server.model.shelf.place import opened
from serin_server.model.shelf.sweep import heaps, remove
from serin_server.model.source import Source, fetch
from serin_server.model.sources.asked import Store

# The first run builds the servers, on a busy machine for many minutes (make stores).
pytestmark = [pytest.mark.slow, pytest.mark.timeout(3600)]

SERVERS = {"s3": stores.s3, "gs": stores.gcs, "az": stores.azure}
GONE = "http://127.0.0.1:1/m.onnx"


class Kept:
    """A store in a bucket of a real server."""

    def __init__(self, scheme, variables, folder):
        self.scheme, self.variables, self.folder = scheme, variables, folder
        self.uri = f"{scheme}://models/kept"
        self.buckets = folder / "buckets" / "models"

    def opened_with(self, **changes):
        """The store, opened by these variables."""
        credentials = self.folder / "credentials" / str(len(list((self.folder / "credentials").glob("*"))))
        credentials.mkdir(parents=True)
        for name, value in {**self.variables, **changes}.items():
            (credentials / name).write_text(value)
        return Store(self.uri, credentials, timeout_seconds=2)

    def pod(self, digest, store=None, uri=GONE):
        """What a pod loads that is pinned to a digest."""
        cache = self.folder / "cache"
        shutil.rmtree(cache, ignore_errors=True)
        try:
            return fetch(Source(uri, digest, cache, store=store or self.opened_with(), timeout_seconds=1)).path
        except LoadFailure as failure:
            return failure


@pytest.fixture(scope="module", params=sorted(SERVERS))
def bucket(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp(request.param)
    (folder / "credentials").mkdir()
    with ExitStack() as stack:
        variables = stack.enter_context(SERVERS[request.param](folder))
        if request.param == "s3":
            (folder / "buckets" / "models").mkdir()
        if request.param == "gs":
            variables = stack.enter_context(writable(variables))
        yield Kept(request.param, variables, folder)


@pytest.fixture(scope="module")
def s3(tmp_path_factory):
    folder = tmp_path_factory.mktemp("s3")
    (folder / "credentials").mkdir()
    with stores.s3(folder) as variables:
        (folder / "buckets" / "models").mkdir()
        yield Kept("s3", variables, folder)


def alone(file, factor=2.0):
    doubling(file, factor)
    return file, {file.name: hashlib.sha256(file.read_bytes()).hexdigest()}


def test_a_model_is_kept_once_and_found_without_its_source(bucket, tmp_path):
    file, files = alone(tmp_path / "m.onnx")
    digest = files["m.onnx"]
    assert isinstance(bucket.pod(digest), LoadFailure)
    assert kept(bucket.opened_with(), file, files, digest)
    assert not kept(bucket.opened_with(), file, files, digest), "nothing is written twice"
    assert bucket.pod(digest).read_bytes() == file.read_bytes()


def test_a_folder_is_kept_with_its_digest_and_is_a_source_too(bucket, tmp_path):
    folder = tmp_path / "credit"
    (folder / "more").mkdir(parents=True)
    doubling(folder / "model.onnx")
    (folder / "more" / "a name (1) ü.txt").write_text("x")
    (folder / "empty.jsonl").write_text("")
    digest = folder_digest(folder)
    assert kept(bucket.opened_with(), folder, model_listing(folder), digest)
    assert folder_digest(bucket.pod(digest)) == digest
    store = bucket.opened_with()
    source = Source(
        f"{store.uri}/sha256/{digest}/files/", cache_dir=tmp_path / "c", credentials_dir=store.credentials_dir
    )
    assert fetch(source).sha256 == digest


def test_what_lies_in_the_store_is_listed_and_removed(bucket, tmp_path):
    file, files = alone(tmp_path / "m.onnx", 7.0)
    digest = files["m.onnx"]
    kept(bucket.opened_with(), file, files, digest)
    place = opened(bucket.opened_with(), writes=True)
    found = {each.key: each for each in place.below(f"sha256/{digest}")}
    assert set(found) == {f"sha256/{digest}/manifest.json", f"sha256/{digest}/files/model.onnx"}
    assert found[f"sha256/{digest}/files/model.onnx"].size == file.stat().st_size
    assert digest in {heap.digest for heap in heaps(place)}
    newest = max(each.modified for each in found.values())
    assert not remove(place, digest, newest), "what is young stays"
    assert remove(place, digest, newest + 1)
    place.remove(f"sha256/{digest}/manifest.json")  # what is gone already is fine
    assert not list(place.below(f"sha256/{digest}"))


def test_a_store_that_is_away_or_silent_costs_a_bounded_time(bucket, tmp_path):
    endpoint = {"s3": "AWS_ENDPOINT_URL", "gs": "GOOGLE_BASE_URL", "az": "AZURE_STORAGE_ENDPOINT"}[bucket.scheme]
    file, files = alone(tmp_path / "m.onnx")
    with answering(lambda connection: connection.recv(1)) as silent:
        for port, most in ((1, 5), (silent, 10)):
            away = bucket.opened_with(**{endpoint: f"http://127.0.0.1:{port}/x"})
            began = monotonic()
            failure = bucket.pod(files["m.onnx"], away)
            assert f"127.0.0.1:{port}" in failure.message
            assert bucket.pod(files["m.onnx"], away, str(file)) == file
            assert monotonic() - began < most


def test_who_may_not_write_is_told_where_credentials_go_and_what_they_must_allow(s3, tmp_path):
    file, files = alone(tmp_path / "m.onnx", 3.0)
    wrong = s3.opened_with(AWS_SECRET_ACCESS_KEY="a-wrong-secret-key")
    with pytest.raises(LoadFailure) as refused:
        kept(wrong, file, files, files["m.onnx"])
    assert "may read and write it (spec.model.store.writeCredentials, or credentials)" in refused.value.message
    assert "a-wrong-secret-key" not in refused.value.message
    assert "may read it (spec.model.store.credentials)" in s3.pod(files["m.onnx"], wrong).message


def test_who_may_only_read_takes_models_and_keeps_none(tmp_path):
    (tmp_path / "credentials").mkdir()
    file, files = alone(tmp_path / "m.onnx")
    digest = files["m.onnx"]
    with stores.gcs(tmp_path) as server, writable(server) as writer, writable(server, may_write=False) as reader:
        writes, reads = Kept("gs", writer, tmp_path), Kept("gs", reader, tmp_path)
        with pytest.raises(LoadFailure, match=r"refuses \(AccessDenied\): give credentials that may read and write it"):
            kept(reads.opened_with(), file, files, digest)
        assert kept(writes.opened_with(), file, files, digest)
        assert reads.pod(digest).read_bytes() == file.read_bytes()
        with pytest.raises(LoadFailure, match="may read and write it"):
            kept(reads.opened_with(), file, files, digest)


def test_bytes_that_somebody_changes_in_the_bucket_are_never_served(s3, tmp_path):
    file, files = alone(tmp_path / "m.onnx", 4.0)
    digest = files["m.onnx"]
    kept(s3.opened_with(), file, files, digest)
    there = s3.buckets / "kept" / "sha256" / digest / "files" / "model.onnx"
    doubling(there, 5.0)
    assert isinstance(s3.pod(digest), LoadFailure)
    assert s3.pod(digest, uri=str(file)) == file
    assert kept(s3.opened_with(), file, files, digest), "the next Job mends it"
    assert s3.pod(digest).read_bytes() == file.read_bytes()


KEEP = """
import json, sys
from pathlib import Path
from serin_server.model.digest import file_digest
from serin_server.model.shelf.keep import kept
from serin_server.model.sources.asked import Store

def most_of_memory():
    # Not ru_maxrss, which begins with what the process had that started this one.
    return next(int(line.split()[1]) for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))

uri, credentials, *files = sys.argv[1:]
most = []
for file in map(Path, files):
    digest = file_digest(file)
    kept(Store(uri, Path(credentials)), file, {file.name: digest}, digest)
    most.append(most_of_memory())
print(json.dumps(most))
"""


def keeping(store, *files):
    command = [sys.executable, "-c", KEEP, store.uri, str(store.credentials_dir), *map(str, files)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def sparse(file, size):
    with file.open("wb") as written:
        written.write(str(size).encode())
        written.truncate(size)
    return file


def test_jobs_that_are_killed_in_mid_put_leave_nothing_that_counts(s3, tmp_path):
    file = sparse(tmp_path / "large.onnx", 96 << 20)
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    home = s3.buckets / "kept" / "sha256" / digest
    job = keeping(s3.opened_with(), file)
    until = monotonic() + 60
    while not any(path.is_file() for path in s3.buckets.rglob("*")) and job.poll() is None and monotonic() < until:
        sleep(0.002)  # the server of others tells nobody when the first part has come
    job.send_signal(signal.SIGKILL)
    job.wait()
    if not (home / "manifest.json").exists():
        assert isinstance(s3.pod(digest), LoadFailure)
    jobs = [keeping(s3.opened_with(), file) for _ in range(2)]
    assert [each.wait() for each in jobs] == [0, 0], "two at once, after one that was killed"
    assert s3.pod(digest).stat().st_size == file.stat().st_size


def test_a_large_model_takes_no_more_memory_to_keep_than_a_small_one(s3, tmp_path):
    small, large = sparse(tmp_path / "small.onnx", 1 << 20), sparse(tmp_path / "large.onnx", 512 << 20)
    told = keeping(s3.opened_with(), small, large).communicate()[0]
    of_small, of_large = json.loads(told)
    assert of_large - of_small < 60 << 10, f"{of_small:,} KiB for a small model, {of_large:,} KiB for 512 MiB"
    print(f"{of_small:,} KiB, {of_large:,} KiB")

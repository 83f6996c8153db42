"""`serin-server bump`: what a moving name points at now is written into a file or an object, and nothing else is touched."""

import json
import re
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pytest
from obstore.store import MemoryStore

from serin_server.cli import main
from serin_server.commands.bumping import bump, newest, resource
from serin_server.commands.bumping.manifest import Manifest, Pinned
from serin_server.config.settings import InvalidSetting
from serin_server.failures import LoadFailure
from serin_server.model.sources.asked import Fetched, Source
from serin_server.model.sources.objects import Bucket
from serin_server.model.sources.remote import Remote

OLD, NEW = "a" * 64, "b" * 64
ALIAS = "mlflow://models.example.com/credit@champion"
V6, V7 = (f"mlflow://models.example.com/credit/{number}" for number in (6, 7))
MANIFEST = f"""\
# Kept by the risk team.
apiVersion: serin.dev/v1alpha1
kind: ModelDeployment
metadata: {{name: credit-risk}}
spec:
  replicas:   3          # odd on purpose
  model:
    version: "6"         # what people call it
    uri: '{V6}'
    sha256: {OLD}
    credentials: {{secretName: mlflow}}
---
kind: ConfigMap
data: {{version: "6"}}
"""


@pytest.fixture
def source(monkeypatch):
    """A tracking server whose alias points at version 7; the addresses that were fetched."""
    fetched = []

    @contextmanager
    def opened(source):
        yield Remote((), is_folder=True, resolved_uri=V7 if source.uri == ALIAS else "")

    def fetch(source):
        fetched.append(source.uri)
        return Fetched(source.cache_dir, NEW)

    monkeypatch.setattr(newest, "opener", lambda _: opened)
    monkeypatch.setattr(bump, "fetch", fetch)
    return fetched


@pytest.fixture
def bumped(tmp_path, capsys, source):
    """Bumps a file; the exit code, what was said, and the text of the file."""

    def run(text=MANIFEST, *flags, uri=ALIAS):
        file = tmp_path / "model.yaml"
        file.write_bytes(text.encode())
        code = main(["bump", "--model", uri, "--bump-file", str(file), "--cache-dir", str(tmp_path / "c"), *flags])
        told = capsys.readouterr()
        return code, told.out + told.err, file.read_bytes().decode()

    return run


def test_three_values_are_written_where_they_stand_and_the_rest_of_the_file_stays(bumped):
    code, said, text = bumped()
    assert code == 0
    assert text == MANIFEST.replace('"6"         #', '"7"         #').replace(V6, V7).replace(OLD, NEW)
    assert said.startswith(f"credit-risk: 6 to 7 (sha256:{NEW[:12]})\n")
    assert f"-    sha256: {OLD}\n" in said
    assert f"+    sha256: {NEW}\n" in said


def test_what_is_only_asked_for_is_told_and_not_written(bumped):
    code, said, text = bumped(MANIFEST, "--bump-write", "off")
    assert (code, text) == (3, MANIFEST)
    assert "+    sha256" in said


def test_where_the_name_points_to_what_is_there_nothing_is_fetched(bumped, source):
    text = MANIFEST.replace(V6, V7)
    assert bumped(text) == (0, f"credit-risk: nothing new, {ALIAS} is 6\n", text)
    assert source == []


def test_the_same_bytes_under_another_name_are_nothing_new(bumped):
    text = MANIFEST.replace(OLD, NEW)
    assert bumped(text) == (0, "credit-risk: nothing new, 7 holds the bytes of 6\n", text)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (f"  model: {{version: v6, uri: '{V6}'}}", f"  model: {{version: v7, uri: '{V7}', sha256: {NEW}}}"),
        (f"  model:\n    uri: {V6} # here\n    version: v6", f"  model:\n    uri: {V7} # here\n    sha256: {NEW}\n    version: v7"),
        (f"  model:\r\n    version: v6\r\n    uri: {V6}\r\n  replicas: 1\r\n", f"  model:\r\n    version: v7\r\n    uri: {V7}\r\n    sha256: {NEW}\r\n  replicas: 1\r\n"),
        (f"  model:\n    version: v6\n    uri: {V6}", f"  model:\n    version: v7\n    uri: {V7}\n    sha256: {NEW}\n"),
    ],
    ids=["in one line", "a comment behind it", "lines of Windows", "the end of the file"],
)  # fmt: skip
def test_a_digest_that_is_missing_is_added_behind_the_uri(bumped, before, after):
    head = "kind: ModelDeployment\nmetadata: {name: credit-risk}\nspec:\n"
    code, _, text = bumped(head + before, "--bump-version", "v{}")
    assert (code, text.rstrip("\n")) == (0, (head + after).rstrip("\n"))


@pytest.mark.parametrize("version", ["1234567890e2", "1e3", "0x1f", "20261127", "y"])
def test_what_some_reader_takes_for_a_number_is_written_as_a_text(tmp_path, version):
    file = tmp_path / "model.yaml"
    file.write_text(f"kind: ModelDeployment\nmetadata: {{name: m}}\nspec:\n  model:\n    version: v6\n    uri: {V6}\n")
    text = Manifest(file).changed(Pinned(version, V7, NEW))
    assert f'version: "{version}"\n' in text


@pytest.mark.parametrize(
    ("text", "flags", "words"),
    [
        ("a: [", (), "is no YAML that can be read"),
        ("kind: ConfigMap", (), "holds these ModelDeployments: none"),
        (MANIFEST + "---\n" + MANIFEST.replace("name: credit-risk", "name: churn"), (), "credit-risk, churn; say which in SERIN_BUMP_OBJECT"),
        (MANIFEST.replace(f"'{V6}'", f"&it '{V6}'") + f"---\nkind: ModelDeployment\nmetadata: {{name: x}}\nspec: {{model: {{uri: {V6}}}}}\n", (), "say which"),
        (MANIFEST.replace("uri: '", "uri: &it '").replace("replicas:   3", "x: *it"), (), "alias"),
        (MANIFEST.replace('"6"         #', "&v '6' #").replace("credentials:", "other: *v\n    credentials:"), (), "by hand"),
        (MANIFEST.replace(V6, "s3://models/credit/6/"), (), "is a s3:// address, and the new one would be mlflow://"),
        (MANIFEST.replace('"6"         #', '"7" #'), (), "version 7 stands for sha256 aaa"),
        (MANIFEST, ("--bump-version", "v {}"), "is no label for a version"),
        (MANIFEST, ("--bump-object", "nobody"), "credit-risk; say which"),
    ],
    ids=["no YAML", "no model", "two models", "two more", "an alias before its anchor", "an anchor others use", "another kind of source", "a version that is taken", "no label", "nobody of this name"],
)  # fmt: skip
def test_what_cannot_be_written_for_sure_is_refused_with_the_way_out(bumped, text, flags, words):
    code, said, after = bumped(text, *flags)
    assert (code, after) == (2, text)
    assert words in said


def test_one_of_several_models_is_chosen_by_its_name(bumped):
    other = MANIFEST.replace("name: credit-risk", "name: churn")
    code, _, text = bumped(MANIFEST + "---\n" + other, "--bump-object", "churn")
    assert (code, text.startswith(MANIFEST), text.count(NEW)) == (0, True, 1)


def test_somebody_has_to_say_where_it_is_written(capsys, source):
    assert main(["bump", "--model", ALIAS]) == 2
    assert "SERIN_BUMP_FILE (--bump-file), or SERIN_BUMP_OBJECT as namespace/name" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("uri", "resolved", "name"),
    [
        (ALIAS, V7, "7"),
        ("oci://host:5000/models/credit:prod", f"oci://host:5000/models/credit@sha256:{NEW}", "b" * 12),
        ("hf://acme/credit@main/", f"hf://acme/credit@{'c' * 40}/", "c" * 12),
        ("hf://acme/credit@main/m.onnx", f"hf://acme/credit@{'c' * 40}/m.onnx", "c" * 12),
        (V6, "", "6"),
    ],
)
def test_a_version_is_called_after_what_does_not_move(monkeypatch, uri, resolved, name):
    @contextmanager
    def opened(_):
        yield Remote((), is_folder=True, resolved_uri=resolved)

    monkeypatch.setattr(newest, "opener", lambda _: opened)
    found = newest.newest(Source(uri))
    assert (found.uri, found.name) == (resolved or uri, name)


@pytest.mark.parametrize("uri", ["https://models/credit.onnx", "pvc://models/credit/*/", "s3://models/credit/", "s3://m/*/*/", "s3://models/v*/", "s3://models/*.onnx", "hf://a/*@main"])  # fmt: skip
def test_what_does_not_move_is_no_source_of_new_versions(uri):
    with pytest.raises(LoadFailure, match=r"no name that moves|stands for a whole folder"):
        newest.newest(Source(uri))


@pytest.fixture
def bucket(monkeypatch):
    store = MemoryStore()
    for key in (
        "credit/v9/model.onnx",
        "credit/v10/model.onnx",
        "credit/v10/golden.jsonl",
        "credit/README",
        "other/v99/m",
    ):
        store.put(key, b"x")

    def made(self, source, *_):
        self._source, self.told, self.store = source, source.uri, store

    monkeypatch.setattr(Bucket, "__init__", made)
    return store


@pytest.mark.parametrize(
    ("uri", "found"),
    [
        ("s3://models/credit/*/", "s3://models/credit/v10/"),
        ("s3://models/credit/*", "s3://models/credit/v10/"),
        ("s3://models/credit/*/model.onnx", "s3://models/credit/v10/model.onnx"),
        ("s3://models/*/", "s3://models/other/"),
    ],
)
def test_of_folders_the_highest_is_the_newest_as_people_count(bucket, uri, found):
    later = datetime.now(UTC) + timedelta(seconds=90)
    told = newest.newest(Source(uri), later)
    assert told.uri == found
    assert told.busy_seconds is not None
    assert 80 < told.busy_seconds < 100


def test_a_folder_that_is_written_to_is_left_for_the_next_time(bucket, bumped, source):
    text = MANIFEST.replace(V6, "s3://models/credit/v9/")
    code, said, after = bumped(text, uri="s3://models/credit/*/")
    assert (code, after, source) == (0, text, [])
    assert re.search(r"v10 was written to \d+ s ago: left for the next time", said)
    code, _, after = bumped(text, "--bump-settle-seconds", "0", uri="s3://models/credit/*/")
    assert (code, "s3://models/credit/v10/" in after) == (0, True)


class Server:
    """An API server with one object."""

    def __init__(self, manager="kubectl", status=200):
        fields = {"f:spec": {"f:model": {"f:version": {}, "f:uri": {}}}}
        self.object = {
            "metadata": {"resourceVersion": "5", "managedFields": [{"manager": manager, "fieldsV1": fields}]},
            "spec": {"model": {"version": "6", "uri": V6}},
        }
        self.asked, self.status = [], status

    def __call__(self, method, path, patch):
        self.asked.append((method, path, patch))
        return (200, self.object) if method == "GET" else (self.status, {"message": "the object has been modified"})


def bump_object(monkeypatch, server):
    monkeypatch.setattr(resource, "_as_pod", server)
    return main(["bump", "--model", ALIAS, "--bump-object", "team/credit-risk", "--cache-dir", "/tmp/serin-bump"])


def test_an_object_is_patched_as_it_was_read_by_a_manager_that_says_who_it_was(monkeypatch, capsys, source):
    server = Server()
    assert bump_object(monkeypatch, server) == 0
    (_, read, _), (method, path, patch) = server.asked
    assert read == "/apis/serin.dev/v1alpha1/namespaces/team/modeldeployments/credit-risk"
    assert (method, path) == ("PATCH", f"{read}?fieldManager=serin-bump")
    model = {"version": "7", "uri": V7, "sha256": NEW}
    assert patch == {"metadata": {"resourceVersion": "5"}, "spec": {"model": model}}
    assert capsys.readouterr().out.startswith("credit-risk: 6 to 7")


@pytest.mark.parametrize("manager", ["argocd-controller", "kustomize-controller", "helm", "Helm-controller"])
def test_an_object_that_comes_out_of_git_is_left_to_git(monkeypatch, capsys, source, manager):
    server = Server(manager)
    assert bump_object(monkeypatch, server) == 2
    assert [method for method, *_ in server.asked] == ["GET"]
    assert f"is kept by {manager} as Git has it" in capsys.readouterr().err


@pytest.mark.parametrize(("status", "code"), [(409, 75), (500, 75), (403, 2), (422, 2)])
def test_who_was_quicker_wins_and_what_is_forbidden_is_told(monkeypatch, capsys, source, status, code):
    assert bump_object(monkeypatch, Server(status=status)) == code
    assert "ModelDeployment team/credit-risk: the object has been modified" in capsys.readouterr().err


def test_outside_of_a_pod_there_is_no_token_to_patch_with(monkeypatch):
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    with pytest.raises(InvalidSetting, match="elsewhere bump a file"):
        resource.Resource("team/credit-risk")


def test_the_patch_is_json_that_a_server_takes(monkeypatch, tmp_path, source):
    sent = {}

    class Connection:
        def __init__(self, *_, **__):
            self.status = 200

        def request(self, method, path, body, headers):
            sent.update(method=method, body=body, headers=headers)

        def getresponse(self):
            return self

        def read(self):
            return json.dumps(Server().object).encode()

        def close(self):
            pass

    (tmp_path / "token").write_text("abc\n")
    monkeypatch.setattr(resource, "_ACCOUNT", tmp_path)
    monkeypatch.setattr(resource.ssl, "create_default_context", lambda **_: None)
    monkeypatch.setattr(resource.http.client, "HTTPSConnection", Connection)
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "10.0.0.1")
    found = resource.Resource("team/credit-risk")
    found.write(found.pinned)
    assert sent["headers"]["Authorization"] == "Bearer abc"
    assert sent["headers"]["Content-Type"] == "application/merge-patch+json"
    assert json.loads(sent["body"])["metadata"] == {"resourceVersion": "5"}

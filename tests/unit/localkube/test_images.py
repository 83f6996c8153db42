"""Images: archives without a builder, command lines of builders, keys of content."""

import hashlib
import json
import os
import shutil
import tarfile
from pathlib import Path

import pytest

from localkube.images.builders import Builder
from localkube.images.oci import Image, write_archive
from localkube.images.pipsettings import merged, mounts
from localkube.images.project import Recipe, exported_requirements, key, recipes

ROOT = Path(__file__).parents[3]


@pytest.fixture
def image(tmp_path: Path):
    program = tmp_path / "program"
    program.write_bytes(b"\x7fELF")
    return Image("localhost/x:1", "amd64", {"bin/x": program}, {"bin/y": "/bin/x"}, ("tmp",), ("/bin/x",), "1:1")


def test_the_same_files_give_the_same_bytes(image, tmp_path):
    digests = []
    for name in ("a.tar", "b.tar"):
        write_archive(image, tmp_path / name)
        digests.append(hashlib.sha256((tmp_path / name).read_bytes()).hexdigest())
    assert digests[0] == digests[1]
    assert not list(tmp_path.glob("*.partial"))


def test_an_archive_is_an_oci_layout_and_a_docker_archive(image, tmp_path):
    write_archive(image, tmp_path / "a.tar")
    with tarfile.open(tmp_path / "a.tar") as tar:

        def content(name: str) -> bytes:
            member = tar.extractfile(name)
            assert member
            return member.read()

        entry = json.loads(content("index.json"))["manifests"][0]
        assert entry["annotations"]["io.containerd.image.name"] == "localhost/x:1"
        blobs = [name for name in tar.getnames() if name.startswith("blobs/")]
        assert all(hashlib.sha256(content(blob)).hexdigest() == blob.rpartition("/")[2] for blob in blobs)
        manifest = json.loads(content(f"blobs/sha256/{entry['digest'].removeprefix('sha256:')}"))
        config = json.loads(content(f"blobs/sha256/{manifest['config']['digest'].removeprefix('sha256:')}"))
        assert config["config"]["Entrypoint"] == ["/bin/x"]
        assert config["rootfs"]["diff_ids"] == [manifest["layers"][0]["digest"]]
        docker = json.loads(content("manifest.json"))[0]
        assert docker["RepoTags"] == ["localhost/x:1"]
        layer = tmp_path / "layer.tar"
        layer.write_bytes(content(docker["Layers"][0]))
    with tarfile.open(layer) as tar:
        kinds = {member.name: (member.mode, member.issym(), member.isdir()) for member in tar}
    assert kinds == {
        "bin": (0o755, False, True),
        "bin/x": (0o755, False, False),
        "bin/y": (0o755, True, False),
        "tmp": (0o1777, False, True),
    }


def test_each_builder_tags_the_image_and_writes_an_archive(tmp_path):
    for kind in ("docker", "podman", "buildah"):
        builder = Builder(kind, f"/usr/bin/{kind}")
        build = builder.build(tmp_path, "localhost/x:dev", {})
        assert build[-3:] == ["--tag", "localhost/x:dev", str(tmp_path)]
        assert not [argument for argument in build if "BASE_IMAGE" in argument]
        assert str(tmp_path / "x.tar") in " ".join(builder.save("localhost/x:dev", tmp_path / "x.tar"))


def test_a_local_base_is_never_looked_for_in_a_registry(tmp_path):
    builder = Builder("buildah", "buildah", ("--root", "/r"), "localhost/python-base:bookworm")
    build = builder.build(tmp_path, "localhost/x:dev", {Path("/etc/ssl/certs"): "/etc/ssl/certs"})
    assert build[:4] == ["buildah", "--root", "/r", "build"]
    assert {"--pull-never", "BASE_IMAGE=localhost/python-base:bookworm", "--timestamp=0"} <= set(build)
    assert "--volume=/etc/ssl/certs:/etc/ssl/certs:ro" in build


def a_recipe(folder: Path) -> Recipe:
    (folder / "src" / "pkg").mkdir(parents=True)
    for name in ("Dockerfile", "requirements.txt", "pyproject.toml", "src/pkg/code.py"):
        (folder / name).write_text(name)
    return Recipe("x", folder)


def test_a_key_changes_with_every_input_and_with_nothing_else(tmp_path):
    recipe = a_recipe(tmp_path / "x")
    before = key(recipe, ["1"])
    (tmp_path / "x" / "README.md").write_text("not copied into the image")
    cache = tmp_path / "x" / "src" / "pkg" / "__pycache__"
    cache.mkdir()
    (cache / "code.pyc").write_text("nor this")
    assert key(recipe, ["1"]) == before
    seen = {before, key(recipe, ["2"])}
    for name in ("Dockerfile", "requirements.txt", "src/pkg/code.py"):
        (tmp_path / "x" / name).write_text(f"{name} changed")
        seen.add(key(recipe, ["1"]))
    (tmp_path / "x" / "src" / "pkg" / "code.py").rename(tmp_path / "x" / "src" / "pkg" / "moved.py")
    seen.add(key(recipe, ["1"]))
    assert len(seen) == 6


def test_pip_in_a_build_goes_the_way_that_pip_on_the_host_goes(tmp_path):
    first, second = tmp_path / "a.conf", tmp_path / "b.conf"
    first.write_text("[global]\nindex-url = https://a/simple\nquiet = 1\n")
    second.write_text("[global]\nindex-url = https://b/simple\n[install]\ntrusted-host = b\n")
    assert merged([first, second], {}) == {"index-url": "https://b/simple", "trusted-host": "b"}
    assert merged([first], {"PIP_INDEX_URL": "https://c/simple"})["index-url"] == "https://c/simple"


def test_a_certificate_of_the_hosts_pip_is_carried_into_the_build(tmp_path):
    certificate = tmp_path / "ca.pem"
    certificate.write_text("…")
    found = mounts(tmp_path, {"HOME": str(tmp_path), "PIP_CERT": str(certificate), "PIP_CONFIG_FILE": "/dev/null"})
    assert found[certificate] == "/etc/ssl/host-ca.crt"
    assert "cert = /etc/ssl/host-ca.crt" in (tmp_path / "pip.conf").read_text()
    assert found[tmp_path / "pip.conf"] == "/etc/pip.conf"


@pytest.mark.parametrize("recipe", recipes(ROOT), ids=lambda recipe: recipe.name)
def test_the_requirements_of_an_image_are_those_of_the_lock_file(recipe):
    uv = os.environ.get("UV") or shutil.which("uv")
    if uv is None:
        pytest.skip("no uv")
    exported = exported_requirements(recipe, ROOT, uv)
    assert (recipe.folder / "requirements.txt").read_text() == exported, "run `make generate`"


@pytest.mark.parametrize("recipe", recipes(ROOT), ids=lambda recipe: recipe.name)
def test_dockerfiles_keep_the_promises_of_the_images(recipe):
    text = (recipe.folder / "Dockerfile").read_text()
    assert text.count("FROM ") >= 3
    assert "ARG BASE_IMAGE=" in text
    assert "USER 65532:65532" in text
    assert "--require-hashes" in text
    assert recipe.name != "serin-server" or "ORT_DISABLE_TELEMETRY=1" in text
    assert recipe.name != "serin-server" or "locale.setlocale(locale.LC_CTYPE, 'en_US.UTF-8')" in text

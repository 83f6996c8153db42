"""Images: archives without a builder, command lines of builders, keys of content."""

import hashlib
import json
import os
import re
import shutil
import tarfile
import tomllib
from pathlib import Path

import pytest

from localkube.images.builders import Builder
from localkube.images.oci import Image, write_archive
from localkube.images.pipsettings import merged, mounts
from localkube.images.project import Recipe, exported_requirements, for_devices, key, recipes

ROOT = Path(__file__).parents[3]
IMAGES = [pytest.param(recipe, id=recipe.reference) for recipe in (*recipes(ROOT), for_devices(ROOT))]
CUDA = for_devices(ROOT).requirements.read_text()


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


def test_a_stage_of_a_dockerfile_is_built_where_a_recipe_names_one(tmp_path):
    for kind in ("docker", "podman", "buildah"):
        builder = Builder(kind, f"/usr/bin/{kind}")
        assert "--target=cuda" in builder.build(tmp_path, "localhost/x:dev-cuda", {}, "cuda")
        assert not [part for part in builder.build(tmp_path, "localhost/x:dev", {}) if "--target" in part]


def a_recipe(folder: Path) -> Recipe:
    (folder / "src" / "pkg").mkdir(parents=True)
    for name in ("Dockerfile", "install.sh", "requirements.txt", "pyproject.toml", "src/pkg/code.py"):
        (folder / name).write_text(name)
    return Recipe("x", folder)


def test_a_key_changes_with_every_input_and_with_nothing_else(tmp_path):
    recipe = a_recipe(tmp_path / "x")
    before = key(recipe, ["1"])
    (tmp_path / "x" / "README.md").write_text("not copied into the image")
    (tmp_path / "x" / "requirements-cuda.txt").write_text("of another image")
    cache = tmp_path / "x" / "src" / "pkg" / "__pycache__"
    cache.mkdir()
    (cache / "code.pyc").write_text("nor this")
    assert key(recipe, ["1"]) == before
    seen = {before, key(recipe, ["2"])}
    for name in ("Dockerfile", "install.sh", "requirements.txt", "src/pkg/code.py"):
        (tmp_path / "x" / name).write_text(f"{name} changed")
        seen.add(key(recipe, ["1"]))
    (tmp_path / "x" / "src" / "pkg" / "code.py").rename(tmp_path / "x" / "src" / "pkg" / "moved.py")
    seen.add(key(recipe, ["1"]))
    assert len(seen) == 7


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


@pytest.mark.parametrize("recipe", IMAGES)
def test_the_requirements_of_an_image_are_those_of_the_lock_file(recipe):
    uv = os.environ.get("UV") or shutil.which("uv")
    if uv is None:
        pytest.skip("no uv")
    exported = exported_requirements(recipe, ROOT, uv)
    assert recipe.requirements.read_text() == exported, "run `make generate`"


@pytest.mark.parametrize("recipe", recipes(ROOT), ids=lambda recipe: recipe.name)
def test_dockerfiles_keep_the_promises_of_the_images(recipe):
    text = (recipe.folder / "Dockerfile").read_text()
    steps = text + "".join(script.read_text() for script in recipe.folder.glob("install.sh"))
    assert text.count("FROM ") >= 3
    assert "ARG BASE_IMAGE=" in text
    assert "--require-hashes" in steps
    assert recipe.name != "serin-server" or "ORT_DISABLE_TELEMETRY=1" in text
    assert recipe.name != "serin-server" or "locale.setlocale(locale.LC_CTYPE, 'en_US.UTF-8')" in text


def stages(recipe: Recipe) -> dict[str, str]:
    """The steps of each stage of a Dockerfile, by its name."""
    text = (recipe.folder / "Dockerfile").read_text().replace("\\\n", " ")
    found = re.findall(r"^FROM (\S+)(?: AS (\S+))?\n(.*?)(?=^FROM |\Z)", text, re.MULTILINE | re.DOTALL)
    return {name or "": steps for _, name, steps in found}


@pytest.mark.parametrize("recipe", IMAGES)
def test_an_image_installs_its_own_requirements_and_runs_as_nobody_in_particular(recipe):
    steps = stages(recipe)
    asked = "".join(steps.values()) if recipe.name == "serin-operator" else steps[recipe.target]
    assert re.findall(r"^COPY (requirements\S*)", asked, re.MULTILINE) == [recipe.requirements.name]
    assert "USER 65532:65532" in steps[recipe.target]


def pinned(text: str) -> dict[str, str]:
    return dict(re.findall(r"^([\w.-]+)==(\S+)", text, re.MULTILINE))


def test_the_image_for_gpus_differs_in_the_build_of_onnx_runtime_and_what_that_needs_alone():
    plain, cuda = pinned(recipes(ROOT)[1].requirements.read_text()), pinned(CUDA)
    assert cuda.pop("onnxruntime-gpu") == plain.pop("onnxruntime")
    more = {name: cuda.pop(name) for name in list(cuda) if name.startswith("nvidia-")}
    assert {"nvidia-cublas", "nvidia-cuda-runtime", "nvidia-cudnn-cu13", "nvidia-cufft", "nvidia-curand"} <= set(more)
    assert cuda == plain


def test_packages_of_the_image_for_gpus_are_wheels_for_its_base():
    """Python 3.11 and glibc 2.28 or newer, as the Dockerfile says."""
    lock = {
        (package["name"], package["version"]): package.get("wheels", [])
        for package in tomllib.loads((ROOT / "uv.lock").read_text())["package"]
    }
    for name, version in pinned(CUDA).items():
        if name.startswith(("nvidia-", "onnxruntime-gpu")):
            wheels = [wheel["url"].rpartition("/")[2] for wheel in lock[name, version] if wheel["hash"] in CUDA]
            assert any(re.search(r"(py3|cp311)-(none|cp311)-manylinux\S*x86_64", wheel) for wheel in wheels), wheels
            oldest = [int(glibc) for wheel in wheels for glibc in re.findall(r"manylinux_2_(\d+)_x86_64", wheel)]
            assert min(oldest, default=17) <= 28


def test_the_image_for_gpus_takes_what_devices_its_pod_was_given_and_no_others():
    steps = stages(for_devices(ROOT))["cuda"]
    assert "SERIN_PROVIDERS=auto" in steps
    assert "NVIDIA_DRIVER_CAPABILITIES=compute,utility" in steps
    assert "NVIDIA_VISIBLE_DEVICES" not in steps
    assert "CUDAExecutionProvider" in steps

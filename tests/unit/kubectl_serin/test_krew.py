"""What krew installs kubectl serin from."""

import hashlib
import io
import runpy
import tarfile
from pathlib import Path

import yaml

PACKING = Path(__file__).parents[3] / "tools/kubectl-serin/packaging/krew.py"
PROGRAM = b"#!/usr/bin/env python3\nprint('serin')\n"


def packed(folder: Path) -> tuple[dict, bytes]:
    folder.mkdir()
    (folder / "kubectl-serin").write_bytes(PROGRAM)
    (folder / "terms").write_text("terms")
    runpy.run_path(str(PACKING))["main"](
        str(folder / "kubectl-serin"), str(folder / "terms"), "https://example.com/v1/"
    )
    return yaml.safe_load((folder / "serin.yaml").read_text()), (folder / "kubectl-serin.tar.gz").read_bytes()


def test_the_manifest_names_the_archive_by_its_digest_and_the_program_in_it(tmp_path):
    manifest, archive = packed(tmp_path / "dist")
    (platform,) = manifest["spec"]["platforms"]
    assert platform["sha256"] == hashlib.sha256(archive).hexdigest()
    assert platform["uri"] == "https://example.com/v1/kubectl-serin.tar.gz"
    with tarfile.open(fileobj=io.BytesIO(archive)) as files:
        assert files.getnames() == [platform["bin"], "LICENSE"]
        assert files.extractfile(platform["bin"]).read() == PROGRAM
        assert files.getmember(platform["bin"]).mode & 0o111


def test_the_same_program_gives_the_same_archive(tmp_path):
    assert packed(tmp_path / "one") == packed(tmp_path / "other")


def test_the_manifest_is_one_that_krew_takes(tmp_path):
    """What krew's own validation asks for, as far as it concerns us."""
    manifest, _ = packed(tmp_path / "dist")
    assert manifest["metadata"]["name"] == "serin"
    spec = manifest["spec"]
    assert spec["version"].startswith("v")
    assert len(spec["shortDescription"]) <= 50
    assert not spec["shortDescription"].endswith(".")
    assert all("\n" not in spec[key] for key in ("version", "homepage", "shortDescription"))

"""Pack the one file of ``kubectl serin`` for krew: an archive, and the manifest that names its digest.

``python krew.py dist/kubectl-serin LICENSE https://HOST/PATH`` writes ``kubectl-serin.tar.gz`` and ``serin.yaml`` beside
the program; the address is where the archive will lie. The same program gives the same archive, byte for byte.
"""

import gzip
import hashlib
import io
import sys
import tarfile
from importlib.metadata import version
from pathlib import Path

import yaml

ARCHIVE = "kubectl-serin.tar.gz"
MANIFEST = "serin.yaml"
ABOUT = "See and steer progressive delivery of models"
DESCRIPTION = (
    "Shows what a ModelDeployment of Serin serves, what its rollout waits for and which evidence speaks against a new"
    " version; promotes, pauses, aborts and goes back; draws the report of a rollout."
)
CAVEATS = "Needs Python 3.11 or newer as python3. lint and simulate need the Python package instead: see docs/cli.md."


def archive_of(files: dict[str, bytes]) -> bytes:
    """A tar archive, gzipped, of files that all may be run; no time and no user stands in it."""
    packed = io.BytesIO()
    with gzip.GzipFile(fileobj=packed, mode="wb", mtime=0) as zipped, tarfile.open(fileobj=zipped, mode="w") as archive:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(content), 0o755
            archive.addfile(entry, io.BytesIO(content))
    return packed.getvalue()


def manifest_of(archive: bytes, folder: str, release: str) -> dict[str, object]:
    """What krew reads: one archive for every system that has a Python."""
    return {
        "apiVersion": "krew.googlecontainertools.github.com/v1alpha2",
        "kind": "Plugin",
        "metadata": {"name": "serin"},
        "spec": {
            "version": f"v{release}",
            "homepage": folder,
            "shortDescription": ABOUT,
            "description": DESCRIPTION,
            "caveats": CAVEATS,
            "platforms": [
                {
                    "selector": {"matchExpressions": [{"key": "os", "operator": "In", "values": ["darwin", "linux"]}]},
                    "uri": f"{folder.rstrip('/')}/{ARCHIVE}",
                    "sha256": hashlib.sha256(archive).hexdigest(),
                    "bin": "kubectl-serin",
                }
            ],
        },
    }


def main(program: str, licence: str, folder: str) -> None:
    """Write archive and manifest beside the program."""
    target = Path(program)
    archive = archive_of({target.name: target.read_bytes(), "LICENSE": Path(licence).read_bytes()})
    manifest = manifest_of(archive, folder, version("kubectl-serin"))
    (target.parent / ARCHIVE).write_bytes(archive)
    (target.parent / MANIFEST).write_text(yaml.safe_dump(manifest, sort_keys=False))


if __name__ == "__main__":
    main(*sys.argv[1:])

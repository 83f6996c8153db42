"""Clients in other languages: programs that ask a server and print what came of each step as JSON. Built or installed once."""

import hashlib
import json
import shutil
import subprocess
from pathlib import Path
from typing import Any, Final

from localkube.binaries.bundles import Bundle, OwnModule
from localkube.binaries.gobuild import build
from localkube.cache import cache_folder, locked
from localkube.reporting import ToTerminal

SOURCES: Final = Path(__file__).parent
PROGRAM: Final = "foreign-client"


def go() -> list[str]:
    """The command of the client in Go."""
    sources = SOURCES / "go"
    bundle = Bundle(PROGRAM, _digest(sources), {}, OwnModule(sources, {PROGRAM: "."}, ("-trimpath",)))
    program = cache_folder() / "bin" / bundle.folder_name / PROGRAM
    with locked(program.parent.parent / f".{bundle.folder_name}.lock"):
        if not program.exists():
            scratch = program.parent / ".making"
            scratch.mkdir(parents=True, exist_ok=True)
            build(bundle, [PROGRAM], scratch, ToTerminal())
            (scratch / PROGRAM).rename(program)
    return [str(program)]


def node() -> list[str]:
    """The command of the client in JavaScript."""
    sources = SOURCES / "node"
    folder = cache_folder() / "node" / _digest(sources)
    with locked(folder.parent / f".{folder.name}.lock"):
        if not (folder / "node_modules").exists():
            making = folder.with_suffix(".making")
            shutil.rmtree(making, ignore_errors=True)
            shutil.copytree(sources, making)
            subprocess.run(["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"], cwd=making, check=True)
            making.rename(folder)
    return ["node", str(folder / "client.mjs")]


CLIENTS: Final = {"Go": go, "JavaScript": node}


def told_by(command: list[str], asked: dict[str, Any]) -> dict[str, Any]:
    """What came of each step."""
    done = subprocess.run(command, input=json.dumps(asked), capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout))


def _digest(folder: Path) -> str:
    files = sorted(path for path in folder.iterdir() if path.is_file())
    return hashlib.sha256(b"".join(path.read_bytes() for path in files)).hexdigest()[:12]

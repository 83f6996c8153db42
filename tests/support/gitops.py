"""What GitOps tools make of objects, told by their own libraries: a small Go program, built once for each of its sources."""

import hashlib
import json
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from localkube.binaries.bundles import Bundle, OwnModule
from localkube.binaries.gobuild import build, go_command
from localkube.cache import cache_folder, locked
from localkube.errors import LocalKubeError
from localkube.reporting import Reporter, ToTerminal

SOURCES = Path(__file__).parent / "gitops_health"
PROGRAM = "gitops-health"


@dataclass(frozen=True)
class Reading:
    """How one object reads."""

    kstatus: str
    argo: str
    argo_message: str
    flux: str


def is_there() -> bool:
    """Whether the program is built, or can be."""
    try:
        return _built().exists() or bool(go_command())
    except LocalKubeError:
        return False


def readings(objects: Mapping[str, Any], lua: str, expressions: Mapping[str, str]) -> dict[str, Reading]:
    """How each object reads for kstatus, for Argo CD with this health script and for Flux with these expressions."""
    asked = json.dumps({"lua": lua, "expressions": dict(expressions), "objects": dict(objects)})
    told = subprocess.run([_program(ToTerminal())], input=asked, capture_output=True, text=True, check=True).stdout
    return {
        name: Reading(each["kstatus"], each["argo"], each["argoMessage"], each["flux"])
        for name, each in json.loads(told).items()
    }


def _bundle() -> Bundle:
    """The program at the version that its sources are."""
    sources = sorted(path for path in SOURCES.iterdir() if path.is_file())
    digest = hashlib.sha256(b"".join(path.read_bytes() for path in sources)).hexdigest()[:12]
    return Bundle(PROGRAM, digest, {}, OwnModule(SOURCES, {PROGRAM: "."}, ("-trimpath", "-ldflags", "-s -w")))


def _built() -> Path:
    return cache_folder() / "bin" / _bundle().folder_name / PROGRAM


def _program(report: Reporter) -> Path:
    """The program, built from its pinned modules if it has to be: a minute or two, once."""
    program = _built()
    folder = program.parent
    with locked(folder.parent / f".{folder.name}.lock"):
        if not program.exists():
            scratch = folder / ".making"
            scratch.mkdir(parents=True, exist_ok=True)
            build(_bundle(), [PROGRAM], scratch, report)
            (scratch / PROGRAM).rename(program)
    return program

"""Build programs from Go modules: minutes once, then never again."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path

from localkube.binaries.bundles import Bundle, ForeignModule, OwnModule
from localkube.errors import LocalKubeError
from localkube.reporting import Advance, Reporter

_LEAST_GO = (1, 26)
_USUAL_PLACES = "/usr/local/go/bin"


def build(bundle: Bundle, content: Iterable[str], into: Path, report: Reporter) -> None:
    """Build the programs, and copy the charts, that `content` names into the folder `into`."""
    content = tuple(content)
    go = go_command()
    what = bundle.build
    if what is None:
        raise LocalKubeError(f"{bundle.name} is not built from Go modules")
    folder = what.folder if isinstance(what, OwnModule) else _fetched(go, what, report)
    if isinstance(what, ForeignModule):
        for chart in [name for name in what.charts if name in content]:
            _copy(folder / what.charts[chart], into / chart)
    if programs := [name for name in what.packages if name in content]:
        text = f"building {bundle.name} {bundle.version}: {', '.join(programs)} (packages; minutes, once)"
        packages = [what.packages[program] for program in programs]
        total = len(_run(go, ["list", "-deps", *_tags(what), *packages], folder).split())
        with report.track(text, total) as advance:
            _compile([go, "build", "-v", *what.flags, "-o", f"{into}/", *packages], folder, advance)


def _compile(command: list[str], folder: Path, advance: Advance) -> None:
    with subprocess.Popen(command, cwd=folder, env=_environment(), stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        lines: list[str] = []
        for line in process.stderr:
            lines.append(line)
            advance(len(lines), line.strip())
    if process.returncode:
        raise LocalKubeError(f"{' '.join(command)} in {folder} failed:\n{''.join(lines[-20:])}", "see the lines above")


def _copy(source: Path, target: Path) -> None:
    """Bytes and names only: Go's module cache is read-only, and what cannot be written cannot be removed either."""
    for file in source.rglob("*"):
        if file.is_file():
            copy = target / file.relative_to(source)
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_bytes(file.read_bytes())


def go_command() -> str:
    """The path of a Go that is new enough, or an error that says what to do."""
    path = shutil.which("go") or shutil.which("go", path=_USUAL_PLACES)
    way_out = (
        "install Go 1.26 or newer (https://go.dev/dl), or name a folder with the programs in LOCALKUBE_BIN, "
        "or make dl.k8s.io, get.helm.sh and github.com reachable for downloads"
    )
    if path is None:
        raise LocalKubeError("no official download reachable, and no Go to build with", way_out)
    found = subprocess.run([path, "version"], capture_output=True, text=True, check=False, env=_environment()).stdout
    if go_version(found) < _LEAST_GO:
        raise LocalKubeError(f"{path} is {found.strip() or 'not working'}: too old to build Kubernetes", way_out)
    return path


def go_version(text: str) -> tuple[int, int]:
    """(major, minor) from the answer of `go version`; (0, 0) when it is none."""
    match = re.search(r"\bgo(\d+)\.(\d+)", text)
    return (int(match[1]), int(match[2])) if match else (0, 0)


def _fetched(go: str, what: ForeignModule, report: Reporter) -> Path:
    """The module in Go's module cache, checked against our pin."""
    with report.track(f"fetching {what.module} {what.version}", None):
        answer = json.loads(_run(go, ["mod", "download", "-json", f"{what.module}@{what.version}"], Path("/")))
    if answer["Sum"] != what.sum:
        raise LocalKubeError(f"{what.module}@{what.version} has {answer['Sum']}, pinned is {what.sum}", "do not use it")
    return Path(answer["Dir"])


def _tags(what: OwnModule | ForeignModule) -> list[str]:
    if "-tags" not in what.flags:
        return []
    place = what.flags.index("-tags")
    return list(what.flags[place : place + 2])


def _environment() -> dict[str, str]:
    """Static programs from exactly the pinned sources; no other toolchain is fetched, no workspace of the user's joins in."""
    return {**os.environ, "CGO_ENABLED": "0", "GOTOOLCHAIN": "local", "GOWORK": "off", "GOFLAGS": "-mod=readonly"}


def _run(go: str, arguments: list[str], folder: Path) -> str:
    done = subprocess.run([go, *arguments], cwd=folder, env=_environment(), capture_output=True, text=True, check=False)
    if done.returncode:
        raise LocalKubeError(
            f"go {' '.join(arguments[:3])} failed: {(done.stderr or done.stdout).strip()[-800:]}",
            "check that proxy.golang.org (or your GOPROXY) is reachable",
        )
    return done.stdout

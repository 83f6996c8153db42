"""Choose where programs come from: a folder that the user named, the cache, the official download, a build with Go."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path

from localkube.binaries.bundles import Bundle
from localkube.binaries.download import Unreachable, download
from localkube.binaries.gobuild import build
from localkube.cache import cache_folder, locked
from localkube.errors import LocalKubeError
from localkube.reporting import Reporter


def programs_folder(
    bundle: Bundle, needed: Iterable[str], report: Reporter, environment: Mapping[str, str] = os.environ
) -> Path:
    """A folder that holds all `needed` programs (and charts) of the bundle, made if it must be.

    All of them come from one place: parts of two Kubernetes versions would start, and then disagree.
    """
    needed = tuple(needed)
    if named := named_folder(bundle, needed, environment):
        return named
    folder = cache_folder(environment) / "bin" / bundle.folder_name
    if not missing(folder, needed):
        return folder
    with locked(folder.parent / f".{bundle.folder_name}.lock"):
        if absent := missing(folder, needed):  # another process may have made them while we waited
            folder.mkdir(parents=True, exist_ok=True)
            _make(bundle, absent, folder, report)
    return folder


def named_folder(bundle: Bundle, needed: tuple[str, ...], environment: Mapping[str, str]) -> Path | None:
    """The user's own folder, when it holds everything.

    `LOCALKUBE_BIN` is meant for this tool, so a gap in the Kubernetes programs there is an error. `KUBEBUILDER_ASSETS`
    usually holds etcd, kube-apiserver and kubectl only; then it is passed over.
    """
    if chosen := environment.get("LOCALKUBE_BIN"):
        folder = Path(chosen).expanduser()
        absent = missing(folder, needed)
        if not absent:
            return folder
        if bundle.name == "kubernetes":
            raise LocalKubeError(
                f"LOCALKUBE_BIN={chosen} lacks {', '.join(absent)}",
                "put them there (all of one Kubernetes version), or unset LOCALKUBE_BIN to let localkube fetch or build them",
            )
    if (assets := environment.get("KUBEBUILDER_ASSETS")) and not missing(Path(assets), needed):
        return Path(assets)
    return None


def missing(folder: Path, needed: Iterable[str]) -> tuple[str, ...]:
    """Those of `needed` that are neither executable files nor folders in `folder`."""
    return tuple(name for name in needed if not os.access(folder / name, os.X_OK))


def _make(bundle: Bundle, absent: tuple[str, ...], folder: Path, report: Reporter) -> None:
    scratch = folder / ".making"
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir()
    try:
        try:
            download(bundle, absent, scratch, report)
        except Unreachable as error:
            if bundle.build is None:
                raise LocalKubeError(
                    f"{bundle.name} {bundle.version} cannot be downloaded: {error}",
                    f"put {', '.join(absent)} into a folder (or into {folder}), and name it in LOCALKUBE_BIN",
                ) from error
            report.say(f"{bundle.name} {bundle.version}: no official download ({error}); building from Go modules")
            build(bundle, absent, scratch, report)
        for name in absent:
            (scratch / name).chmod(0o755)
            (scratch / name).rename(folder / name)  # whole or not at all
    finally:
        shutil.rmtree(scratch, ignore_errors=True)

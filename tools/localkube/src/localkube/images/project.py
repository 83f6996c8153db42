"""The project's images: what goes in, and a key that changes exactly when that does."""

from __future__ import annotations

import hashlib
import subprocess
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from localkube.errors import LocalKubeError

_SKIPPED = ("__pycache__",)
_EXTRAS = ("optimize", "bump")


@dataclass(frozen=True)
class Recipe:
    """One image of a Dockerfile with its context.

    `target` names a stage that has requirements of its own (a group of dependencies with the same name); empty: the last.
    `is_alone` says that those are all it needs. `shares` are folders of other parts that go in as well; the context is then the
    whole repository, and what is installed is the group `image`.
    """

    name: str
    folder: Path
    target: str = ""
    extras: tuple[str, ...] = ()
    """Optional dependencies that it has."""
    is_alone: bool = False
    shares: tuple[Path, ...] = ()

    @property
    def context(self) -> Path:
        """The folder that the Dockerfile's paths start from."""
        return self.folder.parent if self.shares else self.folder

    @property
    def requirements(self) -> Path:
        """The file with the locked dependencies."""
        return self.folder / f"requirements{self.target and '-'}{self.target}.txt"

    @property
    def reference(self) -> str:
        """The image's name on local clusters."""
        return f"localhost/{self.name}:dev{self.target and '-'}{self.target}"

    def inputs(self) -> list[Path]:
        """Every file that the Dockerfile reads, in a stable order."""
        named = [self.folder / name for name in ("Dockerfile", "install.sh", "pyproject.toml")]
        files = [self.requirements, *(path for path in named if path.exists())]
        roots = (self.folder / "src", *self.shares)
        sources = (path for root in roots for path in root.rglob("*") if path.is_file())
        return files + sorted(path for path in sources if not set(_SKIPPED) & set(path.parts))


def recipes(root: Path) -> list[Recipe]:
    """Operator and server of the repository at `root`."""
    return [Recipe("serin-operator", root / "operator"), Recipe("serin-server", root / "serving-image", extras=_EXTRAS)]


def for_devices(root: Path) -> Recipe:
    """The server with CUDA: gigabytes, so that it is built only when it is asked for."""
    return Recipe("serin-server", root / "serving-image", "cuda", _EXTRAS)


def for_everybody(root: Path) -> Recipe:
    """The page for everybody and who keeps reports, made of parts of the others; built when it is asked for."""
    shares = tuple(root / part / "src" for part in ("operator", "tools/kubectl-serin", "serving-image"))
    return Recipe("serin-ui", root / "ui", shares=shares)


def for_predictions(root: Path) -> Recipe:
    """The collector of predictions: built where somebody wants it."""
    return Recipe("serin-server", root / "serving-image", "collector", is_alone=True)


ON_REQUEST: Final[Mapping[str, Callable[[Path], Recipe]]] = {
    "cuda": for_devices,
    "ui": for_everybody,
    "collector": for_predictions,
}
"""Images that not every cluster needs."""


def repository_root() -> Path:
    """The checkout that this tool runs in: the nearest folder above the working directory that holds both parts."""
    here = Path.cwd()
    for folder in (here, *here.parents):
        if (folder / "operator" / "Dockerfile").exists() and (folder / "serving-image" / "Dockerfile").exists():
            return folder
    raise LocalKubeError(f"no Serin checkout at or above {here}", "change into the repository")


def key(recipe: Recipe, extra: Iterable[str]) -> str:
    """A hash of names and bytes of all inputs, and of what else decides the result (builder, base)."""
    digest = hashlib.sha256("\0".join(extra).encode())
    for path in recipe.inputs():
        content = path.read_bytes()
        digest.update(f"\0{path.relative_to(recipe.context)}\0{len(content)}\0".encode())
        digest.update(content)
    return digest.hexdigest()[:12]


def refresh_requirements(recipe: Recipe, root: Path, uv: str) -> None:
    """Export the locked dependencies, with hashes, from uv.lock into a file beside the Dockerfile."""
    text = exported_requirements(recipe, root, uv)
    if not recipe.requirements.exists() or recipe.requirements.read_text() != text:
        recipe.requirements.write_text(text)


def exported_requirements(recipe: Recipe, root: Path, uv: str) -> str:
    """What uv.lock says now."""
    options = ["--frozen", "--no-dev", "--no-emit-workspace", "--no-annotate", "--no-header", "--quiet"]
    if recipe.is_alone:
        options += ["--only-group", recipe.target]
    elif recipe.target:  # its group has a build of ONNX Runtime of its own, under the same module
        options += ["--group", recipe.target, "--no-emit-package", "onnxruntime"]
    if recipe.shares:
        options += ["--only-group", "image"]
    options += [text for extra in recipe.extras for text in ("--extra", extra)]
    command = [uv, "export", *options, "--package", recipe.name, "--format", "requirements-txt"]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    if done.returncode:
        raise LocalKubeError(f"uv export of {recipe.name} failed: {done.stderr.strip()}", "run `uv lock`")
    return f"# Exported from uv.lock by `make generate`; not edited by hand.\n{done.stdout}"

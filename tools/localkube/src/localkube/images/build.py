"""Build the project's images, unless an archive of exactly these inputs is there already."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

from localkube.cache import cache_folder, locked
from localkube.errors import LocalKubeError
from localkube.images.base import buildah_on_debian
from localkube.images.builders import Builder, run, working_engine
from localkube.images.pipsettings import mounts
from localkube.images.project import ON_REQUEST, Recipe, key, recipes, refresh_requirements
from localkube.reporting import Reporter

_KEPT_ARCHIVES = 3


def build_images(root: Path, report: Reporter) -> list[Path]:
    """Archives of both images, ready for `Cluster.load_image`. Nothing is built when the tree has not changed."""
    refresh_all_requirements(root)
    return [_archive(recipe, report) for recipe in recipes(root)]


def build_image(name: str, root: Path, report: Reporter) -> Path:
    """An archive of an image of `ON_REQUEST`; that with CUDA downloads some gigabytes the first time."""
    refresh_all_requirements(root)
    return _archive(ON_REQUEST[name](root), report)


def refresh_all_requirements(root: Path) -> None:
    """Bring the exported requirements up to date with uv.lock, where uv is there to say what that is."""
    if uv := os.environ.get("UV") or shutil.which("uv"):  # `uv run` sets UV
        for recipe in (*recipes(root), *(make(root) for make in ON_REQUEST.values())):
            refresh_requirements(recipe, root, uv)


def _archive(recipe: Recipe, report: Reporter) -> Path:
    folder = cache_folder() / "images"
    stem = f"{recipe.name}{recipe.target and '.'}{recipe.target}"
    target = folder / f"{stem}-{key(recipe, ['1'])}.tar"
    if target.exists():
        os.utime(target)
        return target
    with locked(folder / ".build.lock"):
        if not target.exists():
            _build(recipe, target, report)
            _prune(folder, stem)
    return target


def _build(recipe: Recipe, target: Path, report: Reporter) -> None:
    """With the engine that is there; if that cannot reach its registry, with Buildah on a base from Debian."""
    engine = working_engine()
    if engine is not None:
        try:
            _build_with(engine, recipe, target, report)
        except LocalKubeError as error:
            report.say(f"{engine.kind} could not build {recipe.name}, trying Buildah on Debian: {error.what[-300:]}")
        else:
            return
    _build_with(buildah_on_debian(report), recipe, target, report)


def _build_with(builder: Builder, recipe: Recipe, target: Path, report: Reporter) -> None:
    partial = target.with_suffix(".partial")
    partial.unlink(missing_ok=True)
    with tempfile.TemporaryDirectory(prefix="localkube-") as scratch:
        with report.track(f"building {recipe.reference} with {builder.kind}", None):
            run(
                builder.build(
                    recipe.folder,
                    recipe.reference,
                    mounts(Path(scratch)),
                    recipe.target,
                    recipe.context if recipe.shares else None,
                ),
                f"building {recipe.name}",
            )
        with report.track(f"saving {recipe.reference}", None):
            run(builder.save(recipe.reference, partial), f"saving {recipe.name}")
    partial.rename(target)


def _prune(folder: Path, name: str) -> None:
    """Keep the newest few archives of an image; each is some hundred MB."""
    archives = sorted(folder.glob(f"{name}-*.tar"), key=lambda path: path.stat().st_mtime, reverse=True)
    for old in archives[_KEPT_ARCHIVES:]:
        old.unlink()

"""A variant as a model of its own: a folder with the transformed file, and what lay beside the original.

Weights that the original keeps in files of their own lie within the variant's file: it is smaller, and one file is served as before.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from serin_server.commands.handover import put
from serin_server.commands.optimizing.transform import EXIT_NOT_MADE, NotMade
from serin_server.dataplane.samples import GOLDEN, WARM_UP
from serin_server.explaining.background import FILE_NAME as BACKGROUND
from serin_server.model.digest import model_listing
from serin_server.model.external_data import external_files
from serin_server.model.footprint import room_bytes
from serin_server.model.load import Model
from serin_server.model.onnx_file import model_file
from serin_server.security.signed import BUNDLE

FILE_NAME: Final = "model.onnx"
_SPARE_BYTES: Final = 256 << 20
_TIMES_ITS_SIZE: Final = 4
"""What libraries take of memory to transform a file, at most."""
_MOST_IN_ONE_FILE: Final = (1 << 31) - (1 << 20)
"""Protobuf ends at 2 GiB."""


def made(model: Model, variant: str, home: Path, seconds: float) -> Path:
    """The folder of a variant, below `home`. Raises `NotMade`, and `OSError`.

    The signature that came with the original stays behind: it proves nothing of a variant.

    Args:
        model: The original.
        variant: One of TRANSFORMS.
        home: A folder of the caller's.
        seconds: After which it is given up.
    """
    source = model_file(model.path)
    weights = external_files(source)
    size = sum(file.stat().st_size for file in (source, *weights))
    if weights and size > _MOST_IN_ONE_FILE:
        raise NotMade(
            f"its weights are {size / 1e9:.1f} GB in files of their own, and a variant is one file of 2 GB at most"
        )
    room = room_bytes()
    if room < _TIMES_ITS_SIZE * size + _SPARE_BYTES:
        raise NotMade("memory is too small to make it (raise spec.runtime.resources.limits.memory)")
    if seconds <= 0:
        raise NotMade("there was no time left for it")
    folder, scratch = home / variant, home / f"{variant}.part"
    shutil.rmtree(folder, ignore_errors=True)
    scratch.mkdir(parents=True, exist_ok=True)
    folder.mkdir()
    try:
        _gather(source, weights, scratch)  # libraries write beside what they read, which may lie on a claim
        target = folder / (source.name if model.path.is_dir() else FILE_NAME)
        _run(variant, scratch / source.name, target, room, seconds)
        for name in _beside(model, source, weights):
            place = folder / name
            place.parent.mkdir(parents=True, exist_ok=True)
            put((model.path if model.path.is_dir() else model.path.parent) / name, place)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return folder


def _gather(source: Path, weights: Sequence[Path], scratch: Path) -> None:
    """The model's own file and its weights in a folder of their own."""
    for file in weights:
        place = scratch / file.relative_to(source.parent)
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, place)  # no link: what reads weights may refuse a file that has two names
    put(source, scratch / source.name)


def _beside(model: Model, source: Path, weights: Sequence[Path]) -> Iterator[str]:
    """The files that a variant takes over: all of a folder but its weights, and what a server reads beside a single file."""
    if not model.path.is_dir():
        yield from (name for name in (GOLDEN, WARM_UP, BACKGROUND) if source.with_name(name).is_file())
        return
    for name in model.files or model_listing(model.path):
        if name not in {source.name, BUNDLE} and model.path / name not in weights:
            yield name


def _run(variant: str, source: Path, target: Path, most_bytes: int, seconds: float) -> None:
    command = [sys.executable, "-m", "serin_server.commands.optimizing.transform"]
    # A place for what libraries need in between, which would not fit into a small /tmp; and no memory for a thread of each core.
    environment = {**os.environ, "TMPDIR": str(source.parent), "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
    try:
        done = subprocess.run(
            [*command, variant, str(source), str(target), str(most_bytes)],
            capture_output=True,
            text=True,
            errors="replace",
            timeout=seconds,
            env=environment,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise NotMade(f"it was not made within {seconds:.0f} s") from None
    if done.returncode == EXIT_NOT_MADE:
        raise NotMade(done.stdout or "it could not be made")
    if done.returncode or not target.is_file():
        sys.stderr.write(done.stderr[-2000:])
        raise NotMade(f"making it ended with {done.returncode}")

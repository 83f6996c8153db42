"""The model for a command of the user's own, which runs in the next container of the pod: a folder with its files."""

import os
import shutil
from contextlib import suppress
from pathlib import Path

from serin_server.failures import LoadFailure, Reason
from serin_server.model.digest import model_listing
from serin_server.model.load import Model


def hand_over(folder: Path, model: Model) -> None:
    """Puts the model's files into `folder`: linked where they lie on the same volume, else copied.

    Args:
        folder: Is made; what an earlier try has left there goes.
        model: Whose files; a single one keeps its name.

    Raises:
        LoadFailure: DiskFull or CacheUnusable, where they cannot be put there.
    """
    home = model.path if model.path.is_dir() else model.path.parent
    try:
        shutil.rmtree(folder, ignore_errors=True)
        for name in model.files or model_listing(model.path):
            target = folder / name
            target.parent.mkdir(parents=True, exist_ok=True)
            put(home / name, target)
    except OSError as error:
        full = shutil.disk_usage(folder if folder.is_dir() else folder.parent).free < model.size_bytes
        reason = Reason.DISK_FULL if full else Reason.CACHE_UNUSABLE
        message = f"the model cannot be put into {folder} for spec.preflight.command: {error.strerror or error}"
        raise LoadFailure(reason, message) from error


def put(file: Path, target: Path) -> None:
    """A file in a second place: linked, or copied where that cannot be. Raises `OSError`."""
    with suppress(OSError):  # another volume, or one that knows no links
        os.link(file.resolve(), target)
        return
    shutil.copyfile(file, target)

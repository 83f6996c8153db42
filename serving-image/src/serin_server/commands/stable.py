"""The version that serves, as far as it can be had where the next one is resolved: its model, and what was measured of it."""

import json
import shutil
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self
from urllib.parse import urlsplit

from serin_server.config.settings import Settings
from serin_server.failures import LoadFailure, one_line
from serin_server.model.load import Model
from serin_server.model.source import fetch
from serin_server.process.model import source_of

_SECONDS: Final = 60.0
"""Longer than this nobody waits for a model that is only compared with."""
_FOLDER: Final = "stable"


class StableModel:
    """Stable's model, fetched when somebody asks for it first, and away when the gates are done.

    Args:
        settings: Say where it lies (`preflight_before`), and how the new model's source and the store are opened.
        model: The new one; the same bytes are not fetched twice.
    """

    def __init__(self, settings: Settings, model: Model) -> None:
        told = _told(settings.preflight_before)
        self._settings = settings
        self._model = model
        self._uri, self._sha256 = str(told.get("uri") or ""), str(told.get("sha256") or "")
        self.is_known = bool(self._uri and self._sha256)
        self.version = str(told.get("version") or "stable")
        self._variant = str(told.get("variant") or "")
        measured = told.get("measured")
        self.measured: Mapping[str, float] = {
            str(name): float(value)
            for name, value in (measured.items() if isinstance(measured, dict) else ())
            if isinstance(value, (int, float)) and value > 0
        }
        """What its own resolve wrote down of it."""
        self.why_not = "" if self.is_known else "nothing serves yet"
        """Why there is no model to compare with."""
        self._path: Path | None = None

    @property
    def is_same(self) -> bool:
        """Whether the new model is the very same bytes."""
        return self.is_known and self._sha256 == self._model.sha256

    def path(self) -> Path | None:
        """Where its model lies; None where it cannot be had, which `why_not` then tells."""
        if self._path is None and not self.why_not:
            try:
                self._path = fetch(self._source()).path
            except LoadFailure as failure:
                self.why_not = f"the model of {self.version} cannot be had ({failure.reason})"
            except Exception as error:  # noqa: BLE001 (a comparison must not keep a version from being resolved)
                self.why_not = f"the model of {self.version} cannot be had ({one_line(error, 80)})"
        return self._path

    def _source(self) -> Any:
        settings = self._settings
        source = replace(
            source_of(settings),
            uri=self._uri,
            sha256=self._sha256,
            variant=self._variant,
            cache_dir=settings.cache_dir / _FOLDER,
            total_seconds=min(settings.source_total_seconds or _SECONDS, _SECONDS),
        )
        if _place(self._uri) == _place(settings.model_uri):
            return source
        return replace(source, headers_file=None, credentials_dir=None)  # what opens one store is shown to no other

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        shutil.rmtree(self._settings.cache_dir / _FOLDER, ignore_errors=True)


def _told(text: str) -> dict[str, Any]:
    try:
        told = json.loads(text or "{}")
    except ValueError:
        return {}
    return told if isinstance(told, dict) else {}


def _place(uri: str) -> tuple[str, str]:
    parts = urlsplit(uri)
    return parts.scheme, parts.netloc

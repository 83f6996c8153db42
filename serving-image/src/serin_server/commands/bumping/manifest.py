"""A ModelDeployment in a file of YAML: three values are written where they stand, and every other character stays as it was."""

import difflib
import json
import os
import re
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from serin_server.config.settings import InvalidSetting

_KIND: Final = "ModelDeployment"
_LIKE_A_NUMBER: Final = re.compile(r"[-+.]?[0-9][0-9_.]*([eE][-+]?[0-9]+)?|0[xob][0-9a-fA-F_]+|[yYnN]|~")
"""What other readers of YAML take for no text, though PyYAML does not: 123e4 is a number to Go's."""
_FIELDS: Final = ("version", "uri", "sha256")


@dataclass(frozen=True, slots=True)
class Pinned:
    """What a ModelDeployment names: `spec.model`, as far as it says which model."""

    version: str
    uri: str
    sha256: str = ""


class Manifest:
    """One ModelDeployment of a file.

    Args:
        file: Of one document, or several.
        name: Of the ModelDeployment; empty where the file has only one.

    Raises:
        InvalidSetting: The file cannot be read, or does not say which is meant.
    """

    def __init__(self, file: Path, name: str = "") -> None:
        self._file = file
        try:
            import yaml  # noqa: PLC0415 (nobody else needs it)
        except ModuleNotFoundError:
            raise InvalidSetting("bump_file needs PyYAML: pip install 'serin-server[bump]'") from None
        self._yaml = yaml
        try:
            with file.open(encoding="utf-8", newline="") as opened:
                self._text = opened.read()
            found = list(self._models())
        except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
            raise InvalidSetting(f"SERIN_BUMP_FILE={file} is no YAML that can be read: {error}") from None
        chosen = [each for each in found if not name or each[0] == name]
        if len(chosen) != 1:
            names = ", ".join(each for each, _ in found) or "none"
            raise InvalidSetting(
                f"SERIN_BUMP_FILE={file} holds these ModelDeployments: {names}; say which in SERIN_BUMP_OBJECT"
            )
        self.name, self._node = chosen[0]

    def _models(self) -> Iterator[tuple[str, Any]]:
        for root in self._yaml.compose_all(self._text, Loader=self._yaml.SafeLoader):
            kind, name = _at(root, "kind"), _at(root, "metadata", "name")
            if kind is not None and kind.value == _KIND and (model := _at(root, "spec", "model")) is not None:
                yield str(name.value) if name is not None else "", model

    @property
    def pinned(self) -> Pinned:
        """What it says now."""
        told = {field: str(node.value) for field in _FIELDS if (node := _at(self._node, field)) is not None}
        return Pinned(told.get("version", ""), told.get("uri", ""), told.get("sha256", ""))

    def changed(self, wanted: Pinned) -> str:
        """The text with other values. Raises `InvalidSetting` where it cannot be written without touching anything else."""
        text = self._text
        edits = []
        for field in _FIELDS:
            value, node = getattr(wanted, field), _at(self._node, field)
            if node is None:
                edits.append(self._added(field, value))
            elif str(node.value) != value:
                edits.append((node.start_mark.index, node.end_mark.index, self._spelled(value, node.style)))
        for start, end, new in sorted(edits, reverse=True):
            text = text[:start] + new + text[end:]
        self._check(text, wanted)
        return text

    def _added(self, field: str, value: str) -> tuple[int, int, str]:
        """A field that is not there yet, behind the uri."""
        uri = _at(self._node, "uri")
        if uri is None:
            raise self._by_hand("spec.model has no uri")
        key = next(key for key, node in self._node.value if node is uri)
        if self._node.flow_style:
            return uri.end_mark.index, uri.end_mark.index, f", {field}: {self._spelled(value)}"
        line = self._text.find("\n", uri.end_mark.index)
        end = "\r\n" if self._text[max(line - 1, 0) : line] == "\r" else "\n"
        new = f"{' ' * key.start_mark.column}{field}: {self._spelled(value)}{end}"
        return (line + 1, line + 1, new) if line >= 0 else (len(self._text), len(self._text), end + new)

    def _spelled(self, value: str, style: str | None = None) -> str:
        if style == "'":
            return "'" + value.replace("'", "''") + "'"
        if (
            style is None
            and not _LIKE_A_NUMBER.fullmatch(value)
            and self._yaml.safe_load(f"a: {value}") == {"a": value}
        ):
            return value
        return json.dumps(value)

    def _check(self, text: str, wanted: Pinned) -> None:
        """Nothing but the three values may differ, whatever tricks of YAML the file uses."""
        try:
            before, after = ([*self._yaml.safe_load_all(each)] for each in (self._text, text))
        except self._yaml.YAMLError as error:
            raise self._by_hand(str(error)) from None
        for document in before:
            is_it = isinstance(document, dict) and document.get("kind") == _KIND
            if is_it and str((document.get("metadata") or {}).get("name", "")) == self.name:
                document["spec"]["model"] |= {field: getattr(wanted, field) for field in _FIELDS}
        if before != after:
            raise self._by_hand("its values stand elsewhere too, or are written in an unusual way")

    def _by_hand(self, why: str) -> InvalidSetting:
        return InvalidSetting(f"SERIN_BUMP_FILE={self._file}: {why}: change version, uri and sha256 by hand")

    def difference(self, wanted: Pinned) -> str:
        """What a change would look like, as `diff -u` prints it."""
        old, new = (text.splitlines(keepends=True) for text in (self._text, self.changed(wanted)))
        name = self._file.as_posix().lstrip("/")
        return "".join(difflib.unified_diff(old, new, fromfile=f"a/{name}", tofile=f"b/{name}"))

    def write(self, wanted: Pinned) -> None:
        """Puts the changed text into the place of the file, at once. Raises `InvalidSetting`, and `OSError`."""
        text = self.changed(wanted)
        mode = self._file.stat().st_mode
        descriptor, name = tempfile.mkstemp(dir=self._file.parent, prefix=f".{self._file.name}.")
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8", newline="") as opened:
                opened.write(text)
            Path(name).chmod(mode & 0o7777)
            Path(name).replace(self._file)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise


def _at(node: Any, *path: str) -> Any:
    """The node below another; None where there is none."""
    for name in path:
        pairs = getattr(node, "value", None)
        if not isinstance(pairs, list):
            return None
        node = next((value for key, value in pairs if getattr(key, "value", None) == name), None)
    return node

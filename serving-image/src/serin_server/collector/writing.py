"""A segment of the spool as Parquet objects of the store.

An object is there whole or not at all, and a segment always makes the same ones: to write it again changes nothing.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Final, NamedTuple
from urllib.parse import quote

import pyarrow as pa
import pyarrow.parquet as pq

from serin_server.collector.frames import Damaged, batches_in
from serin_server.collector.schema import PREDICTIONS
from serin_server.collector.spool import Segment
from serin_server.collector.tables import Part
from serin_server.model.shelf.place import Place

_ROW_GROUP_BYTES: Final = 8 << 20
_COMPRESSION: Final = "zstd"


class Written(NamedTuple):
    """What became of one segment."""

    objects: int
    rows: dict[str, int]
    """By table."""
    damaged_at: int | None = None
    """Where in the segment that begins which could not be read, if anything could not."""


def folder_of(part: Part) -> str:
    """The folder of a part's rows. A version is written so that it names one folder, whatever it is called."""
    day = f"{part.name}/day={part.day}"
    return f"{day}/version={quote(part.version, safe='')}" if part.name == PREDICTIONS else day


def write(segment: Segment, place: Place, scratch: Path, is_over: Callable[[], bool] = lambda: False) -> Written | None:
    """Puts everything in a segment that can be read into the store. Raises `LoadFailure` when the store does not take it.

    Args:
        segment: Sealed.
        place: The store.
        scratch: A folder for what is not finished; emptied before and after.
        is_over: Asked between objects; the segment is left for later (None) once it says so.
    """
    _clear(scratch)
    seen: set[str] = set()
    damaged_at: int | None = None
    files: dict[tuple[str, pa.Schema], _File] = {}
    try:
        try:
            for name, parts in batches_in(segment.path):
                if name in seen:
                    continue
                seen.add(name)
                for part in parts:
                    key = (folder_of(part), part.table.schema)
                    if key not in files:
                        number = len(files)
                        path = scratch / f"{number}.parquet"
                        files[key] = _File(part.name, f"{key[0]}/part-{segment.name}-{number}.parquet", path, key[1])
                    files[key].add(part.table)
        except Damaged as error:
            damaged_at = error.at
        rows: dict[str, int] = {}
        for file in files.values():
            file.close()
        for file in files.values():
            if is_over():
                return None
            place.write(file.key, file.path)
            rows[file.table] = rows.get(file.table, 0) + file.rows
        return Written(len(files), rows, damaged_at)
    finally:
        for file in files.values():
            file.close()
        _clear(scratch)


class _File:
    """One object while it grows; as many rows are in memory as make a group."""

    def __init__(self, table: str, key: str, path: Path, schema: pa.Schema) -> None:
        self.table = table
        self.key = key
        self.path = path
        self.rows = 0
        self._schema = schema
        self._writer: pq.ParquetWriter | None = pq.ParquetWriter(path, schema, compression=_COMPRESSION)
        self._waiting: list[pa.Table] = []
        self._bytes = 0

    def add(self, table: pa.Table) -> None:
        self.rows += table.num_rows
        self._waiting.append(table)
        self._bytes += table.nbytes
        if self._bytes >= _ROW_GROUP_BYTES:
            self._flush()

    def close(self) -> None:
        if self._writer is not None:
            self._flush()
            self._writer.close()
            self._writer = None

    def _flush(self) -> None:
        if self._waiting and self._writer is not None:
            whole = pa.concat_tables(self._waiting).combine_chunks()
            self._waiting, self._bytes = [], 0
            self._writer.write_table(whole, row_group_size=max(1, whole.num_rows))


def _clear(scratch: Path) -> None:
    scratch.mkdir(parents=True, exist_ok=True)
    for path in scratch.iterdir():
        path.unlink()

"""What is remembered, in one SQLite file: predictions by a key of the user's own, and labels that are yet to be sent."""

import json
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

Label = int | float | str | bool
_TABLES = """
create table if not exists predictions (
    key text, row integer, about text not null, at real not null, primary key (key, row)
) without rowid;
create index if not exists predictions_at on predictions (at);
create table if not exists labels (
    id integer primary key, key text not null, row integer not null, label text not null, at real not null,
    leased_until real not null default 0
);
"""
_BUSY_SECONDS = 30.0


class Waiting(NamedTuple):
    """A label that can be sent: its number here, and the row of feedback."""

    number: int
    row: dict[str, Any]


class Store:
    """Every call opens the file anew and is durable when it returns, so threads and processes may share it."""

    def __init__(self, file: Path) -> None:
        self._file = file
        with self._opened() as connection:
            connection.executescript(_TABLES)

    def remember(self, key: str, rows: Sequence[dict[str, Any]], now: float) -> None:
        """Keeps what identifies each row of a prediction."""
        kept = [(key, number, json.dumps(about), now) for number, about in enumerate(rows)]
        with self._opened() as connection, connection:
            connection.executemany("insert or replace into predictions values (?, ?, ?, ?)", kept)

    def label(self, key: str, row: int, told: Mapping[str, Label], now: float) -> None:
        """Keeps what is told of a row, `label` or `score`, until it was sent."""
        with self._opened() as connection, connection:
            connection.execute(
                "insert into labels (key, row, label, at) values (?, ?, ?, ?)", (key, row, json.dumps(told), now)
            )

    def lease(self, most: int, now: float, seconds: float) -> list[Waiting]:
        """The oldest labels whose predictions are known; nobody else gets them for so many seconds."""
        with self._opened() as connection:
            connection.execute("begin immediate")
            found = connection.execute(
                "select l.id, l.label, p.about from labels l join predictions p on p.key = l.key and p.row = l.row"
                " where l.leased_until <= ? order by l.id limit ?",
                (now, most),
            ).fetchall()
            connection.executemany(
                "update labels set leased_until = ? where id = ?", [(now + seconds, number) for number, _, _ in found]
            )
            connection.commit()
        return [Waiting(number, {**json.loads(about), **_told(label)}) for number, label, about in found]

    def release(self, numbers: Iterable[int], until: float) -> None:
        """Gives labels back that could not be sent; they wait until then."""
        with self._opened() as connection, connection:
            connection.executemany("update labels set leased_until = ? where id = ?", [(until, n) for n in numbers])

    def sent(self, numbers: Iterable[int]) -> None:
        """Forgets labels that the server has taken, or never will."""
        with self._opened() as connection, connection:
            connection.executemany("delete from labels where id = ?", [(number,) for number in numbers])

    def forget(self, before: float) -> None:
        """Forgets predictions and labels that are too old to be taken."""
        with self._opened() as connection, connection:
            connection.execute("delete from predictions where at < ?", (before,))
            connection.execute("delete from labels where at < ?", (before,))

    def waiting(self) -> int:
        """How many labels are yet to be sent, those without a prediction included."""
        with self._opened() as connection:
            return int(connection.execute("select count(*) from labels").fetchone()[0])

    def _opened(self) -> "closing[sqlite3.Connection]":
        connection = sqlite3.connect(self._file, timeout=_BUSY_SECONDS)
        connection.execute("pragma journal_mode = wal")
        connection.execute("pragma synchronous = full")
        return closing(connection)


def _told(written: str) -> dict[str, Any]:
    """Of a row, as it was written; files of the release before hold labels alone."""
    told = json.loads(written)
    return told if isinstance(told, dict) else {"label": told}

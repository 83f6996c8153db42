"""What a collector does beside taking batches: one segment's trouble is not the others', and the end comes in time."""

import asyncio
import os
from itertools import count
from pathlib import Path

import pytest
from tests.support.predictions import batch, prediction

from serin_server.collector.counts import Counts
from serin_server.collector.frames import frame_of
from serin_server.collector.spool import Spool
from serin_server.collector.tables import batch_of
from serin_server.collector.work import Work
from serin_server.failures import LoadFailure, Reason
from serin_server.model.shelf.place import opened
from serin_server.model.sources.asked import Store
from serin_server.records.log import Log


class Place:
    """A store that takes what it is told to take."""

    told = "s3://logs"
    leaves_copies = False

    def __init__(self):
        self.error = None
        self.keys = []

    def write(self, key, content):
        if self.error is not None:
            raise self.error
        self.keys.append(key)

    def below(self, key):
        return iter(())


async def working(tmp_path, place, **changes):
    spool = Spool(tmp_path, 10, 1 << 20)
    spool.open()
    for each in range(2):
        name = f"batch-{each:02d}"
        await spool.append(name, frame_of(batch_of(batch(prediction(each), batch=name))))
    counts = Counts()
    return spool, counts, Work(spool, place, counts, Log(level="warning"), write_seconds=0.01, **changes)


async def test_what_is_in_the_spool_is_written_before_the_end(tmp_path):
    place = Place()
    _, counts, work = await working(tmp_path, place)
    work.stop(30)
    assert await work.drain() == 0
    assert len(place.keys) == 2
    assert b'serin_collector_rows_total{table="predictions"} 2.0' in counts.exposition()


async def test_a_store_that_takes_nothing_ends_the_end_in_time_and_loses_nothing(tmp_path):
    place = Place()
    place.error = LoadFailure(Reason.SOURCE_UNREACHABLE, "s3://logs is away")
    spool, counts, work = await working(tmp_path, place, clock=count(0, 0.45).__next__)
    work.stop(1.0)
    assert await work.drain() == spool.waiting_bytes > 0
    assert len(spool.sealed) == 2
    assert b"serin_collector_store_failures_total 1.0" in counts.exposition()


async def test_a_segment_that_nobody_can_write_is_kept_aside_and_the_others_are_written(tmp_path):
    place = Place()
    spool, _, work = await working(tmp_path, place)
    place.error = RuntimeError("a bug")
    assert not await work._write(spool.sealed[0])
    place.error = None
    work.stop(30)
    assert await work.drain() == 0
    assert len(place.keys) == 1
    assert [path.suffix for path in tmp_path.glob("*.aside")] == [".aside"]


async def test_of_a_segment_that_is_damaged_what_is_good_is_written_and_the_rest_is_kept_aside(tmp_path, capsys):
    place = Place()
    spool, counts, work = await working(tmp_path, place)
    path = spool.sealed[0].path
    whole = path.read_bytes()
    path.write_bytes(whole + b"\0" * 50 + whole)
    assert await work._write(spool.sealed[0])
    assert len(place.keys) == 1
    assert b'serin_collector_rows_total{table="predictions"} 1.0' in counts.exposition()
    assert [aside.name for aside in tmp_path.glob("*.aside")] == [path.with_suffix(".aside").name]
    said = capsys.readouterr().err
    assert '"event": "damaged"' in said
    assert f'"at": {len(whole)}' in said
    work.stop(30)
    assert await work.drain() == 0


def refuse(*_, **__):
    raise OSError(30, os.strerror(30))


UNLINK = Path.unlink


def kept_where_it_is(path, **given):
    return refuse() if path.suffix == ".sealed" else UNLINK(path, **given)


def metric(counts, name):
    return float(next(line for line in counts.exposition().decode().splitlines() if line.startswith(name)).split()[-1])


@pytest.mark.slow
async def test_a_disk_that_lets_go_of_nothing_ends_nothing_and_nothing_is_written_twice(tmp_path, monkeypatch, capsys):
    place, clock = Place(), count(0, 40)
    spool, counts, work = await working(tmp_path, place, clock=clock.__next__)
    with monkeypatch.context() as broken:
        broken.setattr(Path, "unlink", kept_where_it_is)
        for _ in range(2):
            assert await work._write(spool.sealed[0])
    assert (len(place.keys), spool.sealed, spool.has_leftovers) == (2, (), True)
    assert spool.waiting_bytes == sum(path.stat().st_size for path in tmp_path.glob("*.sealed")) > 0
    assert metric(counts, "serin_collector_spool_failures_total") == 2
    assert "Read-only file system" in capsys.readouterr().err
    running = asyncio.create_task(work.run())
    while spool.has_leftovers:
        await asyncio.sleep(0)
        assert not running.done()
    work.stop(0)
    await running
    assert (len(place.keys), spool.waiting_bytes, list(tmp_path.glob("*.sealed"))) == (2, 0, [])


async def test_a_damaged_segment_that_cannot_be_kept_aside_is_tried_again(tmp_path, monkeypatch):
    place = Place()
    spool, counts, work = await working(tmp_path, place)
    with spool.sealed[0].path.open("ab") as file:
        file.write(b"\0" * 50 + spool.sealed[1].path.read_bytes())
    with monkeypatch.context() as broken:
        broken.setattr(Path, "rename", refuse)
        assert not await work._write(spool.sealed[0])
    assert metric(counts, "serin_collector_spool_failures_total") == 1
    assert metric(counts, "serin_collector_objects_total") == 0
    work.stop(30)
    assert await work.drain() == 0
    assert [path.suffix for path in tmp_path.glob("*.aside")] == [".aside"]


@pytest.mark.parametrize("days", [0, 30])
async def test_a_copy_that_was_never_finished_leaves_a_folder_also_where_tables_stay_for_ever(tmp_path, days):
    folder = tmp_path / "store/labels/day=2023-11-14"
    folder.mkdir(parents=True)
    half = folder / f".put-{'0a' * 16}"
    half.write_bytes(b"half")
    os.utime(half, (0, 0))
    spool = Spool(tmp_path / "spool", 10, 1 << 20)
    spool.open()
    place = opened(Store(f"file://{tmp_path / 'store'}"), writes=True)
    work = Work(spool, place, Counts(), Log(level="error"), write_seconds=1, retention_days=days)
    running = asyncio.create_task(work.run())
    while half.exists():
        await asyncio.sleep(0.001)
        assert not running.done()
    work.stop(0)
    running.cancel()


async def test_a_bucket_is_not_listed_where_nothing_of_it_is_ever_deleted(tmp_path):
    spool = Spool(tmp_path, 10, 1 << 20)
    spool.open()
    work = Work(spool, Place(), Counts(), Log(level="error"), write_seconds=1)
    running = asyncio.create_task(work.run())
    await asyncio.sleep(0)
    running.cancel()
    assert work._next_sweep == 0


def test_every_series_says_whose_it_is_where_somebody_has_said_so():
    counts = Counts(model_namespace="scoring", model_name="credit")
    counts.rows.labels("labels").inc()
    lines = [line for line in counts.exposition().decode().splitlines() if not line.startswith("#")]
    assert len(lines) > 10
    assert all('model_namespace="scoring"' in line and 'model_name="credit"' in line for line in lines)
    assert 'serin_collector_objects_total{model_name="credit",model_namespace="scoring"} 0.0' in lines

"""What a collector does beside taking batches: one segment's trouble is not the others', and the end comes in time."""

from itertools import count

from tests.support.predictions import batch, prediction

from serin_server.collector.counts import Counts
from serin_server.collector.frames import frame_of
from serin_server.collector.spool import Spool
from serin_server.collector.tables import batch_of
from serin_server.collector.work import Work
from serin_server.failures import LoadFailure, Reason
from serin_server.records.log import Log


class Place:
    """A store that takes what it is told to take."""

    told = "s3://logs"

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
    return spool, counts, Work(spool, place, counts, Log(level="error"), write_seconds=0.01, **changes)


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

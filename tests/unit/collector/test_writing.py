"""Segments as objects: the same ones however often they are written, by day and version, and deleted by day."""

import os
from datetime import date

import pyarrow.parquet as pq
import pytest
from tests.support.predictions import NOON, batch, label, prediction

from serin_server.collector.frames import frame_of
from serin_server.collector.retention import expired, sweep
from serin_server.collector.spool import Segment, Spool
from serin_server.collector.tables import batch_of
from serin_server.collector.writing import write
from serin_server.model.shelf.place import opened
from serin_server.model.sources.asked import Store


def segment(folder, *bodies):
    path = folder / "0001700000000-0123456789ab.sealed"
    path.write_bytes(b"".join(frame_of(batch_of(body)) for body in bodies))
    return Segment(path, path.stat().st_size)


def written(tmp_path, *bodies):
    store = tmp_path / "store"
    place = opened(Store(f"file://{store}"), writes=True)
    done = write(segment(tmp_path, *bodies), place, tmp_path / "scratch")
    return done, {path.relative_to(store).as_posix(): path for path in store.rglob("*.parquet")}


def test_tables_lie_by_day_and_version_and_labels_by_day(tmp_path):
    done, found = written(
        tmp_path,
        batch(prediction(1), prediction(2)),
        batch(prediction(3), label(1), version="2026/11 v2"),
        batch(prediction(4), label(2)),
    )
    assert set(found) == {
        "predictions/day=2023-11-14/version=v1/part-0001700000000-0123456789ab-0.parquet",
        "predictions/day=2023-11-14/version=2026%2F11%20v2/part-0001700000000-0123456789ab-1.parquet",
        "labels/day=2023-11-14/part-0001700000000-0123456789ab-2.parquet",
    }
    assert (done.objects, done.rows) == (3, {"predictions": 4, "labels": 2})
    assert pq.read_table(found["labels/day=2023-11-14/part-0001700000000-0123456789ab-2.parquet"]).num_rows == 2


def test_a_batch_that_lies_twice_in_a_segment_is_written_once(tmp_path):
    twice = batch(prediction(1))
    done, _ = written(tmp_path, twice, twice)
    assert done.rows == {"predictions": 1}


def test_versions_with_other_tensors_are_other_files(tmp_path):
    other = [{"name": "z", "datatype": "FP64", "shape": [-1]}]
    _, found = written(
        tmp_path, batch(prediction(1)), batch(prediction(2, inputs=[[1.5]]), inputs=other, revision="klmnopqrst")
    )
    assert sorted("input_z" in pq.read_schema(path).names for path in found.values()) == [False, True]


def test_writing_again_changes_nothing(tmp_path):
    bodies = [batch(prediction(each), label(each)) for each in range(5)]
    _, before = written(tmp_path, *bodies)
    bytes_before = {name: path.read_bytes() for name, path in before.items()}
    _, after = written(tmp_path, *bodies)
    assert {name: path.read_bytes() for name, path in after.items()} == bytes_before
    assert list((tmp_path / "scratch").iterdir()) == []


def test_what_is_to_end_leaves_a_segment_for_later(tmp_path):
    place = opened(Store(f"file://{tmp_path / 'store'}"), writes=True)
    assert write(segment(tmp_path, batch(prediction())), place, tmp_path / "scratch", lambda: True) is None


PART = "part-0001700000000-0123456789ab"
KEYS = [
    f"predictions/day=2026-11-01/version=v1/{PART}-0.parquet",
    f"predictions/day=2026-11-02/version=v1/{PART}-0.parquet",
    f"labels/day=2026-11-01/{PART}-11.parquet",
    "labels/day=2026-11-01/mine.parquet",
    "labels/day=2026-11-01/part-0.parquet",
    "labels/day=2026-11-01/part-00000-6fd4ae8d-c000.snappy.parquet",
    "predictions/day=2026-11-01/version=v1/notes.txt",
    f"models/day=2026-11-01/{PART}-0.parquet",
]


@pytest.mark.parametrize(
    ("days", "gone"),
    [(0, []), (27, []), (26, [KEYS[0], KEYS[2]]), (1, KEYS[:3])],
    ids=["never", "of the last day that is kept", "a day longer", "nearly all, and nothing of others"],
)
def test_days_are_deleted_when_they_are_over(days, gone):
    assert list(expired(KEYS, date(2026, 11, 28), days)) == gone


def test_a_sweep_deletes_objects_of_both_tables(tmp_path):
    _, found = written(tmp_path, batch(prediction(), label()), batch(prediction(at=NOON + 86_400_000 * 3)))
    place = opened(Store(f"file://{tmp_path / 'store'}"), writes=True)
    assert sweep(place, date(2023, 11, 18), 2) == 2
    assert [path.parent.parent.name for path in found.values() if path.exists()] == ["day=2023-11-17"]


def test_a_sweep_deletes_copies_that_were_never_finished_and_none_that_may_be_under_way(tmp_path):
    folder = tmp_path / "store/predictions/day=2023-11-17/version=v1"
    folder.mkdir(parents=True)
    old, new, other = [folder / name for name in (f".put-{'0a' * 16}", f".put-{'0b' * 16}", ".put-mine")]
    for path in (old, new, other):
        path.write_bytes(b"half")
    now = new.stat().st_mtime
    for path in (old, other):
        os.utime(path, (now - 90_000, now - 90_000))
    place = opened(Store(f"file://{tmp_path / 'store'}"), writes=True)
    assert sweep(place, date(2023, 11, 18), 2, now) == 0
    assert set(folder.iterdir()) == {new, other}


async def test_objects_of_a_real_segment_are_known_by_their_names(tmp_path):
    spool = Spool(tmp_path / "spool", 1 << 20, 1 << 20)
    spool.open()
    await spool.append("batch-one", frame_of(batch_of(batch(prediction(), label()))))
    await spool.seal()
    place = opened(Store(f"file://{tmp_path / 'store'}"), writes=True)
    write(spool.sealed[0], place, spool.scratch)
    assert sweep(place, date(2023, 11, 18), 2) == 2

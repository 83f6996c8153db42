"""The spool: what was acknowledged is there after any end, and what was not may be."""

import asyncio
import os
from pathlib import Path

import pytest
from tests.support.predictions import batch, prediction

from serin_server.collector import spool as spools
from serin_server.collector.frames import Damaged, batches_in, frame_of, names_in
from serin_server.collector.spool import Spool, SpoolFull
from serin_server.collector.tables import batch_of


def frame(name, rows=1):
    return frame_of(batch_of(batch(*map(prediction, range(rows)), batch=name)))


def opened(folder, *, segment=1 << 20, most=1 << 20):
    made = Spool(folder, segment, most)
    made.open()
    return made


def let_go(spool):
    """As the end of a process does."""
    spool._lock_file.close()


def names(spool):
    return [name for segment in spool.sealed for name in names_in(segment.path)]


async def test_what_was_appended_is_there_after_a_death(tmp_path):
    spool = opened(tmp_path)
    assert await spool.append("batch-one", frame("batch-one"))
    assert await spool.append("batch-two", frame("batch-two", 3))
    let_go(spool)
    again = opened(tmp_path)
    assert names(again) == ["batch-one", "batch-two"]
    found = dict(batches_in(again.sealed[0].path))
    assert found["batch-two"][0].table.num_rows == 3
    let_go(again)


@pytest.mark.parametrize("torn", [1, 7, 8, 100, -1, -200])
async def test_a_torn_end_takes_nothing_else_with_it(tmp_path, torn):
    spool = opened(tmp_path)
    await spool.append("batch-one", frame("batch-one"))
    let_go(spool)
    (path,) = tmp_path.glob("*.open")
    with path.open("ab") as file:
        file.write(frame("batch-two")[:torn])
    again = opened(tmp_path)
    assert names(again) == ["batch-one"]
    let_go(again)


@pytest.mark.parametrize("torn", [frame("batch-two")[:-1], b"\0" * 4096], ids=["a part", "zeros"])
async def test_a_torn_end_is_cut_off_for_good_so_that_it_is_never_taken_for_damage(tmp_path, torn):
    spool = opened(tmp_path)
    await spool.append("batch-one", frame("batch-one"))
    let_go(spool)
    (path,) = tmp_path.glob("*.open")
    with path.open("ab") as file:
        file.write(torn)
    again = opened(tmp_path)
    (segment,) = again.sealed
    assert [name for name, _ in batches_in(segment.path)] == ["batch-one"]
    assert segment.size == segment.path.stat().st_size == len(frame("batch-one"))
    let_go(again)


@pytest.mark.parametrize("at", [2, 4, 30, -10], ids=["length", "checksum", "head", "content"])
@pytest.mark.parametrize("suffix", [".open", ".sealed"])
async def test_damage_before_something_whole_is_no_torn_end(tmp_path, at, suffix):
    frames = [frame(name) for name in ("batch-one", "batch-two", "batch-three")]
    damaged = bytearray(frames[1])
    damaged[at] ^= 1
    content = b"".join([frames[0], damaged, frames[2]])
    (tmp_path / f"0001700000000-abc{suffix}").write_bytes(content)
    spool = opened(tmp_path)
    (segment,) = spool.sealed
    assert segment.path.read_bytes() == content
    found = []
    with pytest.raises(Damaged) as error:
        found.extend(name for name, _ in batches_in(segment.path))
    assert error.value.at == len(frames[0])
    assert names(spool) == ["batch-one"]
    let_go(spool)


async def test_what_a_process_that_died_has_written_is_flushed_before_it_counts(tmp_path, monkeypatch):
    spool = opened(tmp_path)
    await spool.append("batch-one", frame("batch-one"))
    let_go(spool)
    (path,) = tmp_path.glob("*.open")
    flushed = []
    flush = os.fsync
    monkeypatch.setattr(spools.os, "fsync", lambda file: flushed.append(os.fstat(file).st_ino) or flush(file))
    again = opened(tmp_path)
    assert path.with_suffix(".sealed").stat().st_ino in flushed
    assert not await again.append("batch-one", frame("batch-one"))
    let_go(again)


async def test_a_bit_that_fell_over_is_noticed(tmp_path):
    spool = opened(tmp_path)
    await spool.append("batch-one", frame("batch-one"))
    let_go(spool)
    (path,) = tmp_path.glob("*.open")
    content = bytearray(path.read_bytes())
    content[-10] ^= 1
    path.write_bytes(content)
    again = opened(tmp_path)
    assert names(again) == []
    let_go(again)


async def test_what_is_sent_again_is_kept_once_also_after_a_death(tmp_path):
    spool = opened(tmp_path)
    assert await asyncio.gather(*[spool.append("batch-one", frame("batch-one")) for _ in range(3)]) == [
        True,
        False,
        False,
    ]
    assert not await spool.append("batch-one", frame("batch-one"))
    let_go(spool)
    again = opened(tmp_path)
    assert not await again.append("batch-one", frame("batch-one"))
    assert names(again) == ["batch-one"]
    let_go(again)


async def test_batches_that_come_together_share_a_flush(tmp_path, monkeypatch):
    flushes = []
    flush = os.fsync
    monkeypatch.setattr(spools.os, "fsync", lambda file: flushes.append(file) or flush(file))
    spool = opened(tmp_path)
    await spool.append("the-first", frame("the-first"))
    flushes.clear()
    await asyncio.gather(*[spool.append(f"batch-{each:02d}", frame(f"batch-{each:02d}")) for each in range(20)])
    assert len(flushes) <= 2
    let_go(spool)


async def test_what_would_not_fit_is_refused_and_fits_when_there_is_room(tmp_path):
    size = len(frame("batch-00"))
    spool = opened(tmp_path, most=2 * size + size // 2)
    for each in range(2):
        await spool.append(f"batch-{each:02d}", frame(f"batch-{each:02d}"))
    with pytest.raises(SpoolFull):
        await spool.append("batch-02", frame("batch-02"))
    await spool.seal()
    spool.remove(spool.sealed[0])
    assert await spool.append("batch-02", frame("batch-02"))
    let_go(spool)


async def test_after_a_write_that_failed_nothing_is_behind_what_it_left(tmp_path):
    spool = opened(tmp_path)
    await spool.append("batch-one", frame("batch-one"))
    write, spool._file = spool._file, _Full(spool._file)
    with pytest.raises(SpoolFull, match="No space left"):
        await spool.append("batch-two", frame("batch-two"))
    assert write.closed
    assert await spool.append("batch-three", frame("batch-three"))
    await spool.seal()
    assert names(spool) == ["batch-one", "batch-three"]
    assert spool.waiting_bytes == sum(segment.path.stat().st_size for segment in spool.sealed)
    let_go(spool)


class _Full:
    """A file on a disk that becomes full in the middle of a frame."""

    def __init__(self, file):
        self._file = file

    def write(self, content):
        self._file.write(content[:20])
        raise OSError(28, os.strerror(28))

    def fileno(self):
        return self._file.fileno()

    def close(self):
        self._file.close()


async def test_a_seal_that_fails_costs_no_batch_and_nobody_waits_for_ever(tmp_path, monkeypatch):
    spool = opened(tmp_path, segment=10)

    def refuse(*_):
        raise OSError(5, os.strerror(5))

    with monkeypatch.context() as broken:
        broken.setattr(Path, "rename", refuse)
        assert await asyncio.wait_for(spool.append("batch-one", frame("batch-one")), 5)
    assert await asyncio.wait_for(spool.append("batch-two", frame("batch-two")), 5)
    assert names(spool) == ["batch-one", "batch-two"]
    assert [segment.path.suffix for segment in spool.sealed] == [".open", ".sealed"]
    assert {"." in segment.name for segment in spool.sealed} == {False}
    spool.remove(spool.sealed[0])
    assert names(spool) == ["batch-two"]
    let_go(spool)


async def test_whatever_ends_a_write_those_who_wait_hear_of_it_and_the_next_is_taken(tmp_path, monkeypatch):
    spool = opened(tmp_path)
    await spool.append("batch-one", frame("batch-one"))

    def fail(_):
        raise MemoryError

    with monkeypatch.context() as broken:
        broken.setattr(spool, "_write", fail)
        with pytest.raises(SpoolFull, match="MemoryError"):
            await asyncio.wait_for(spool.append("batch-two", frame("batch-two")), 5)
    assert await asyncio.wait_for(spool.append("batch-two", frame("batch-two")), 5)
    await spool.seal()
    assert names(spool) == ["batch-one", "batch-two"]
    let_go(spool)


async def test_a_large_segment_is_sealed_and_an_empty_one_leaves_nothing(tmp_path):
    spool = opened(tmp_path, segment=10)
    await spool.append("batch-one", frame("batch-one"))
    assert len(spool.sealed) == 1
    await spool.seal()
    assert len(spool.sealed) == 1
    let_go(spool)


def test_two_collectors_cannot_have_one_spool(tmp_path):
    spool = opened(Path(tmp_path))
    with pytest.raises(BlockingIOError):
        opened(tmp_path)
    let_go(spool)

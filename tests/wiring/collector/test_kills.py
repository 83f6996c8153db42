"""A collector that is killed at any moment loses nothing that it had acknowledged."""

import http.client
import random
import threading

import pyarrow.parquet as pq
import pytest
from tests.support import stores
from tests.support.collecting import Collecting
from tests.support.predictions import batch, label, prediction
from tests.support.serving import wait_for

# The first run builds the server of buckets, on a busy machine for many minutes (make stores).
pytestmark = [pytest.mark.slow, pytest.mark.timeout(3600)]

KILLS = 4


class Sender:
    """Sends batches one after the other; one that was not acknowledged is sent again."""

    def __init__(self, collector, first):
        self.collector = collector
        self.acknowledged = set()
        self.labelled = set()
        self.count = 0
        self._first = first
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._work)
        self._thread.start()

    def end(self):
        self._is_over.set()
        self._thread.join(60)

    def _work(self):
        number = self._first
        while not self._is_over.is_set():
            numbers = range(number, number + 20)
            lines = [*map(prediction, numbers), label(number)]
            body = batch(*lines, batch=f"batch-{number:08d}")
            while not self._is_over.is_set():
                try:
                    status, _ = self.collector.post(body)
                except (OSError, http.client.HTTPException):
                    self._is_over.wait(0.02)
                    continue
                assert status == 200
                self.acknowledged |= {f"{each:032x}" for each in numbers}
                self.labelled.add(f"{number:032x}")
                self.count += 1
                break
            number += 20


def ids_in(folder, table):
    """The ids of every object; each of them can be read whole."""
    found = [pq.ParquetFile(path).read(["prediction_id"]) for path in (folder / table).rglob("*.parquet")]
    return {each for read in found for each in read.column("prediction_id").to_pylist()}


def test_what_was_acknowledged_is_in_the_bucket_however_often_it_was_killed(tmp_path):
    chance = random.Random(1)
    with stores.s3(tmp_path) as variables:
        (tmp_path / "buckets" / "log").mkdir()
        collector = Collecting(
            tmp_path, "s3://log/scoring/credit", variables, write_seconds=0.4, write_bytes=60_000, drain_seconds=30
        )
        with collector:
            senders = [Sender(collector, first) for first in (0, 10_000_000)]
            for _ in range(KILLS):
                enough = sum(each.count for each in senders) + chance.randrange(1, 25)
                wait_for(lambda enough=enough: sum(each.count for each in senders) >= enough, 60)
                collector.kill()
                collector.start()
            for sender in senders:
                sender.end()
            assert collector.stop() in (0, -15), collector.log.read_text()
        written = tmp_path / "buckets" / "log" / "scoring" / "credit"
        acknowledged = senders[0].acknowledged | senders[1].acknowledged
        assert len(acknowledged) >= 20 * KILLS
        assert acknowledged <= ids_in(written, "predictions")
        assert senders[0].labelled | senders[1].labelled <= ids_in(written, "labels")
        assert not list((tmp_path / "spool").glob("*.sealed"))

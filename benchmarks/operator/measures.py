"""What is measured alike of any controller: a time in which nothing happens, and looks at Prometheus every so often."""

import asyncio
import itertools
import time
import urllib.request

import orjson
from benchmarks.operator.stage import Readings, memory

INTERVAL_SECONDS = 30


async def settle(audience):
    """Until nothing has been written for a while."""
    while True:
        before = audience.writes
        await asyncio.sleep(8.0)
        if audience.writes == before:
            return


async def idle(options, process, audience):
    """So long, with nothing to do."""
    before, writes = Readings.of(process), audience.writes
    await asyncio.sleep(options.idle)
    result = Readings.of(process).since(before)
    share = round(100 * result["cpu_s"] / result["wall_s"], 2)
    return {**result, "percent_of_a_core": share, "status_writes": audience.writes - writes, **memory(process)}


async def looks(options, process, audience, port):
    """All hold; how late a look is is read off the times at which the stand-in Prometheus was asked."""
    await asyncio.sleep(2 * INTERVAL_SECONDS)
    before, since, writes = Readings.of(process), time.monotonic(), audience.writes
    await asyncio.sleep(options.rollouts)
    result = Readings.of(process).since(before)
    asked = await asyncio.to_thread(_asked, port)
    pairs = [p for times in asked.values() for p in itertools.pairwise(times) if p[1] >= since]
    late = sorted(later - earlier - INTERVAL_SECONDS for earlier, later in pairs)
    return {
        **result,
        "percent_of_a_core": round(100 * result["cpu_s"] / result["wall_s"], 1),
        "looks": len(late),
        "late_p50_s": round(late[len(late) // 2], 2),
        "late_p99_s": round(late[int(len(late) * 0.99)], 2),
        "status_writes": audience.writes - writes,
        "longest_without_renewal_s": audience.longest_without_renewal(since),
        **memory(process),
    }


def _asked(port):
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/asked") as answer:
        return orjson.loads(answer.read())

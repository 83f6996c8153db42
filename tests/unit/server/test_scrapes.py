"""The metrics port of several processes: one exposition, bounded clients, and a sentence when a process is silent."""

import asyncio
from collections.abc import Iterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest

from serin_server.process.ports import bound
from serin_server.process.scrapes import MOST_CONNECTIONS, Scrapes
from serin_server.process.several import memory_kills

TOLD = "# HELP c x\n# TYPE c counter\nc{} 2\n"


@asynccontextmanager
async def scraped(folder: Path, *answers: bytes | None, client_seconds: float = 10.0) -> Iterator[tuple[Scrapes, int]]:
    """The port of a server whose processes give these answers; None for one that does not listen yet."""
    files = [folder / f"{number}.sock" for number in range(len(answers))]

    def process(answer):
        async def served(reader, writer):
            await reader.readuntil(b"\r\n\r\n")
            writer.write(answer)
            writer.close()

        return served

    servers = [
        await asyncio.start_unix_server(process(answer), str(file))
        for file, answer in zip(files, answers, strict=True)
        if answer is not None
    ]
    scrapes = Scrapes(files, client_seconds)
    sockets = bound("metrics_port", "127.0.0.1", 0)
    port = sockets[0].getsockname()[1]
    await scrapes.listen(sockets)
    try:
        yield scrapes, port
    finally:
        scrapes.close()
        for server in servers:
            server.close()


def telling(text: str) -> bytes:
    return f"HTTP/1.1 200 OK\r\nContent-Length: {len(text)}\r\n\r\n{text}".encode()


async def asked(port: int, head: bytes) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(head)
    answer = await asyncio.wait_for(reader.read(), 20)
    writer.close()
    return answer


@pytest.mark.parametrize(
    ("head", "status", "ending"),
    [
        (b"GET /metrics HTTP/1.1\r\n\r\n", b"200", b"c{} 4\n"),
        (b"GET /metrics?name=c HTTP/1.0\r\nHost: x\r\n\r\n", b"200", b"c{} 4\n"),
        (b"HEAD /metrics HTTP/1.1\r\n\r\n", b"200", b"\r\n\r\n"),
        (b"POST /metrics HTTP/1.1\r\n\r\n", b"405", b"GET\n"),
        (b"GET /other HTTP/1.1\r\n\r\n", b"404", b"under /v2\n"),
        (b"\r\n\r\n", b"404", b"under /v2\n"),
        (b"\x16\x03\x01\r\n\r\n", b"404", b"under /v2\n"),
    ],
)
async def test_counts_of_all_processes_are_told_as_one(tmp_path, head, status, ending) -> None:
    async with scraped(tmp_path, telling(TOLD), telling(TOLD)) as (_, port):
        answer = await asked(port, head)
    assert answer.split(b" ")[1] == status
    assert answer.endswith(ending)


@pytest.mark.parametrize(
    "other", [None, b"", b"HTTP/1.1 500 Oops\r\n\r\n", b"HTTP/1.1 200 OK\r\n\r\n\xff", telling("nonsense x\n")]
)
async def test_a_process_that_does_not_tell_makes_the_scrape_fail_and_not_the_counts_shrink(tmp_path, other) -> None:
    async with scraped(tmp_path, telling(TOLD), other) as (_, port):
        answer = await asked(port, b"GET /metrics HTTP/1.1\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 503 ")


@pytest.mark.parametrize("head", [b"", b"GET /metrics HTTP/1.1\r\n", b"x" * 100_000])
async def test_a_client_that_does_not_ask_to_the_end_is_cut(tmp_path, head) -> None:
    async with scraped(tmp_path, telling(TOLD), client_seconds=0.1) as (scrapes, port):
        with suppress(ConnectionError):
            assert await asked(port, head) == b""
        assert scrapes.connections == 0


async def test_silent_clients_give_way_the_oldest_first(tmp_path) -> None:
    async with scraped(tmp_path, telling(TOLD)) as (scrapes, port):
        silent = [await asyncio.open_connection("127.0.0.1", port) for _ in range(3 * MOST_CONNECTIONS)]
        assert (await asked(port, b"GET /metrics HTTP/1.1\r\n\r\n")).endswith(b"c{} 2\n")
        assert scrapes.connections <= MOST_CONNECTIONS + 1
        with suppress(ConnectionError):
            assert await silent[0][0].read() == b""
        for _, writer in silent:
            writer.close()


@pytest.mark.parametrize(
    ("text", "kills"),
    [("low 0\noom 3\noom_kill 2\n", 2), ("low 0\n", 0), ("oom_kill many\n", 0), ("nonsense", 0), (None, 0)],
)
def test_the_kernel_tells_how_many_processes_it_killed_for_memory(tmp_path, text, kills) -> None:
    if text is not None:
        (tmp_path / "memory.events").write_text(text)
    assert memory_kills(tmp_path / "memory.events") == kills

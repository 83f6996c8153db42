"""The worst that one client can send in a megabyte: memory above idle while it is read, and how soon health answers meanwhile.

    python worst.py [--budget-mib 256]

A server of its own for each input, a model that gives back what it gets (so answers are as large as inputs). JSON on stdout.
"""

import argparse
import contextlib
import gzip
import json
import socket
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from server import metric, served
from texts import QUESTIONS, free_port, in_binary, in_json, over_grpc, raw, text_identity

INFER = b"POST /v2/models/m/infer HTTP/1.1\r\nhost: x\r\n"
HEALTH = b"GET /v2/health/live HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"
MEBIBYTE = 1 << 20


def identity(file: Path) -> Path:
    from onnx import TensorProto, helper, save

    info = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [None, None]) for name in "xy"]
    graph = helper.make_graph([helper.make_node("Identity", ["x"], ["y"])], "identity", info[:1], info[1:])
    save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), file)
    return file


def body(data: bytes, shape: tuple[int, int] = (1, 3), more: bytes = b"") -> bytes:
    head = b'{"inputs":[{"name":"x","shape":[%d,%d],"datatype":"FP32","data":' % shape
    return head + data + b"}]" + more + b"}"


def post(content: bytes, *headers: bytes) -> bytes:
    lines = b"".join(header + b"\r\n" for header in headers)
    return INFER + lines + b"content-length: %d\r\n\r\n" % len(content) + content


def binary(text: bytes, more: bytes = b"") -> bytes:
    content, head = in_binary(text, more)
    return post(content, b"inference-header-content-length: %d" % head)


def packed(content: bytes) -> bytes:
    small = gzip.compress(content, 9)
    return post(small, b"content-encoding: gzip")


def numbers(count: int) -> bytes:
    return b"[" + b"1," * (count - 1) + b"1]"


def one(sent: bytes) -> Callable[[int], int]:
    return lambda port: talk(port, sent)


def twenty_of_sixty_megabytes(port: int) -> None:
    """Twenty clients at once, each with sixty megabytes."""
    sent = post(body(numbers(30_000_000), (1, 30_000_000)))
    threads = [threading.Thread(target=talk, args=(port, sent)) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def unfinished(port: int) -> None:
    """Forty bodies whose last byte never comes."""
    sockets = [socket.create_connection(("127.0.0.1", port)) for _ in range(40)]
    for each in sockets:
        each.settimeout(30)
        try:
            each.sendall(INFER + b"content-length: %d\r\n\r\n" % (44 * MEBIBYTE) + b" " * (43 * MEBIBYTE))
        except OSError:
            continue
    time.sleep(1)
    for each in sockets:
        each.close()


QUARTER = MEBIBYTE // 4
INPUTS: dict[str, Callable[[int], Any]] = {
    "64 KB gzip: 22 million objects in parameters": one(
        packed(body(b"[1,2,3]", more=b',"parameters":[' + b"{}," * 22_000_000 + b"{}]"))
    ),
    "62 KB gzip: 32 million integers": one(packed(body(numbers(32_000_000), (1, 32_000_000)))),
    "1 MB gzip: numbers up to the limits": one(packed(body(numbers(5 * MEBIBYTE), (1, 5 * MEBIBYTE)))),
    "1 MB: numbers, answered": one(post(body(numbers(2 * QUARTER), (2 * QUARTER, 1)))),
    "1 MB: nested lists": one(post(body(b"[" + b"[]," * 349_000 + b"[]]"))),
    "1 MB: empty objects as tensors": one(post(b'{"inputs":[' + b"{}," * 349_000 + b"{}]}")),
    "1 MB: empty texts": one(post(body(b"[" + b'"",' * 349_000 + b'""]'))),
    "1 MB: keys": one(post(b"{" + b",".join(b'"%d":0' % number for number in range(90_000)) + b"}")),
    "1 MB in chunks of two bytes": one(
        INFER + b"transfer-encoding: chunked\r\n\r\n" + b"2\r\n1,\r\n" * (MEBIBYTE // 2) + b"0\r\n\r\n"
    ),
    "64 MB of JSON, valid": one(post(body(numbers(32 * MEBIBYTE - 100), (1, 32 * MEBIBYTE - 100)))),
    "20 clients with 60 MB each": twenty_of_sixty_megabytes,
    "40 unfinished bodies of 44 MB": unfinished,
}


TEXTS: dict[str, Callable[[int], Any]] = {
    "1 MB: empty texts, answered": one(post(in_json(b'""'))),
    "1 MB: texts of two letters, answered": one(post(in_json(b'"ab"'))),
    "1 MB: texts of two strange letters, answered": one(post(in_json('"žñ"'.encode()))),
    "0.5 MB: empty texts, answered": one(post(in_json(b'""', MEBIBYTE // 2 - 200))),
    "0.5 MB: texts of two letters, answered": one(post(in_json(b'"ab"', MEBIBYTE // 2 - 200))),
    "1 MB: empty texts in binary, answered": one(binary(b"")),
    "1 MB: texts of two letters in binary, answered": one(binary(b"ab")),
    "1 MB: empty texts in binary, answered in binary": one(binary(b"", b',"parameters":{"binary_data_output":true}')),
}
"""To a model of texts."""


def talk(port: int, sent: bytes) -> int:
    """Sends, and reads the answer to its end; its status."""
    with socket.create_connection(("127.0.0.1", port), timeout=120) as client:
        with contextlib.suppress(OSError):
            client.sendall(sent)
        got = b""
        try:
            while b"\r\n\r\n" not in got and (more := client.recv(65536)):
                got += more
            head, _, rest = got.partition(b"\r\n\r\n")
            left = int(head.lower().partition(b"content-length: ")[2].split()[0]) - len(rest)
            while left > 0 and (more := client.recv(1 << 20)):
                left -= len(more)
        except (OSError, IndexError):
            return 0
        return int(got.split()[1])


def status(pid: int, field: str) -> int:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) << 10 for line in lines if line.startswith(field))


def measured(port: int, pid: int, attack: Callable[[int], Any], attacked: int) -> dict[str, Any]:
    longest, over = [0.0], threading.Event()

    def look() -> None:
        while not over.wait(0.01):
            started = time.perf_counter()
            talk_health(port)
            longest[0] = max(longest[0], time.perf_counter() - started)

    before = status(pid, "VmRSS")
    Path(f"/proc/{pid}/clear_refs").write_text("5")
    thread = threading.Thread(target=look)
    thread.start()
    started = time.perf_counter()
    outcome = attack(attacked)
    seconds = time.perf_counter() - started
    over.set()
    thread.join()
    peak = status(pid, "VmHWM") - before
    time.sleep(2.5)
    return {
        "answer": outcome,
        "peak_mib": round(peak / MEBIBYTE, 1),
        "left_mib": round((status(pid, "VmRSS") - before) / MEBIBYTE, 1),
        "health_ms": round(longest[0] * 1000, 1),
        "seconds": round(seconds, 2),
    }


def talk_health(port: int) -> None:
    with socket.create_connection(("127.0.0.1", port), timeout=60) as client:
        client.sendall(HEALTH)
        while client.recv(4096):
            pass


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--budget-mib", type=int, default=256)
    parser.add_argument("--only", default="")
    given = parser.parse_args()
    told = {}
    with tempfile.TemporaryDirectory() as folder:
        numbers_model, texts = identity(Path(folder) / "m.onnx"), text_identity(Path(folder) / "texts.onnx")
        rows = {
            **{name: (numbers_model, attack, False) for name, attack in INPUTS.items()},
            **{name: (texts, attack, False) for name, attack in TEXTS.items()},
            **{
                name: (texts, over_grpc(question()), True) for name, question in QUESTIONS.items() if given.only in name
            },
        }
        for name, (model, attack, is_grpc) in rows.items():
            if given.only not in name:
                continue
            budget, asked = str(given.budget_mib * MEBIBYTE), free_port()
            grpc = ("--grpc", "on", "--grpc-port", str(asked)) if is_grpc else ()
            with served(model, "--memory-budget-bytes", budget, *grpc) as (port, metrics, _):
                talk(port, post(body(b"[1,2,3]") if model == numbers_model else in_json(b'"a"', 12)))
                if is_grpc:
                    over_grpc(raw(b"a", 5))(asked)
                pid = owner(port)
                told[name] = measured(port, pid, attack, asked if is_grpc else port)
                told[name]["held_after"] = metric(metrics, "serin_memory_held_bytes")
            print(f"{name:48} {told[name]}", file=sys.stderr, flush=True)
    print(json.dumps({"budget_mib": given.budget_mib, "inputs": told}, indent=1))


def owner(port: int) -> int:
    """The process that listens on a port."""
    inode = next(
        line.split()[9]
        for line in Path("/proc/net/tcp").read_text().splitlines()[1:]
        if line.split()[1].endswith(f":{port:04X}") and line.split()[3] == "0A"
    )
    for link in Path("/proc").glob("[0-9]*/fd/*"):
        try:
            if link.readlink() == Path(f"socket:[{inode}]"):
                return int(link.parts[2])
        except OSError:
            continue
    raise RuntimeError("nobody listens")


if __name__ == "__main__":
    main()

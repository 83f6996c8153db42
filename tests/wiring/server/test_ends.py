"""How a server ends: whatever happens, with a reason in its termination message and no bare trace."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from tests.support.models import doubling, endless
from tests.support.ports import free_ports
from tests.support.serving import serving, tensor, wait_for
from tests.support.sources import answering, ok

pytestmark = pytest.mark.slow

ROW = tensor("x", "FP32", [1, 3], [1, 2, 3])


def ended(folder: Path, *flags: object, command: str = "serve", env: dict[str, str] | None = None):
    """Exit code, last words and log of a command that ends by itself."""
    log = folder / "last-words"
    log.unlink(missing_ok=True)
    done = subprocess.run(
        [sys.executable, "-m", "serin_server", command, "--termination-log", str(log), *map(str, flags)],
        capture_output=True, text=True, timeout=60, check=False, env={**os.environ, **(env or {})},
    )  # fmt: skip
    return done.returncode, json.loads(log.read_text()), done.stderr


PORTS = ("http", "grpc", "metrics")


@contextlib.contextmanager
def listening(folder: Path, *, processes: int = 1, host: str = "127.0.0.1", **more):
    http, grpc, metrics = free_ports(3)
    ports = {"http_port": http, "grpc_port": grpc, "metrics_port": metrics}
    model = doubling(folder / "m.onnx")
    with serving(model, folder, ready=False, processes=processes, host=host, **ports, **more) as running:
        running.port = {"http": http, "grpc": grpc, "metrics": metrics}.get
        wait_for(lambda: running.process.poll() is not None or is_ready(http, host))
        assert running.process.poll() is None, running.log.read_text()
        yield running


def is_ready(port: int, host: str) -> bool:
    try:
        return asked(host or "127.0.0.1", port, "/v2/models/m/ready").startswith(b"HTTP/1.1 200")
    except OSError:
        return False


def asked(host: str, port: int, path: str) -> bytes:
    with socket.create_connection((host, port), timeout=10) as connection:
        connection.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
        answer = b""
        while came := connection.recv(65536):
            answer += came
        return answer


@pytest.mark.parametrize("first", [1, 2], ids=["one process", "several"])
@pytest.mark.parametrize("second", [1, 2], ids=["one process", "several"])
def test_a_second_server_on_a_port_is_refused_in_a_sentence_whichever_port_it_is(tmp_path, first, second):
    with listening(tmp_path, processes=first) as running:
        for taken in PORTS:
            ports = dict(zip(PORTS, free_ports(3), strict=True)) | {taken: running.port(taken)}
            flags = [text for kind, port in ports.items() for text in (f"--{kind}-port", port)]
            code, told, err = ended(
                tmp_path, "--model", tmp_path / "m.onnx", "--processes", second, "--host", "127.0.0.1", *flags
            )
            assert (code, told["ok"], told["reason"]) == (75, False, "AddressUnavailable"), told
            assert f"port {ports[taken]} of 127.0.0.1 is taken" in told["message"]
            assert f"SERIN_{taken.upper()}_PORT" in told["message"]
            assert "Traceback" not in err
        assert running.infer(ROW)[0] == 200


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (("--host", "192.0.2.1"), "192.0.2.1 is no address of this machine"),
        (("--host", "2001:db8::1"), "2001:db8::1 is no address of this machine"),
        (("--host", "no.such.host.invalid"), "no.such.host.invalid is no address of this machine"),
        (("--host", "a" * 300), "is no address of this machine"),
    ],
)
@pytest.mark.parametrize("processes", [1, 2])
def test_an_address_that_cannot_be_listened_on_is_said_to_be_none(tmp_path, flags, words, processes):
    http, grpc, metrics = free_ports(3)
    ports = ("--http-port", http, "--grpc-port", grpc, "--metrics-port", metrics, "--processes", processes)
    code, told, err = ended(tmp_path, "--model", doubling(tmp_path / "m.onnx"), *ports, *flags)
    assert (code, told["reason"]) == (75, "AddressUnavailable"), told
    assert words in told["message"]
    assert "Traceback" not in err


@pytest.mark.parametrize("processes", [1, 2])
def test_a_fault_of_our_own_ends_with_a_reason_and_its_trace_in_the_log(tmp_path, processes):
    """The model cannot be read in a way that nobody foresaw: here the module that loads it is broken."""
    (tmp_path / "sitecustomize.py").write_text(
        "import sys\n"
        "class Broken:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name == 'onnxruntime': raise RuntimeError('the https://me:hunter22@store/ is on fire')\n"
        "sys.meta_path.insert(0, Broken())\n"
    )
    http, grpc, metrics = free_ports(3)
    flags = ("--http-port", http, "--grpc-port", grpc, "--metrics-port", metrics, "--processes", processes)
    model = doubling(tmp_path / "m.onnx")
    for command, more in (("serve", flags), ("resolve", ())):
        code, told, err = ended(tmp_path, "--model", model, *more, command=command, env={"PYTHONPATH": str(tmp_path)})
        assert (code, told["ok"], told["reason"]) == (70, False, "ServerFault"), told
        assert "RuntimeError: the https://…@store/ is on fire" in told["message"]
        assert "Traceback" in err
        assert "hunter22" not in err


def test_a_graph_that_loops_for_ever_on_a_recorded_request_ends_resolve_and_serve_in_time(tmp_path):
    tensor = {"name": "x", "datatype": "FP32", "shape": [1], "data": [0.0]}
    (tmp_path / "warmup.jsonl").write_text(json.dumps({"inputs": [tensor]}))
    flags = ("--model", endless(tmp_path / "m.onnx"), "--warmup-seconds", "0.3")
    for command, more in (("resolve", ()), ("serve", ("--http-port", 0, "--grpc-port", 0, "--metrics-port", 0))):
        code, told, _ = ended(tmp_path, *flags, *more, command=command)
        assert (code, told["reason"]) == (64, "ModelFailedWarmup")
        assert "SERIN_WARMUP_SECONDS" in told["message"]


def test_sigterm_ends_a_server_whose_model_is_still_on_its_way(tmp_path):
    came, over = threading.Event(), threading.Event()

    def slowly(connection):
        connection.sendall(ok(b"x", "Content-Length: 1000"))
        came.set()
        over.wait(60)

    with (
        answering(slowly) as port,
        serving(f"http://127.0.0.1:{port}/m.onnx", tmp_path, ready=False, source_timeout_seconds=60) as running,
    ):
        assert came.wait(20)
        running.port("http")
        running.process.terminate()
        assert running.process.wait(timeout=10) == 0
        over.set()


def children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def test_a_process_that_is_killed_ends_the_container_at_once_and_the_reason_names_it(tmp_path):
    with listening(tmp_path, processes=3, drain_seconds=60, drain_max_seconds=60) as running:
        workers = children(running.process.pid)
        os.kill(workers[1], signal.SIGKILL)
        assert running.process.wait(timeout=10) == 70
        assert not [pid for pid in workers if Path(f"/proc/{pid}").exists()]
        told = json.loads((tmp_path / "termination").read_text())
        assert (told["ok"], told["reason"]) == (False, "ProcessDied")
        assert "process 2 of 3 was killed by SIGKILL (OOMKilled?" in told["message"]


def test_workers_do_not_outlive_their_parent(tmp_path):
    with listening(tmp_path, processes=2) as running:
        workers = children(running.process.pid)
        running.process.kill()
        running.process.wait(timeout=10)
        wait_for(lambda: not [pid for pid in workers if Path(f"/proc/{pid}").exists()])


def test_a_worker_that_cannot_load_says_why_for_all(tmp_path):
    http, grpc, metrics = free_ports(3)
    (tmp_path / "m.onnx").write_text("no model")
    code, told, err = ended(
        tmp_path, "--model", tmp_path / "m.onnx", "--processes", 2,
        "--http-port", http, "--grpc-port", grpc, "--metrics-port", metrics,
    )  # fmt: skip
    assert (code, told["reason"]) == (64, "ModelInvalid")
    assert "Traceback" not in err


@pytest.mark.parametrize("processes", [1, 2])
def test_a_file_that_a_setting_names_and_that_cannot_be_used_is_the_settings_fault(tmp_path, processes):
    (tmp_path / "file").write_text("nothing of use")
    http, grpc, metrics = free_ports(3)
    ports = ("--http-port", http, "--grpc-port", grpc, "--metrics-port", metrics, "--processes", processes)
    for flags in (
        ("--tls-cert-file", tmp_path / "file", "--tls-key-file", tmp_path / "file"),
        ("--jwks-file", tmp_path / "file"),
        ("--api-keys-file", tmp_path / "none"),
        ("--feedback-key-file", tmp_path),
    ):
        code, told, err = ended(tmp_path, "--model", doubling(tmp_path / "m.onnx"), *ports, *flags)
        assert (code, told["reason"]) == (2, "InvalidSetting"), told
        assert "Traceback" not in err


HOSTS = {"::1": ["::1"], "127.0.0.1": ["127.0.0.1"], "": ["::1", "127.0.0.1"], "localhost": ["127.0.0.1"]}


@pytest.mark.parametrize("host", HOSTS, ids=lambda host: host or "all addresses")
@pytest.mark.parametrize("processes", [1, 2], ids=["one process", "several"])
def test_every_port_is_reached_by_every_address_of_its_host(tmp_path, host, processes):
    import grpc

    with listening(tmp_path, host=host, processes=processes) as running:
        for address in HOSTS[host]:
            assert asked(address, running.port("http"), "/v2/health/live").startswith(b"HTTP/1.1 200")
            assert b"serin_process_start_time_seconds" in asked(address, running.port("metrics"), "/metrics")
            target = f"[{address}]" if ":" in address else address
            with grpc.insecure_channel(f"{target}:{running.port('grpc')}") as channel:
                grpc.channel_ready_future(channel).result(timeout=10)


def test_silent_clients_of_the_metrics_port_cost_no_threads_and_keep_no_scrape_away(tmp_path):
    with listening(tmp_path, processes=2) as running:
        metrics = ("127.0.0.1", running.port("metrics"))
        silent = [socket.create_connection(metrics, timeout=10) for _ in range(300)]
        assert b"serin_process_start_time_seconds" in asked("127.0.0.1", running.port("metrics"), "/metrics")
        assert len(list(Path(f"/proc/{running.process.pid}/task").iterdir())) <= 4
        wait_for(lambda: len(list(Path(f"/proc/{running.process.pid}/fd").iterdir())) < 64)
        for each in silent:
            each.close()
        for path, words in (("/other", b"404"), ("/metrics", b"200")):
            assert words in asked("127.0.0.1", running.port("metrics"), path).partition(b"\r\n")[0]

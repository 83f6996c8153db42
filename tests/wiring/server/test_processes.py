"""Several processes behind one set of ports: together ready, metrics as one, ended together."""

from pathlib import Path

import pytest
from tests.support.models import doubling
from tests.support.ports import free_ports
from tests.support.serving import serving, tensor, wait_for

from serin_server.metrics.merge import merged

pytestmark = pytest.mark.slow

ROW = tensor("x", "FP32", [1, 3], [1, 2, 3])


def children(pid):
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


@pytest.fixture
def server(tmp_path):
    http, grpc, metrics = free_ports(3)
    ports = {"http_port": http, "grpc_port": grpc, "metrics_port": metrics}
    with serving(doubling(tmp_path / "m.onnx"), tmp_path, ready=False, processes=2, **ports) as running:
        running.port = {"http": http, "grpc": grpc, "metrics": metrics}.get
        wait_for(lambda: reachable(running))
        yield running


def reachable(running):
    try:
        return running.get("/v2/models/m/ready")[0] == 200
    except OSError:
        return False


def test_requests_are_shared_and_counted_as_one_and_sigterm_ends_all_with_0(server):
    for _ in range(60):
        assert server.infer(ROW)[0] == 200
    assert server.metric("serin_requests_total", code="200") == 60
    assert server.metric("serin_batch_size_count") == 60
    text = call_text(server.url("/metrics", "metrics"))
    ids = {line.split('server_id="')[1].split('"')[0] for line in text.splitlines() if "server_id" in line}
    assert len(ids) == 1
    workers = children(server.process.pid)
    assert len(workers) == 2
    assert server.stop() == 0
    assert not [pid for pid in workers if Path(f"/proc/{pid}").exists()]


def call_text(url):
    import urllib.request

    with urllib.request.urlopen(url, timeout=10) as answer:
        return answer.read().decode()


def test_merging_adds_counts_and_keeps_what_is_the_same():
    one = '# HELP c x\n# TYPE c counter\nc{a="1"} 2\n# HELP serin_model_info y\n# TYPE serin_model_info gauge\nserin_model_info{} 1\n'
    other = '# HELP c x\n# TYPE c counter\nc{a="1"} 3\nc{a="2"} 1.5\n'
    assert merged([one, other]).splitlines() == [
        "# HELP c x", "# TYPE c counter", 'c{a="1"} 5', 'c{a="2"} 1.5',
        "# HELP serin_model_info y", "# TYPE serin_model_info gauge", "serin_model_info{} 1",
    ]  # fmt: skip

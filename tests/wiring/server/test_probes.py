"""What a kubelet can ask for: on the protocol's port with TLS, and on the metrics port where clients need certificates."""

import ssl
import urllib.request

import pytest
from tests.support.models import doubling
from tests.support.ports import free_ports
from tests.support.serving import serving, wait_for
from tests.wiring.server.test_security import certificate

pytestmark = pytest.mark.slow

LIVE, READY = "/v2/health/live", "/v2/models/m/ready"


@pytest.fixture
def certificates(tmp_path):
    certificate(tmp_path, "server")
    return {"tls_cert_file": tmp_path / "tls.crt", "tls_key_file": tmp_path / "tls.key"}


def asked_as_a_kubelet_does(port, path):
    """Over HTTPS, without looking at the certificate and without one."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with urllib.request.urlopen(f"https://127.0.0.1:{port}{path}", context=context, timeout=5) as answer:
        return answer.status


def is_ready(running):
    try:
        return running.get(READY, "metrics")[0] == 200
    except (OSError, ValueError):  # or the parent, before its processes listen
        return False


def test_a_kubelet_can_probe_a_server_with_tls(tmp_path, certificates):
    with serving(doubling(tmp_path / "m.onnx"), tmp_path, ready=False, **certificates) as running:
        wait_for(lambda: is_ready(running))
        assert [asked_as_a_kubelet_does(running.port("http"), path) for path in (LIVE, READY)] == [200, 200]


def test_a_kubelet_without_a_certificate_can_probe_and_scrape_the_metrics_port_only(tmp_path, certificates):
    settings = {**certificates, "tls_client_ca_file": tmp_path / "tls.crt"}
    with serving(doubling(tmp_path / "m.onnx"), tmp_path, ready=False, **settings) as running:
        wait_for(lambda: is_ready(running))
        assert running.get(LIVE, "metrics") == (200, {"live": True})
        assert running.metric("serin_process_start_time_seconds") > 0
        with pytest.raises(OSError, match=r"(?i)certificate|reset|closed|EOF"):
            asked_as_a_kubelet_does(running.port("http"), LIVE)


def test_the_metrics_port_tells_of_health_and_of_nothing_else(tmp_path):
    with serving(doubling(tmp_path / "m.onnx"), tmp_path) as running:
        assert running.get("/v2/health/ready", "metrics")[0] == 200
        assert running.get("/v2/models/another/ready", "metrics")[0] == 404
        for path in ("/v2", "/v2/models/m", "/v2/models/m/feedback", "/v2/models/m/infer", "/v2/health", "/"):
            assert running.get(path, "metrics")[0] == 404, path


def test_several_processes_can_be_probed_on_the_metrics_port_as_one(tmp_path):
    http, grpc, metrics = free_ports(3)
    ports = {"http_port": http, "grpc_port": grpc, "metrics_port": metrics}
    with serving(doubling(tmp_path / "m.onnx"), tmp_path, ready=False, processes=2, **ports) as running:
        running.port = {"http": http, "metrics": metrics}.get
        wait_for(lambda: is_ready(running))
        assert running.get(LIVE, "metrics") == (200, {"live": True})
        assert running.get("/v2/models/m", "metrics")[0] == 404


def test_a_model_that_is_not_served_is_not_ready_on_either_port(tmp_path):
    settings = {"source_timeout_seconds": 1}
    with serving("http://127.0.0.1:1/m.onnx", tmp_path, ready=False, **settings) as running:
        wait_for(running.events)
        for port in ("http", "metrics"):
            wait_for(lambda port=port: running.get(READY, port)[0] == 503)
        assert running.get(LIVE, "metrics")[0] == 200

"""The operator where addresses are IPv6: its pages, and the Prometheus that it asks."""

import socket

import aiohttp
import pytest
from aiohttp import web
from tests.support.ports import free_port

from serin_operator.cluster.connection import Connection
from serin_operator.observe.prometheus_client import PrometheusAccess, PrometheusClient, Series
from serin_operator.runtime.http import Pages, application, serve
from serin_operator.runtime.settings import Settings


def has_ipv6() -> bool:
    """Whether this machine has a loopback of IPv6."""
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
    except OSError:
        return False
    return True


pytestmark = pytest.mark.skipif(not has_ipv6(), reason="this machine has no IPv6")


async def test_its_pages_answer_in_both_families():
    port = free_port()
    runner = await serve(application(Pages((), ()), bytes), port)
    try:
        async with aiohttp.ClientSession() as session:
            for host in ("127.0.0.1", "[::1]"):
                async with session.get(f"http://{host}:{port}/healthz") as answer:
                    assert (answer.status, await answer.text()) == (200, "ok\n")
    finally:
        await runner.cleanup()


async def test_prometheus_is_asked_at_an_address_of_ipv6():
    async def answer(_request):
        result = [{"metric": {}, "value": [17.0, "3.5"]}]
        return web.json_response({"status": "success", "data": {"resultType": "vector", "result": result}})

    app = web.Application()
    app.router.add_post("/api/v1/query", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "::1", 0).start()
    url = f"http://[::1]:{runner.addresses[0][1]}"
    try:
        async with aiohttp.ClientSession() as session:
            assert Settings(prometheus_url=url).prometheus_url == url
            client = PrometheusClient(PrometheusAccess(url, timeout_seconds=2.0), session)
            assert await client.query("up", 17.0) == [Series({}, 3.5, 17.0)]
    finally:
        await runner.cleanup()


async def test_the_api_server_has_an_address_of_ipv6(tmp_path, monkeypatch):
    config = tmp_path / "config"
    config.write_text(
        "{apiVersion: v1, kind: Config, current-context: c, contexts: [{name: c, context: {cluster: c, user: u}}],"
        " clusters: [{name: c, cluster: {server: 'https://[fd00::1]:6443'}}], users: [{name: u, user: {token: t}}]}"
    )
    connection = await Connection.load({"KUBECONFIG": str(config)})
    assert connection.server == "https://[fd00::1]:6443"
    async with connection.new_session() as session:
        assert not session.closed

"""How who keeps reports speaks with the API server."""

from dataclasses import replace

import pytest
from aiohttp import web
from tests.support.certificates import tls_of_this_machine

from serin_ui.problems import Problem
from serin_ui.reports.cluster import Cluster
from serin_ui.reports.settings import Settings

ENVIRONMENT = {"KUBERNETES_SERVICE_HOST": "127.0.0.1", "SERIN_REPORTS_STORE": "ConfigMap"}


async def served(folder, port=0):
    """An API server with an authority of its own; the runner, its address and the authority."""

    async def answer(_request):
        return web.json_response({"metadata": {"name": "m"}})

    folder.mkdir()
    context, authority = tls_of_this_machine(folder)
    app = web.Application()
    app.add_routes([web.get("/{path:.*}", answer)])
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port, ssl_context=context).start()
    return runner, runner.addresses[0][1], authority


@pytest.fixture
def token(tmp_path):
    file = tmp_path / "token"
    file.write_text("t\n")
    return file


async def test_an_authority_that_is_renewed_is_believed_at_the_next_connection(tmp_path, token):
    runner, port, authority = await served(tmp_path / "first")
    mounted = tmp_path / "ca.crt"
    mounted.write_bytes(authority.read_bytes())
    settings = replace(Settings.of(ENVIRONMENT), api=f"https://127.0.0.1:{port}", api_ca=mounted, token=token)
    async with Cluster(settings) as cluster:
        assert await cluster.model("scoring", "m")
        await runner.cleanup()
        runner, _, authority = await served(tmp_path / "second", port)
        with pytest.raises(Problem, match="does not answer"):
            await cluster.model("scoring", "m")
        mounted.write_bytes(authority.read_bytes())
        assert await cluster.model("scoring", "m")
        for nothing in ("no certificate", ""):
            mounted.write_text(nothing)
            with pytest.raises(Problem, match=f"{mounted} cannot be read"):
                await cluster.model("scoring", "m")
    await runner.cleanup()

"""What counts as an answer of Prometheus, and what is said when it is none."""

import asyncio
import base64
import time

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from serin_operator.observe.prometheus_client import PrometheusAccess, PrometheusClient, PrometheusError, Series

VECTOR = {
    "status": "success",
    "data": {"resultType": "vector", "result": [{"metric": {"revision": "a"}, "value": [17.0, "3.5"]}]},
}


class FakePrometheus:
    def __init__(self):
        self.answer = VECTOR
        self.status = 200
        self.delay = 0.0
        self.seen = []

    async def handle(self, request):
        self.seen.append((dict(request.headers), dict(await request.post())))
        await asyncio.sleep(self.delay)
        if isinstance(self.answer, str):
            return web.Response(status=self.status, text=self.answer)
        return web.json_response(self.answer, status=self.status)


@pytest.fixture
async def prometheus():
    fake = FakePrometheus()
    app = web.Application()
    app.router.add_post("/api/v1/query", fake.handle)
    async with TestServer(app) as server:
        fake.url = str(server.make_url("/"))
        yield fake


@pytest.fixture
async def session():
    async with aiohttp.ClientSession() as session:
        yield session


async def ask(prometheus, session, **access):
    results = []
    client = PrometheusClient(
        PrometheusAccess(prometheus.url, **({"timeout_seconds": 2.0} | access)), session, on_query=results.append
    )
    try:
        return await client.query("up", 17.0)
    finally:
        prometheus.results = results


async def test_a_vector_comes_back_as_series(prometheus, session):
    assert await ask(prometheus, session) == [Series({"revision": "a"}, 3.5, 17.0)]
    assert prometheus.seen[0][1]["time"] == "17.000"
    assert prometheus.results == ["success"]


async def test_a_scalar_is_one_series_without_labels(prometheus, session):
    prometheus.answer = {"status": "success", "data": {"resultType": "scalar", "result": [17, "1"]}}
    assert await ask(prometheus, session) == [Series({}, 1.0, 17.0)]


async def test_nothing_found_is_an_answer_and_no_error(prometheus, session):
    prometheus.answer = {"status": "success", "data": {"resultType": "vector", "result": []}}
    assert await ask(prometheus, session) == []


@pytest.mark.parametrize(
    ("status", "answer", "sentence"),
    [
        pytest.param(
            400, {"status": "error", "errorType": "bad_data", "error": "parse error"}, "parse error", id="bad"
        ),
        pytest.param(503, {"status": "error", "errorType": "timeout", "error": "too slow"}, "too slow", id="overload"),
        pytest.param(401, "no", "refuses the operator's credentials", id="unauthorised"),
        pytest.param(401, "no org id", "wants to know which .no org id", id="a tenant is wanted"),
        pytest.param(200, VECTOR | {"isPartial": True}, "partial answer .isPartial", id="partial as VictoriaMetrics"),
        pytest.param(404, "not found", "without /api/v1", id="another server"),
        pytest.param(200, "<html>", "not as Prometheus does", id="a web page"),
        pytest.param(200, VECTOR | {"warnings": ["store gateway down"]}, "partial answer: store gateway", id="partial"),
        pytest.param(200, {"status": "success", "data": {"resultType": "matrix", "result": []}}, "matrix", id="matrix"),
        pytest.param(
            200, {"status": "success", "data": {"resultType": "vector", "result": [{}]}}, "no instant", id="odd"
        ),
        pytest.param(200, {"status": "success"}, "no instant vector", id="empty"),
    ],
)
async def test_what_is_no_whole_answer_is_an_error_that_says_why(prometheus, session, status, answer, sentence):
    prometheus.status, prometheus.answer = status, answer
    with pytest.raises(PrometheusError, match=sentence):
        await ask(prometheus, session)
    assert prometheus.results == ["error"]


async def test_a_slow_answer_is_a_time_out(prometheus, session):
    prometheus.delay = 5.0
    with pytest.raises(PrometheusError, match=r"did not answer within 0\.1 s"):
        await ask(prometheus, session, timeout_seconds=0.1)


async def test_nobody_listening_is_told_with_the_address(session):
    client = PrometheusClient(PrometheusAccess("http://127.0.0.1:1"), session)
    with pytest.raises(PrometheusError, match=r"http://127\.0\.0\.1:1 cannot be reached"):
        await client.query("up", 1.0)


async def test_a_rotated_token_is_used_without_a_restart(prometheus, session, tmp_path):
    token = tmp_path / "token"
    for word in ("first\n", "second"):
        token.write_text(word)
        await ask(prometheus, session, bearer_token_file=token)
    assert [headers["Authorization"] for headers, _ in prometheus.seen] == ["Bearer first", "Bearer second"]


async def test_more_headers_are_sent_and_never_instead_of_credentials(prometheus, session, tmp_path):
    (tmp_path / "token").write_text("t")
    headers = {"X-Scope-OrgID": "team-a", "Authorization": "mine"}
    await ask(prometheus, session, bearer_token_file=tmp_path / "token", headers=headers)
    assert prometheus.seen[0][0]["X-Scope-OrgID"] == "team-a"
    assert prometheus.seen[0][0]["Authorization"] == "Bearer t"


async def test_a_user_name_and_a_password_file_are_basic_authentication(prometheus, session, tmp_path):
    (tmp_path / "password").write_text("geheim\n")
    await ask(prometheus, session, username="serin", password_file=tmp_path / "password")
    assert base64.b64decode(prometheus.seen[0][0]["Authorization"].split()[1]) == b"serin:geheim"


async def test_no_message_contains_a_secret(prometheus, session, tmp_path):
    (tmp_path / "token").write_text("very-secret")
    prometheus.status, prometheus.answer = 403, "very-secret"
    with pytest.raises(PrometheusError) as refused:
        await ask(prometheus, session, bearer_token_file=tmp_path / "token")
    assert "very-secret" not in str(refused.value)


async def test_a_missing_secret_is_named_by_its_file(prometheus, session, tmp_path):
    with pytest.raises(PrometheusError, match=r"cannot read .*nowhere"):
        await ask(prometheus, session, bearer_token_file=tmp_path / "nowhere")


@pytest.mark.parametrize(("seconds", "where"), [(20.0, "behind the operator's"), (-20.0, "ahead of the operator's")])
async def test_an_empty_answer_of_a_clock_that_differs_says_so(prometheus, session, seconds, where):
    prometheus.answer = {"status": "success", "data": {"resultType": "vector", "result": []}}
    access = PrometheusAccess(prometheus.url, timeout_seconds=2.0)
    client = PrometheusClient(access, session, clock=lambda: time.time() + seconds)
    with pytest.raises(PrometheusError, match=f"more than 5 s {where}"):
        await client.query("up", 17.0)


async def test_a_password_in_the_address_is_in_no_message(session):
    access = PrometheusAccess("http://serin:geheim@127.0.0.1:1", timeout_seconds=1.0)
    with pytest.raises(PrometheusError) as error:
        await PrometheusClient(access, session).query("up", 17.0)
    assert "geheim" not in error.value.message
    assert "http://127.0.0.1:1" in error.value.message

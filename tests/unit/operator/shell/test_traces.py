"""A reconcile is a trace where somebody asks for it; a collector that hangs or is away costs spans, and elsewhere nothing is made."""

import asyncio
import re
from contextlib import AsyncExitStack
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span as Told
from opentelemetry.proto.trace.v1.trace_pb2 import Status
from prometheus_client import CollectorRegistry
from tests.support.otlp import attributes
from tests.support.simulation import Simulation, spec
from tests.unit.operator.shell.test_desk import A, B, Room
from tests.unit.operator.shell.test_workers import Reconciler, run_until_done

import serin_operator
from serin_operator.cluster.client import ApiClient
from serin_operator.cluster.errors import Conflict, Forbidden, Transient
from serin_operator.cluster.store import Key
from serin_operator.runtime.metrics import OperatorMetrics
from serin_operator.runtime.settings import Settings
from serin_operator.runtime.spans import BATCH, MOST_WAITING, NotTaken, Outbox
from serin_operator.runtime.traces import beginning, open_traces
from serin_operator.tracing import NOTHING, Span, current, step

KEY = Key("ns", "m")
STATUS = "/apis/serin.dev/v1alpha1/namespaces/ns/modeldeployments/m/status"


@pytest.fixture
def ended():
    return []


@pytest.fixture
def begin(ended):
    return beginning(ended.append, 1.0)


@pytest.fixture
def metrics():
    return OperatorMetrics(CollectorRegistry())


def count_of(metrics, outcome):
    return metrics.spans.labels(outcome)._value.get()


def named(ended, name):
    (span,) = [each for each in ended if each.name == name]
    return span


async def test_a_reconcile_is_a_trace_of_what_it_observed_decided_and_did(begin, ended):
    simulation = Simulation()
    simulation.kubectl_apply(spec("v1"))
    with begin(KEY):
        await simulation.reconcile()
    *parts, root = ended
    assert [part.name for part in parts] == ["observe", "decide", "act"]
    assert {part.parent_id for part in parts} == {root.span_id}
    assert len({span.trace_id for span in ended}) == 1
    assert root.name == "reconcile"
    assert root.attributes["k8s.namespace.name"] == "ns"
    assert (root.attributes["serin.generation"], root.attributes["serin.phase"]) == (1, "Resolving")
    assert root.attributes["serin.operations"] > 0
    assert all(root.began_ns <= part.began_ns <= part.ended_ns <= root.ended_ns + 1e6 for part in parts)


async def test_without_a_trace_nothing_is_made(ended):
    simulation = Simulation()
    simulation.kubectl_apply(spec("v1"))
    with beginning(ended.append, 0.0)(KEY):
        assert step("observe") is NOTHING
        await simulation.reconcile()
    assert (ended, current()) == ([], None)


class FakeApiServer:
    """Answers with what the test wants, and notes what it was told."""

    def __init__(self):
        self.status = 200
        self.seen = []

    async def handle(self, request):
        self.seen.append(request.headers.get("traceparent"))
        return web.json_response({"kind": "x", "metadata": {}}, status=self.status)


@pytest.fixture
async def api_server():
    fake = FakeApiServer()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", fake.handle)
    async with TestServer(app) as server, aiohttp.ClientSession() as session:
        fake.client = ApiClient(session, str(server.make_url("")).rstrip("/"))
        yield fake


async def test_each_call_is_a_span_that_the_api_server_is_told_of(api_server, begin, ended):
    with begin(KEY):
        await api_server.client.call("PUT", STATUS, what="write the status of ModelDeployment ns/m", body={})
    call, _ = ended
    assert (call.name, call.is_call) == ("PUT modeldeployments/status", True)
    assert call.attributes == {
        "http.request.method": "PUT",
        "serin.kind": "modeldeployments/status",
        "serin.call": "write the status of ModelDeployment ns/m",
        "http.response.status_code": 200,
    }
    assert api_server.seen == [f"00-{call.trace_id}-{call.span_id}-01"]


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/api/v1/namespaces/ns/services", "services"),
        ("/apis/apps/v1/namespaces/ns/deployments/m-1/scale", "deployments/scale"),
        ("/apis/gateway.networking.k8s.io/v1/gatewayclasses/c", "gatewayclasses"),
    ],
)
async def test_spans_of_calls_are_named_by_their_kind_of_object(api_server, begin, ended, path, kind):
    with begin(KEY):
        await api_server.client.call("GET", path, what="x")
    assert ended[0].name == f"GET {kind}"


async def test_a_call_that_is_refused_is_an_error_of_its_span_and_not_of_the_reconcile(api_server, begin, ended):
    api_server.status = 409
    with begin(KEY), pytest.raises(Conflict):
        await api_server.client.call("PUT", STATUS, what="x", body={})
    call, root = ended
    assert (call.attributes["error.type"], call.attributes["http.response.status_code"]) == ("Conflict", 409)
    assert "error.type" not in root.attributes


async def test_outside_of_a_trace_the_api_server_is_told_of_none(api_server):
    await api_server.client.call("GET", STATUS, what="x")
    assert api_server.seen == [None]


async def test_a_look_belongs_to_the_reconcile_that_has_asked_for_it(begin, ended):
    room = Room(at_a_time=1)
    room.prometheus.gate.set()
    with begin(Key(*A)):
        await room.ask(A)
    await room.ask(B)  # begins when A's has ended, and nobody wants to hear of it
    await room.until_done(2)
    await room.desk.close()
    assert [span.name for span in ended] == ["reconcile", "look at Prometheus"]
    assert ended[1].parent_id == ended[0].span_id


@pytest.mark.parametrize(
    ("outcome", "expected"),
    [
        pytest.param(None, ("success", None), id="it went well"),
        pytest.param(Transient("away"), ("transient", "Transient"), id="the API server was away"),
        pytest.param(Forbidden("no"), ("refused", "Forbidden"), id="the API server said no"),
        pytest.param(
            Conflict("changed"), ("conflict", None), id="a conflict, which is no error: it is looked at again"
        ),
    ],
)
async def test_a_trace_says_what_became_of_the_reconcile(metrics, begin, ended, outcome, expected):
    await run_until_done(Reconciler(a=[outcome]), metrics, Key("ns", "a"), begin=begin)
    told = ended[0].attributes
    assert (told["serin.outcome"], told.get("error.type")) == expected


def test_a_share_of_the_reconciles_becomes_traces(ended):
    chances = iter([0.1, 0.3])
    begin = beginning(ended.append, 0.25, lambda: next(chances))
    assert [begin(KEY) is NOTHING for _ in range(2)] == [False, True]


class Collector:
    """Takes batches, if the test lets it."""

    def __init__(self):
        self.batches = []
        self.error = None
        self.gate = asyncio.Event()
        self.gate.set()
        self.counts = {"sent": 0, "dropped": 0}
        self.troubles = []

    async def send(self, batch):
        await self.gate.wait()
        if self.error is not None:
            raise self.error
        self.batches.append(batch)

    def count(self, outcome, count):
        self.counts[outcome] += count

    def outbox(self, **more):
        return Outbox(list, self.send, self.count, self.troubles.append, **more)


def a_span(take=print):
    return Span("x", take)


async def test_spans_leave_in_batches():
    collector = Collector()
    outbox = collector.outbox()
    for _ in range(BATCH + 1):
        outbox.take(a_span())
    await outbox.empty()
    assert [len(batch) for batch in collector.batches] == [BATCH, 1]
    assert collector.counts == {"sent": BATCH + 1, "dropped": 0}


async def test_what_a_hanging_collector_does_not_take_is_dropped_and_counted():
    collector = Collector()
    collector.gate.clear()
    outbox = collector.outbox(pause_seconds=0)
    sending = asyncio.create_task(outbox.run())
    for _ in range(MOST_WAITING + 5):
        outbox.take(a_span())
    assert collector.counts == {"sent": 0, "dropped": 5}
    collector.gate.set()
    async with asyncio.timeout(5):
        while collector.counts["sent"] < MOST_WAITING:  # noqa: ASYNC110 - some turns of the loop
            await asyncio.sleep(0)
    sending.cancel()


async def test_a_collector_that_refuses_is_told_once_a_minute_and_tried_again():
    collector, now = Collector(), [0.0]
    collector.error = NotTaken("the collector answers HTTP 503")
    outbox = collector.outbox(monotonic=lambda: now[0])
    for moment in (0.0, 30.0, 61.0):
        now[0] = moment
        outbox.take(a_span())
        await outbox.empty()
    assert collector.counts == {"sent": 0, "dropped": 3}
    assert collector.troubles == ["the collector answers HTTP 503"] * 2
    collector.error = None
    outbox.take(a_span())
    await outbox.empty()
    assert collector.counts["sent"] == 1


async def test_a_collector_gets_the_messages_of_otlp_and_what_waits_at_the_end(metrics):
    got = []

    async def take(request):
        got.append((request.content_type, ExportTraceServiceRequest.FromString(await request.read())))
        return web.Response()

    app = web.Application()
    app.router.add_post("/base/v1/traces", take)
    async with TestServer(app) as server:
        settings = Settings(otlp_endpoint=f"{server.make_url('/base')}/", pod_name="serin-0")
        async with AsyncExitStack() as stack:
            begin = await open_traces(settings, metrics, stack)
            with begin(KEY) as root, step("act") as part:
                part.attributes |= {"serin.share": 0.5, "serin.call": "x" * 1000}
                part.fail(Conflict("x"))
    ((content_type, told),) = got
    assert content_type == "application/x-protobuf"
    (resource,) = told.resource_spans
    assert attributes(resource.resource)["service.name"] == "serin-operator"
    assert attributes(resource.resource)["service.instance.id"] == "serin-0"
    act, reconcile = resource.scope_spans[0].spans
    assert (act.trace_id.hex(), act.parent_span_id) == (root.trace_id, reconcile.span_id)
    assert (act.kind, act.status.code) == (Told.SPAN_KIND_INTERNAL, Status.STATUS_CODE_ERROR)
    assert reconcile.status.code == Status.STATUS_CODE_UNSET
    assert (attributes(act)["serin.share"], attributes(act)["error.type"]) == (0.5, "Conflict")
    assert len(attributes(act)["serin.call"]) == 256
    assert (count_of(metrics, "sent"), count_of(metrics, "dropped")) == (2, 0)


async def test_no_collector_means_no_trace_and_no_series(metrics):
    async with AsyncExitStack() as stack:
        begin = await open_traces(Settings(), metrics, stack)
    assert begin(KEY) is NOTHING
    assert b"trace_spans_total{" not in metrics.exposition()


def test_protobuf_is_loaded_by_nothing_but_the_encoder():
    """Which is imported when a collector is named: see test_a_collector_gets_the_messages_of_otlp."""
    runtime = Path(serin_operator.__file__).parent / "runtime"
    at_once = re.compile(r"^(from|import) (opentelemetry|serin_operator\.runtime\.otlp)", re.MULTILINE)
    assert [file.name for file in runtime.glob("*.py") if at_once.search(file.read_text())] == ["otlp.py"]

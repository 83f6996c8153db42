"""predict, feedback, top, doctor and completion: what is asked of the cluster, and what is made of its answers."""

import json
from typing import Any

import jsonschema_rs
import pytest
from tests.golden.gitops import moments
from tests.support.kubectl_serin import FakeKubectl, asked, of_simulation
from tests.unit.kubectl_serin.schemas import SCHEMAS

from kubectl_serin.completing import completions
from kubectl_serin.kubectl import Kubectl
from kubectl_serin.problems import Problem
from kubectl_serin.prometheus import Prometheus, in_cluster

AT = "/api/v1/namespaces/scoring/services/http:credit-risk:80/proxy/v2/models/credit-risk"
PROMETHEUS = "/api/v1/namespaces/monitoring/services/prometheus:9090/proxy/api/v1/query"
METADATA = {
    "inputs": [{"name": "x", "datatype": "FP32", "shape": [-1, 2]}],
    "outputs": [{"name": "y", "datatype": "INT64", "shape": [-1]}],
}
ANSWER = {
    "model_version": "abc",
    "outputs": [{"name": "y", "shape": [1], "data": [1]}],
    "parameters": {"serin_version": "v1"},
}


@pytest.fixture
async def serving() -> FakeKubectl:
    kubectl = of_simulation(await moments.the_first_version_serves())
    kubectl.raw = {f"{AT}/infer": ANSWER, f"{AT}/feedback": {"accepted": 1, "rejected": [{"row": 1}]}, AT: METADATA}
    return kubectl


async def test_rows_become_a_request_of_the_protocol(serving: FakeKubectl) -> None:
    code, told, _ = asked(serving, "predict", "credit-risk", "-d", "[[0.5, 2]]")
    assert (code, "answered by v1 (abc)" in told) == (0, True)
    sent = json.loads(serving.posted[0] or "")
    assert sent == {"inputs": [{"name": "x", "datatype": "FP32", "shape": [1, 2], "data": [[0.5, 2]]}]}


async def test_flags_of_kubectl_may_stand_before_the_command(serving: FakeKubectl) -> None:
    code, told, _ = asked(serving, "-n", "scoring", "--context=prod", "get", "credit-risk")
    assert (code, "serves v1" in told) == (0, True)
    assert all("--namespace" in call and "--context=prod" in call for call in serving.calls)


async def test_without_data_it_is_told_what_the_model_takes(serving: FakeKubectl) -> None:
    assert "FP32 [-1, 2]" in asked(serving, "predict", "credit-risk")[1]


async def test_a_model_that_asks_for_keys_is_not_asked_in_a_way_that_cannot_work(serving: FakeKubectl) -> None:
    next(o for o in serving.objects if o["kind"] == "ModelDeployment")["spec"]["serving"] = {"apiKeys": {"a": 1}}
    code, _, error = asked(serving, "predict", "credit-risk")
    assert (code, "port-forward" in error) == (1, True)


async def test_labels_that_are_refused_are_counted_and_end_with_no(serving: FakeKubectl) -> None:
    code, told, _ = asked(serving, "feedback", "credit-risk", "-d", '{"label": 1}')
    assert (code, "1 accepted, 1 refused" in told) == (1, True)


@pytest.mark.parametrize("data", ["{", "@missing.json"])
async def test_data_that_is_no_json_is_not_sent(serving: FakeKubectl, data: str) -> None:
    code, _, error = asked(serving, "feedback", "credit-risk", "-d", data)
    assert (code, serving.posted) == (1, [])
    assert error


def with_operator(kubectl: FakeKubectl, scrapes: str | None) -> FakeKubectl:
    variable = {"name": "SERIN_PROMETHEUS_URL", "value": "http://prometheus.monitoring.svc:9090"}
    spec = {"template": {"spec": {"containers": [{"env": [variable]}]}}}
    metadata = {"namespace": "serin-system", "name": "serin-operator"}
    kubectl.objects = [o for o in kubectl.objects if o["kind"] != "Deployment"]
    kubectl.objects.append({"kind": "Deployment", "metadata": metadata, "spec": spec, "status": {"readyReplicas": 2}})
    labels = {"model_namespace": "scoring", "model_name": "credit-risk", "model_version": "v1"}
    result = [{"metric": labels, "value": [0, scrapes]}] if scrapes else []
    kubectl.raw[PROMETHEUS] = {"data": {"result": result}}
    return kubectl


async def test_top_asks_the_prometheus_that_the_operator_asks(serving: FakeKubectl) -> None:
    code, told, _ = asked(with_operator(serving, "0.5"), "top", "-o", "json")
    document = json.loads(told)
    jsonschema_rs.validate(SCHEMAS["top"], document)
    assert (code, document["items"][0]["requests"]) == (0, 0.5)
    assert "50.00 %" in asked(serving, "top")[1]


@pytest.mark.parametrize("value", ["NaN", "+Inf", None])
async def test_a_number_that_is_none_is_not_made_up(serving: FakeKubectl, value: str | None) -> None:
    document = json.loads(asked(with_operator(serving, value), "top", "-o", "json")[1])
    assert document["items"][0]["requests"] is None


async def test_top_without_a_prometheus_says_how_to_name_one(serving: FakeKubectl) -> None:
    code, _, error = asked(serving, "top")
    assert (code, "--prometheus" in error) == (4, True)


def examined(kubectl: FakeKubectl) -> dict[str, str]:
    document = json.loads(asked(kubectl, "doctor", "-n", "scoring", "-o", "json")[1])
    jsonschema_rs.validate(SCHEMAS["doctor"], document)
    return {each["check"]: each["state"] for each in document["items"]}


async def test_the_doctor_finds_what_does_not_work(serving: FakeKubectl) -> None:
    serving.raw |= {"/version": {"major": "1", "minor": "29+"}, "/apis": {"groups": []}}
    found = examined(with_operator(serving, None))
    assert (found["cluster"], found["prometheus"], found["gateway"]) == ("bad", "bad", "note")
    serving.raw["/version"] = {"major": "1", "minor": "33"}
    found = examined(with_operator(serving, "3"))
    assert (found["cluster"], found["operator"], found["prometheus"]) == ("ok", "ok", "ok")
    assert found["definition"] == "bad"


@pytest.mark.parametrize(
    ("url", "service"),
    [
        ("http://prometheus.monitoring.svc:9090", "monitoring/prometheus:9090"),
        ("http://prometheus.monitoring.svc.cluster.local", "monitoring/prometheus:80"),
        ("https://prometheus.example.com", "https://prometheus.example.com"),
    ],
)
def test_an_address_inside_the_cluster_is_asked_by_way_of_the_api_server(url: str, service: str) -> None:
    assert in_cluster(url) == service


def test_commands_flags_and_files_are_completed() -> None:
    def run(*_: Any) -> Any:
        raise AssertionError("nobody asks the cluster")

    kubectl = Kubectl(run=run)
    assert [each.partition("\t")[0] for each in completions(["hi"], kubectl)] == ["history", ":4"]
    assert completions(["status", "--wa"], kubectl) == ["--wait", ":4"]
    assert completions(["lint", ""], kubectl) == [":0"]
    assert completions(["nobody", ""], kubectl) == [":4"]


@pytest.mark.parametrize("where", ["http://me:hunter2@127.0.0.1:9", "http://127.0.0.1:9?token=hunter2"])
def test_an_address_is_told_without_what_may_open_it(where: str) -> None:
    with pytest.raises(Problem, match=r"Prometheus at http://.* does not answer") as raised:
        Prometheus(Kubectl(), where).query("up")
    assert "hunter2" not in str(raised.value)

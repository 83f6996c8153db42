"""The page for everybody before a real API server: what a person sees is what their token may see."""

import base64
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
import yaml
from tests.support.kubernetes import Kubernetes
from tests.support.ports import free_port

pytestmark = pytest.mark.cluster

ONE_POD = {"weight": 100, "replicas": 1, "readyReplicas": 1}
HOSTILE = "<script>alert(1)</script>"


@dataclass(frozen=True)
class Ui:
    """A running serin-ui."""

    address: str
    log: Path

    def client(self, token: str = "") -> httpx.Client:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        return httpx.Client(base_url=self.address, headers=headers, timeout=20)


@pytest.fixture(scope="module")
def two_teams(kubernetes: Kubernetes) -> Iterator[dict[str, str]]:
    """Namespaces with a model each, and the token of somebody who may see the models of that one alone."""
    tokens = {}
    for team in ("ui-scoring", "ui-fraud"):
        kubernetes.kubectl("create", "namespace", team)
        rules = [{"apiGroups": ["serin.dev"], "resources": ["modeldeployments"], "verbs": ["get", "list"]}]
        spec = {"replicas": 1, "model": {"version": "v1", "uri": "file:///models/v1.onnx"}}
        name = f"{team}-model"
        kubernetes.apply(
            {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "viewer", "namespace": team}},
            {
                "apiVersion": "rbac.authorization.k8s.io/v1",
                "kind": "Role",
                "metadata": {"name": "viewer", "namespace": team},
                "rules": rules,
            },
            {
                "apiVersion": "rbac.authorization.k8s.io/v1",
                "kind": "RoleBinding",
                "metadata": {"name": "viewer", "namespace": team},
                "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "viewer"},
                "subjects": [{"kind": "ServiceAccount", "name": "viewer", "namespace": team}],
            },
            {
                "apiVersion": "serin.dev/v1alpha1",
                "kind": "ModelDeployment",
                "metadata": {"name": name, "namespace": team},
                "spec": spec,
            },
        )
        told = {
            "type": "Ready",
            "status": "True",
            "reason": "Serving",
            "message": HOSTILE,
            "lastTransitionTime": "2026-11-27T12:00:00Z",
        }
        status = {
            "status": {
                "observedGeneration": 1,
                "conditions": [told],
                "stable": {"version": "v1", "revision": f"{name}-0123456789", "sha256": "0" * 64, **ONE_POD},
            }
        }
        kubernetes.kubectl(
            "patch", "mdep", name, "-n", team, "--subresource=status", "--type=merge", "-p", json.dumps(status)
        )
        tokens[team] = kubernetes.kubectl("create", "token", "viewer", "-n", team).strip()
    yield tokens
    for team in tokens:
        kubernetes.kubectl("delete", "namespace", team, "--wait=false")


@pytest.fixture(scope="module")
def ui(kubernetes: Kubernetes, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ui]:
    """The program itself. It is given no rights of its own."""
    folder = tmp_path_factory.mktemp("ui")
    (cluster,) = yaml.safe_load(Path(kubernetes.kubeconfig).read_text())["clusters"]
    authority = folder / "ca.crt"
    authority.write_bytes(base64.b64decode(cluster["cluster"]["certificate-authority-data"]))
    port = free_port()
    settings = {"API": cluster["cluster"]["server"], "API_CA": str(authority), "PORT": str(port)}
    environment = {**os.environ, **{f"SERIN_UI_{name}": value for name, value in settings.items()}}
    log = folder / "log"
    with log.open("w") as out:
        process = subprocess.Popen([Path(sys.executable).parent / "serin-ui"], env=environment, stdout=out, stderr=out)
    running = Ui(f"http://127.0.0.1:{port}", log)
    try:
        kubernetes.wait_for("the page to answer", lambda: _is_up(running), 30)
        yield running
    finally:
        process.terminate()
        assert process.wait(15) == 0, log.read_text()


def _is_up(ui: Ui) -> bool:
    try:
        return httpx.get(f"{ui.address}/healthz").status_code == 200
    except httpx.TransportError:
        return False


def text_of(answer: httpx.Response) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", answer.text.partition("<main")[2]))


def test_who_is_not_known_is_shown_where_to_sign_in(ui: Ui) -> None:
    with ui.client() as nobody:
        answer = nobody.get("/")
        assert (answer.status_code, "kubectl create token" in answer.text) == (401, True)
        assert nobody.get("/models/ui-fraud/ui-fraud-model").status_code == 401
    with ui.client("made-up") as stranger:
        assert stranger.get("/").status_code == 401


def test_people_see_the_models_of_their_own_namespaces_and_no_others(ui: Ui, two_teams: dict[str, str]) -> None:
    with ui.client(two_teams["ui-scoring"]) as person:
        everything = person.get("/")
        assert everything.status_code == 403
        assert "You may not see the models of all namespaces" in text_of(everything)
        assert 'name="namespace"' in everything.text, "and can name theirs"
        own = person.get("/", params={"namespace": "ui-scoring"})
        assert own.status_code == 200
        assert "ui-scoring-model" in text_of(own)
        part = person.get("/", params={"namespace": "ui-scoring"}, headers={"X-Serin-Live": "1"})
        assert part.text.startswith('<div id="content">'), "a page that is shown asks for what changes alone"
        assert person.get("/", params={"namespace": "ui-fraud"}).status_code == 403
        assert person.get("/models/ui-fraud/ui-fraud-model").status_code == 403
        assert person.get("/models/ui-scoring/ui-scoring-model").status_code == 200
        assert person.get("/models/ui-scoring/other").status_code == 404
        assert person.get("/models/ui-scoring/..%2F..%2Fsecrets").status_code in {403, 404}


def test_an_administrator_sees_and_filters_all(ui: Ui, kubernetes: Kubernetes, two_teams: dict[str, str]) -> None:
    kubernetes.kubectl("create", "serviceaccount", "admin", "-n", "ui-fraud")
    kubernetes.kubectl(
        "create", "clusterrolebinding", "ui-admin", "--clusterrole=cluster-admin", "--serviceaccount=ui-fraud:admin"
    )
    with ui.client(kubernetes.kubectl("create", "token", "admin", "-n", "ui-fraud").strip()) as admin:
        told = text_of(admin.get("/"))
        assert all(f"{team}-model" in told for team in two_teams)
        assert "ui-scoring-model" not in text_of(admin.get("/", params={"words": "fraud"}))
        assert "ui-fraud-model" not in text_of(admin.get("/", params={"state": "trouble"}))


def test_a_pasted_token_is_kept_where_no_script_and_no_other_site_gets_it(ui: Ui, two_teams: dict[str, str]) -> None:
    token = two_teams["ui-scoring"]
    with ui.client() as person:
        assert person.post("/sign-in", data={"token": "made.up"}).status_code == 401
        assert (
            person.post("/sign-in", data={"token": token}, headers={"Origin": "https://elsewhere.example"}).status_code
            == 403
        )
        foreign = {"Sec-Fetch-Site": "cross-site"}
        assert person.post("/sign-in", data={"token": token}, headers=foreign).status_code == 403
        overheard = person.post("/sign-in", data={"token": token}, headers={"Host": "serin.example"})
        assert (overheard.status_code, "without TLS" in overheard.text) == (403, True)
        browser = {"Sec-Fetch-Site": "same-origin", "Origin": "null"}  # what some send where pages tell no referrer
        answer = person.post("/sign-in", data={"token": f" {token}\n"}, headers=browser)
        assert answer.status_code == 303
        assert {"HttpOnly", "SameSite=Strict"} <= {part.strip() for part in answer.headers["Set-Cookie"].split(";")}
        assert person.get("/", params={"namespace": "ui-scoring"}).status_code == 200
        person.post("/sign-out")
        assert person.get("/", params={"namespace": "ui-scoring"}).status_code == 401
    assert token not in ui.log.read_text()


def test_what_a_cluster_says_is_inert_and_every_answer_says_what_may_run(ui: Ui, two_teams: dict[str, str]) -> None:
    with ui.client(two_teams["ui-fraud"]) as person:
        for address in ("/?namespace=ui-fraud", "/models/ui-fraud/ui-fraud-model", "/nothing", f"/?words={HOSTILE}"):
            answer = person.get(address)
            assert HOSTILE not in answer.text
            assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
            assert answer.headers["Cache-Control"] == "no-store"
        assert "alert(1)" in person.get("/models/ui-fraud/ui-fraud-model").text

"""Children that people delete, edit, or take labels and owners from: put right within seconds, and told in an Event."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from tests.support.serin import Serin, Space

pytestmark = pytest.mark.e2e
CHILDREN = (
    "service/{name}",
    "service/{revision}",
    "deployment/{revision}",
    "controllerrevision/{revision}",
    "pdb/{name}",
)
IMAGE = "localhost/serin-server:dev"


@pytest.fixture(scope="module")
def served(serin: Serin) -> Iterator[Space]:
    """v1 on two pods, under traffic."""
    namespace = "repairs"
    serin.kubernetes.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}})
    space = Space(serin, namespace)
    space.apply("v1")
    space.wait_until_serves("v1")
    space.start_traffic(requests_per_second=10)
    yield space
    serin.kubernetes.kubectl("delete", "namespace", namespace, "--wait=false")


def child(space: Space, template: str) -> str:
    revision = f"{space.name}-{space.status()['stable']['revision']}"
    return template.format(name=space.name, revision=revision)


def live(space: Space, resource: str) -> dict[str, Any]:
    return space.kubernetes.get(resource, "-n", space.namespace)  # type: ignore[no-any-return]


@dataclass(frozen=True)
class Edit:
    case: str
    child: str
    patch: dict[str, Any]
    is_right: Callable[[dict[str, Any]], bool]
    kind: str = "strategic"


def _image(obj: dict[str, Any]) -> bool:
    return bool(obj["spec"]["template"]["spec"]["containers"][0]["image"] == IMAGE)


EDITS = [
    Edit(
        "another image",
        "deployment/{revision}",
        {"spec": {"template": {"spec": {"containers": [{"name": "server", "image": "localhost/none:1"}]}}}},
        _image,
    ),
    Edit(
        "another size",
        "deployment/{revision}",
        {"spec": {"replicas": 3}},
        lambda obj: obj["spec"]["replicas"] == 2,
    ),
    Edit(
        "a revision's Service that selects something else",
        "service/{revision}",
        {"spec": {"selector": {"app": "another"}}},
        lambda obj: "app" not in obj["spec"]["selector"],
    ),
    Edit(
        "a disruption budget that allows nothing",
        "pdb/{name}",
        {"spec": {"maxUnavailable": None, "minAvailable": "100%"}},
        lambda obj: obj["spec"].get("maxUnavailable") == 1 and "minAvailable" not in obj["spec"],
        "merge",
    ),
    Edit(
        "a birth without its owner",
        "controllerrevision/{revision}",
        {"metadata": {"ownerReferences": None}},
        lambda obj: bool(obj["metadata"].get("ownerReferences")),
        "merge",
    ),
    *(
        Edit(
            f"no labels on {template}",
            template,
            {"metadata": {"labels": None}},
            lambda obj: obj["metadata"].get("labels", {}).get("serin.dev/model-deployment") == "model",
            "merge",
        )
        for template in CHILDREN
    ),
]


@pytest.mark.parametrize("edit", EDITS, ids=lambda edit: edit.case)
def test_an_edited_child_is_put_right_and_no_request_is_lost(served: Space, edit: Edit) -> None:
    resource = child(served, edit.child)
    pods = served.pods()
    served.kubectl("patch", resource, f"--type={edit.kind}", "-p", json.dumps(edit.patch))
    served.wait_until(f"{resource} is right", lambda: edit.is_right(live(served, resource)), 20)
    served.wait_until_serves("v1", 30)
    expected = {p["metadata"]["name"] for p in pods}
    served.wait_until("the same pods serve", lambda: served.endpoints() == expected, 60)
    assert served.lost_requests() == ""


def test_the_clients_service_that_selects_something_else_is_pinned_again(served: Space) -> None:
    served.kubectl("patch", "service", "model", "-p", '{"spec": {"selector": {"app": "another"}}}')
    served.wait_until("it selects stable", lambda: len(served.endpoints()) == 2, 20)
    assert "app" not in live(served, "service/model")["spec"]["selector"]


@pytest.mark.parametrize("template", CHILDREN)
def test_a_deleted_child_is_made_again(served: Space, template: str) -> None:
    resource = child(served, template)
    uid = live(served, resource)["metadata"]["uid"]
    served.kubectl("delete", resource)

    def is_back() -> bool:
        return bool(live(served, resource)["metadata"]["uid"] != uid)

    served.wait_until(f"{resource} is back", is_back, 20)
    served.wait_until_serves("v1", 60)
    assert len(served.endpoints()) == 2


def test_repairs_are_told(served: Space) -> None:
    events = served.kubernetes.get("events", "-n", served.namespace, "--field-selector=reason=Repaired")["items"]
    told = "\n".join(e["message"] for e in events)
    for words in ("had been edited", "had been scaled", "had lost its labels", "was gone"):
        assert words in told

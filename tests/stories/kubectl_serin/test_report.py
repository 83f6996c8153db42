"""The page about one model: the numbers of status, and nothing in it that runs or asks the network."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterator
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from tests.golden.gitops import moments
from tests.support.kubectl_serin import FakeKubectl, asked, of_simulation
from tests.support.simulation import Simulation

from kubectl_serin.report.series import PICTURES

RANGE = "/api/v1/namespaces/monitoring/services/prometheus:9090/proxy/api/v1/query_range"
HOSTILE = """<script>alert(1)</script>"'><img src=x onerror=alert(1)></style></table>&amp;"""


class Page(HTMLParser):
    """What a browser would see: elements, attributes, text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: set[str] = set()
        self.attributes: dict[str, str | None] = {}
        self.open: list[str] = []
        self.texts: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.add(tag)
        self.attributes |= dict(attrs)
        if tag != "meta":
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append(data)

    @property
    def text(self) -> str:
        return "\n".join(self.texts)


def model_in(kubectl: FakeKubectl) -> dict[str, Any]:
    return next(one for one in kubectl.objects if one["kind"] == "ModelDeployment")


def page(kubectl: FakeKubectl, tmp_path: Path, *arguments: str) -> Page:
    path = tmp_path / "report.html"
    code, told, error = asked(kubectl, "report", "credit-risk", "-o", str(path), *arguments)
    assert code == 0, error
    assert "report.html" in told
    assert path.stat().st_size < 1_000_000
    seen = Page(path.read_text())
    assert seen.open == []
    return seen


@cache
def objects_at(moment: Callable[[], Awaitable[Simulation]]) -> str:
    """The objects of a moment, as JSON: it comes about once, and each test has its own."""
    return json.dumps(of_simulation(asyncio.run(moment())).objects)


@pytest.fixture(params=[moments.baking, moments.rolled_back, moments.a_person_has_aborted], ids=lambda m: m.__name__)
def kubectl(request: pytest.FixtureRequest) -> FakeKubectl:
    return FakeKubectl(*json.loads(objects_at(request.param)))


def said_in(status: dict[str, Any]) -> Iterator[str]:
    for row in (status.get("canary") or {}).get("analysis") or ():
        yield from (row[key] for key in ("metric", "verdict", "message", "canary", "stable") if row.get(key))
    for entry in status["versions"]:
        yield from (entry[key] for key in ("version", "outcome", "message", "uri") if entry.get(key))
    for action in status.get("actions") or ():
        yield from (action[key] for key in ("action", "outcome", "message") if action.get(key))
    for condition in status["conditions"]:
        yield from (condition[key] for key in ("type", "status", "reason", "message"))


def test_its_numbers_are_those_of_status(kubectl: FakeKubectl, tmp_path: Path) -> None:
    text = page(kubectl, tmp_path).text
    assert [said for said in said_in(model_in(kubectl)["status"]) if said not in text] == []


def hostile(value: Any) -> Any:
    """Every text that is no time or number with what a browser would obey behind it."""
    if isinstance(value, dict):
        kept = {"type", "phase", "kind"}
        return {key: one if key in kept or key.endswith("At") else hostile(one) for key, one in value.items()}
    if isinstance(value, list):
        return [hostile(one) for one in value]
    return value + HOSTILE if isinstance(value, str) else value


def test_what_a_cluster_says_is_never_obeyed_by_a_browser(kubectl: FakeKubectl, tmp_path: Path) -> None:
    as_it_is = page(kubectl, tmp_path)
    model = model_in(kubectl)
    model["status"] = hostile(model["status"])
    model["status"]["versions"][0]["preflight"] = [{"name": HOSTILE, "verdict": HOSTILE, "message": HOSTILE}]
    seen = page(kubectl, tmp_path)
    assert HOSTILE in seen.text
    assert seen.elements <= as_it_is.elements | {"progress"}
    assert not {"src", "href", "onerror", "onload"} & set(seen.attributes)
    assert seen.attributes["content"] is not None


def with_prometheus(kubectl: FakeKubectl, *versions: str) -> FakeKubectl:
    values = [[1_790_000_000 + 15 * n, "NaN" if n == 3 else f"{0.1 * n}"] for n in range(9)]
    result = [{"metric": {"model_version": version}, "values": values} for version in versions]
    kubectl.raw[RANGE] = {"data": {"result": result}}
    return kubectl


def test_series_are_drawn_by_version_and_what_is_no_number_is_a_gap(kubectl: FakeKubectl, tmp_path: Path) -> None:
    where = ("--prometheus", "monitoring/prometheus:9090")
    seen = page(with_prometheus(kubectl, "v1", HOSTILE), tmp_path, *where)
    assert seen.texts.count(HOSTILE) == sum(one.by == "model_version" for one in PICTURES)
    html = (tmp_path / "report.html").read_text()
    assert html.count("<path") == 2 * len(PICTURES)
    assert "nan" not in html.lower().replace("nanosecond", "")
    assert all(d.count("M") == 2 for d in html.split(' d="')[1:2])
    assert "nothing was measured" in page(with_prometheus(kubectl), tmp_path, *where).text


def test_without_a_prometheus_the_page_says_why_it_has_no_series(kubectl: FakeKubectl, tmp_path: Path) -> None:
    assert "give --prometheus" in page(kubectl, tmp_path).text
    code, _, error = asked(kubectl, "report", "credit-risk", "--prometheus", "a/b:1", "-o", str(tmp_path / "x.html"))
    assert code != 0
    assert error
    assert not (tmp_path / "x.html").exists()


def test_a_file_that_cannot_be_written_is_named(kubectl: FakeKubectl, tmp_path: Path) -> None:
    code, _, error = asked(kubectl, "report", "credit-risk", "-o", str(tmp_path / "no" / "x.html"))
    assert code == 1
    assert "cannot be written" in " ".join(error.split())


def test_it_can_be_asked_as_it_was_when_a_version_was_the_newest(kubectl: FakeKubectl, tmp_path: Path) -> None:
    newest, *before = (entry["version"] for entry in model_in(kubectl)["status"]["versions"])
    lead = f"{before[-1]}: Promoted. "
    assert lead not in page(kubectl, tmp_path).text
    assert lead in page(kubectl, tmp_path, "--version", before[-1]).text
    assert lead not in page(kubectl, tmp_path, "--version", newest).text
    code, _, error = asked(kubectl, "report", "credit-risk", "--version", "v99", "-o", str(tmp_path / "x.html"))
    assert (code, "has no version v99" in " ".join(error.split())) == (4, True)

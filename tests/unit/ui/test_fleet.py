"""The fleet as a person sees it: which models are in trouble, which are filtered out, and that nothing of a cluster becomes markup."""

from datetime import UTC, datetime
from html.parser import HTMLParser

import pytest

from kubectl_serin.reading import Model
from serin_ui.api import _part, for_a_row
from serin_ui.fleet import State, Wanted, ordered, row_of
from serin_ui.pages.door import problem_page, sign_in_page
from serin_ui.pages.fleet import fleet_page
from serin_ui.pages.model import model_page
from serin_ui.pages.shell import Shell, policy
from serin_ui.problems import Problem

NOW = datetime(2026, 11, 27, 12, 0, tzinfo=UTC)
SHELL = Shell("abc", can_sign_out=True, every_seconds=5)
HOSTILE = '<script>alert(1)</script>"&'
VOID = {"meta", "input", "br"}


class Markers(HTMLParser):
    """Fails where an element is not closed; remembers which there were."""

    def __init__(self, text):
        super().__init__(convert_charrefs=True)
        self.open, self.seen, self.ids = [], [], []
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.seen.append((tag, dict(attrs)))
        self.ids += [value for name, value in attrs if name == "id"]
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def model(name="m", namespace="scoring", conditions=(), canary=None, stable="v1", **status):
    told = [{"type": kind, "status": said, "reason": "Because", "message": "so it is"} for kind, said in conditions]
    there = {"stable": {"version": stable, "replicas": 2, "readyReplicas": 2, "weight": 100}} if stable else {}
    return Model(
        {
            "metadata": {"name": name, "namespace": namespace, "generation": 1},
            "spec": {"model": {"version": "v2"}},
            "status": {
                "observedGeneration": 1,
                "conditions": told,
                **there,
                **({"canary": canary} if canary else {}),
                **status,
            },
        }
    )


CANARY = {"version": "v2", "weight": 25, "progress": "1/2", "verdict": "Inconclusive", "phase": "Holding"}
FINE = [("Ready", "True"), ("Degraded", "False"), ("Stalled", "False")]


@pytest.mark.parametrize(
    ("seen", "state"),
    [
        pytest.param(model(conditions=FINE), State.FINE, id="a model that serves is fine"),
        pytest.param(model(conditions=FINE, canary=CANARY), State.ROLLING, id="one with a new version rolls out"),
        pytest.param(
            model(conditions=[("Ready", "False"), ("Reconciling", "True")], stable=None),
            State.ROLLING,
            id="a first version that starts rolls out",
        ),
        pytest.param(
            model(conditions=[("Ready", "True"), ("Degraded", "True")], canary=CANARY),
            State.TROUBLE,
            id="one that is degraded is in trouble, whatever rolls out",
        ),
        pytest.param(
            model(conditions=[("Ready", "True"), ("Stalled", "True")]),
            State.TROUBLE,
            id="one that stalls is in trouble",
        ),
        pytest.param(
            model(conditions=[]), State.TROUBLE, id="one of which the operator has said nothing is in trouble"
        ),
    ],
)
def test_the_state_of_a_model_is_told_by_its_conditions(seen, state):
    assert row_of(seen, {}).state is state


def test_those_in_trouble_come_first_then_those_that_move():
    seen = [
        model("a", conditions=FINE),
        model("b", conditions=FINE, canary=CANARY),
        model("c", conditions=[("Stalled", "True")]),
    ]
    assert [row.model.name for row in ordered(row_of(one, {}) for one in seen)] == ["c", "b", "a"]


def test_words_are_looked_for_in_names_versions_and_reasons_and_all_have_to_be_there():
    row = row_of(model("credit-risk", conditions=[("Degraded", "True")]), {})
    assert Wanted("credit because").has(row)
    assert Wanted("SCORING v1").has(row)
    assert not Wanted("credit fraud").has(row)
    assert not Wanted("credit", State.FINE).has(row)


def pages_of_everything():
    entry = {"version": HOSTILE, "revision": "r", "outcome": "RolledBack", "uri": HOSTILE, "message": HOSTILE}
    seen = model(
        "m",
        conditions=FINE,
        canary={**CANARY, "version": HOSTILE, "message": HOSTILE},
        stable=HOSTILE,
        versions=[entry],
    )
    rows = [row_of(seen, {"requests": 12.34, "errors": 0.001, "p99": 0.01})]
    yield "fleet", fleet_page(rows, Wanted(HOSTILE[:8]), HOSTILE, NOW, SHELL, lacks=HOSTILE)
    yield "model", model_page(seen, [], HOSTILE, NOW, SHELL)
    yield "sign in", sign_in_page(SHELL, HOSTILE)
    yield "problem", problem_page(Problem(HOSTILE, HOSTILE), SHELL, HOSTILE)


@pytest.mark.parametrize(("name", "text"), [pytest.param(*one, id=one[0]) for one in pages_of_everything()])
def test_pages_are_well_formed_and_what_a_cluster_says_is_never_markup(name, text):
    seen = Markers(text)
    assert len(seen.ids) == len(set(seen.ids))
    assert all(attributes.get("nonce") == "abc" for tag, attributes in seen.seen if tag in {"script", "style"})
    assert "alert(1)</script>" not in text
    assert not any(key.startswith("on") or key == "style" for _, attributes in seen.seen for key in attributes)
    labelled = {"input", "select", "textarea"}
    assert [attributes["lang"] for tag, attributes in seen.seen if tag == "html"] == ["en"]
    assert all("name" in a or a.get("id") == "live" for tag, a in seen.seen if tag in labelled)


def test_a_page_runs_nothing_but_its_own_script():
    told = policy("abc")
    assert "default-src 'none'" in told
    assert "unsafe" not in told
    assert "frame-ancestors 'none'" in told


def test_a_namespace_without_models_says_how_to_make_one_and_a_filter_that_finds_none_how_to_widen_it():
    assert "docs/first-model.md" in fleet_page([], Wanted(), "a", NOW, SHELL)
    rows = [row_of(model(conditions=FINE), {})]
    assert "empty the fields" in fleet_page(rows, Wanted("nothing"), "", NOW, SHELL)


def test_of_many_models_only_what_a_row_tells_is_held():
    ledger = [{"version": f"v{number}", "message": "long " * 200} for number in range(50)]
    whole = model(conditions=FINE, canary={**CANARY, "analysis": ledger}, versions=ledger).raw
    kept = for_a_row(whole)
    assert len(str(kept)) < len(str(whole)) / 20
    told, of_whole = row_of(Model(kept), {}), row_of(Model(whole), {})
    assert (told.state, told.says, told.model.candidate, told.model.wanted) == (
        of_whole.state,
        of_whole.says,
        of_whole.model.candidate,
        of_whole.model.wanted,
    )


@pytest.mark.parametrize("name", [".", ".."])
def test_a_name_that_would_lead_elsewhere_is_no_model(name):
    with pytest.raises(Problem, match="no such model"):
        _part(name)

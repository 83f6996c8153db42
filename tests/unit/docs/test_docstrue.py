from pathlib import Path

import pytest

from docstrue import manifests, pages, sources
from docstrue.pages import Page
from docstrue.sources import Fact

ROOT = Path(__file__).parents[3]

CRD = """
spec:
  versions:
    - schema:
        openAPIV3Schema:
          properties:
            spec:
              type: object
              required: [model]
              properties:
                model: {type: object, properties: {version: {type: string}}}
                replicas: {type: integer}
                steps: {type: array, items: {type: object, properties: {weight: {type: integer}}}}
                limit: {x-kubernetes-int-or-string: true}
"""


def page(text: str, path: Path = Path("docs/page.md")) -> Page:
    return Page(path, text)


@pytest.mark.parametrize(
    ("text", "is_documented"),
    [
        ("`SERIN_PORT` is the port", True),
        ("| `SERIN_PORT` | 8080 |", True),
        ("```\nexport SERIN_PORT=1\n```", True),
        ("SERIN_PORT without code marks is prose", False),
        ("`SERIN_PORTS` is another word", False),
    ],
)
def test_a_setting_counts_as_documented_only_when_its_whole_name_stands_as_code(text: str, is_documented: bool) -> None:
    fact = Fact(kind="setting", name="SERIN_PORT", origin="here")
    assert (list(pages.undocumented([fact], [page(text)])) == []) is is_documented


def test_a_chart_value_is_known_by_its_dotted_path(tmp_path: Path) -> None:
    (tmp_path / "charts/serin").mkdir(parents=True)
    (tmp_path / "charts/serin/values.yaml").write_text(
        "image: {tag: x, pull: {policy: Never}}\nnamespaces: []\nempty: {}\n"
    )
    assert {fact.name for fact in sources.chart_values(tmp_path)} == {
        "image.tag",
        "image.pull.policy",
        "namespaces",
        "empty",
    }


def test_links_have_to_lead_to_files_and_headings(tmp_path: Path) -> None:
    first = Page(
        tmp_path / "a.md", "# Top\n[ok](b.md#what-it-does) [gone](c.md) [no heading](b.md#x) [web](https://x.y/z)"
    )
    second = Page(tmp_path / "b.md", "## What it does")
    for each in (first, second):
        each.path.write_text(each.text)
    assert len(list(pages.broken_links([first, second]))) == 2


def test_variables_and_targets_that_do_not_exist_are_told() -> None:
    read = [page("Set `SERIN_OLD_NAME`, then `make dance` and `make unit`.")]
    assert list(pages.unknown_variables(read, {"SERIN_NEW_NAME"})) == [
        "docs/page.md: SERIN_OLD_NAME is read by nothing"
    ]
    assert list(pages.unknown_targets(read, {"unit"})) == ["docs/page.md: there is no `make dance`"]


@pytest.mark.parametrize(
    ("spec", "mistake"),
    [
        ("{model: {version: v1}, replicas: 2, steps: [{weight: 5}], limit: 1Gi}", None),
        ("{model: {version: v1}, replica: 2}", "spec.replica does not exist"),
        ("{model: {version: 1}}", "spec.model.version should be of type string, not 1"),
        ("{model: {version: v1}, steps: [{wait: 5}]}", "spec.steps[0].wait does not exist"),
        ("{replicas: 1}", "spec.model is missing"),
    ],
)
def test_manifests_in_the_documentation_fit_the_crd(spec: str, mistake: str | None, tmp_path: Path) -> None:
    crd = tmp_path / "crd.yaml"
    crd.write_text(CRD)
    text = f"```yaml\nkind: ModelDeployment\nspec: {spec}\n```\n"
    told = [line.removeprefix("docs/page.md: ") for line in manifests.mistakes([page(text)], crd)]
    assert told == ([mistake] if mistake else [])


def test_the_facts_of_this_repository_are_found() -> None:
    found = {(fact.kind, fact.name) for fact in sources.facts(ROOT)}
    assert ("reason", "AnalysisFailed") in found

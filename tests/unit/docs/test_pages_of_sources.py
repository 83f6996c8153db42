"""The pages about sources name addresses and variables that the server reads."""

import re
from pathlib import Path

import pytest
import yaml

from serin_server.model.sources.objects import _KINDS
from serin_server.model.sources.registry import STORES

PAGES = sorted((Path(__file__).parents[3] / "docs/models").glob("*.md"))
OTHERS = {"HF_TOKEN", "HF_ENDPOINT", "MLFLOW_TRACKING_TOKEN", "MLFLOW_TRACKING_USERNAME", "MLFLOW_TRACKING_PASSWORD"}
HEEDED = OTHERS | {name for kind in _KINDS.values() for name in (*kind.variables, *kind.endpoints)}
VARIABLE = re.compile(r"\b(?:AWS|GOOGLE|AZURE|HF|MLFLOW)_[A-Z_0-9]+")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_variable_of_a_page_is_heeded(page: Path) -> None:
    assert set(VARIABLE.findall(page.read_text())) <= HEEDED


def test_there_is_a_page_with_a_manifest_for_every_kind_of_store() -> None:
    blocks = [block for page in PAGES for block in re.findall(r"```yaml\n(.*?)```", page.read_text(), re.DOTALL)]
    found = [each for block in blocks for each in yaml.safe_load_all(block) if each["kind"] == "ModelDeployment"]
    schemes = {each["spec"]["model"]["uri"].partition("://")[0] for each in found}
    assert {STORES[scheme] for scheme in schemes & set(STORES)} == set(STORES.values())

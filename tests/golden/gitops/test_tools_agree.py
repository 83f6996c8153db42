"""Every recorded status, read by kstatus' own library, by our health script in Argo CD's Lua, and by Flux' expressions."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.golden.gitops.moments import MOMENTS, Moment
from tests.golden.gitops.test_statuses import STATUSES
from tests.support.gitops import Reading, is_there, readings

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not is_there(), reason="no Go of 1.26 or newer to build the tools' own libraries with"),
]

LUA = Path("examples/argo-cd/health.lua")
PAGE = Path("docs/gitops.md")


def expressions_of_the_page() -> dict[str, str]:
    """What the documentation gives for healthCheckExprs."""
    blocks = re.findall(r"```yaml\n(.*?)```", PAGE.read_text(), re.DOTALL)
    found = [each for block in blocks for each in yaml.safe_load_all(block)]
    (kustomization,) = [each for each in found if each.get("spec", {}).get("healthCheckExprs")]
    (ours,) = kustomization["spec"]["healthCheckExprs"]
    assert ours["apiVersion"] == "serin.dev/v1alpha1"
    return {name: text for name, text in ours.items() if name in {"inProgress", "failed", "current"}}


@pytest.fixture(scope="module")
def read() -> dict[str, Reading]:
    objects = {moment.name: json.loads((STATUSES / f"{moment.name}.json").read_text()) for moment in MOMENTS}
    return readings(objects, LUA.read_text(), expressions_of_the_page())


@pytest.mark.parametrize("moment", MOMENTS, ids=lambda moment: moment.name)
def test_every_tool_reads_a_moment_as_it_is(read: dict[str, Reading], moment: Moment) -> None:
    told = read[moment.name]
    assert (told.kstatus, told.argo) == (moment.kstatus, moment.argo), told
    # Flux asks kstatus whether an object is being deleted before it asks an expression.
    assert moment.kstatus == "Terminating" or told.flux == moment.kstatus, told
    assert told.argo_message


@pytest.mark.parametrize("status", [None, {}, {"observedGeneration": 1}, {"conditions": []}], ids=str)
def test_a_status_with_nothing_in_it_is_never_taken_for_health(status: Any) -> None:
    made = {"apiVersion": "serin.dev/v1alpha1", "kind": "ModelDeployment", "metadata": {"name": "m", "generation": 1}}
    if status is not None:
        made["status"] = status
    told = readings({"m": made}, LUA.read_text(), expressions_of_the_page())["m"]
    assert told.argo == "Progressing"
    assert told.flux != "Current"

import re
from typing import Annotated

import pytest
from pydantic import BaseModel, Field

from serin_operator.api.crd import custom_resource_definition, object_schema
from serin_operator.api.reasons import ConditionType, EventReason, Outcome, Reason
from serin_operator.api.reference import api_page, conditions_page
from serin_operator.api.rules import RULES
from serin_operator.api.schema import fields, structural_schema
from serin_operator.api.spec import ApiModel, ModelDeploymentSpec, Step

NODES = dict(fields(object_schema()))


def test_every_field_teaches_something_in_kubectl_explain():
    of_kubernetes = {"metadata", "metadata.name"}
    untold = [
        path
        for path, node in NODES.items()
        if not node.get("description") and path not in of_kubernetes and not path.endswith(("[]", "{}"))
    ]
    assert untold == []


def test_nothing_is_written_into_the_users_object_but_what_scale_cannot_be_without():
    assert [path for path, node in NODES.items() if "default" in node] == ["spec.replicas", "status"]


def test_a_tightened_rule_can_never_block_a_status():
    at_or_above_status = [rule.path for rule in RULES if not rule.path.startswith("spec")]
    assert at_or_above_status == [""]
    (name_rule,) = NODES[""]["x-kubernetes-validations"]
    assert "metadata.name" in name_rule["rule"]
    assert "spec" not in name_rule["rule"]
    assert "enum" not in {key for path, node in NODES.items() if path.startswith("status") for key in node}


def test_what_rules_look_at_is_bounded_so_that_their_cost_is():
    for path, node in NODES.items():
        if path.startswith("spec"):
            if "items" in node:
                assert "maxItems" in node, path
            if "additionalProperties" in node:
                assert "maxProperties" in node, path
            if node.get("type") == "string" and "enum" not in node:
                assert "maxLength" in node, path


def test_every_rule_speaks_in_a_sentence():
    for rule in RULES:
        assert rule.says.endswith("."), rule


def test_the_crd_fits_into_the_annotation_of_a_client_side_apply():
    assert len(str(custom_resource_definition())) < 178_000  # of 262,144 for all annotations together


def test_evidence_keeps_whatever_the_engine_writes():
    assert NODES["status.canary.evidence"]["x-kubernetes-preserve-unknown-fields"] is True


def test_the_dashboard_has_its_columns_in_order():
    (version,) = custom_resource_definition()["spec"]["versions"]
    columns = [(each["name"], each.get("priority", 0)) for each in version["additionalPrinterColumns"]]
    always = [name for name, priority in columns if priority == 0]
    assert always == ["Version", "Canary", "Weight", "Step", "Verdict", "Ready", "Reason", "Age"]
    assert [name for name, priority in columns if priority] == ["Replicas", "Revision", "SHA256", "URL"]


def test_every_column_shows_a_field_that_exists():
    (version,) = custom_resource_definition()["spec"]["versions"]
    for column in version["additionalPrinterColumns"]:
        path = re.sub(r"\[\?\(.*\)]", "[]", column["jsonPath"]).removeprefix(".")
        assert path in NODES or path == "metadata.creationTimestamp", path


def test_bounds_that_exclude_their_number_are_said_as_kubernetes_says_them():
    rate = NODES["spec.analysis.falseRollbackRate"]
    assert (rate["minimum"], rate["exclusiveMinimum"], rate["maximum"], rate["exclusiveMaximum"]) == (
        0,
        True,
        0.5,
        True,
    )


def test_a_quantity_is_a_number_or_a_string():
    assert NODES["spec.runtime.resources.limits{}"]["x-kubernetes-int-or-string"] is True


def test_descriptions_at_the_field_win_over_those_of_the_type():
    class Holder(ApiModel):
        """A holder."""

        step: Annotated[Step | None, Field(description="The first one.")] = None

    assert structural_schema(Holder)["properties"]["step"]["description"] == "The first one."
    assert structural_schema(ModelDeploymentSpec)["required"] == ["model"]


@pytest.mark.parametrize("kind", [str | list[str], Annotated[str, Field(pattern="^a$")], tuple[int, str]])
def test_what_a_structural_schema_cannot_say_is_refused_with_its_place(kind):
    holder = type("Holder", (BaseModel,), {"__annotations__": {"field": kind}})
    with pytest.raises(ValueError, match=r"Holder\.field"):
        structural_schema(holder)


def test_the_reference_names_every_field_and_every_rule():
    page = api_page()
    for path, node in NODES.items():
        for name in node.get("properties", {}):
            if path.startswith(("spec", "status")):
                assert f"| `{name}` |" in page
    for rule in RULES:
        if rule.path:
            assert page.count(f"- `{rule.path}{rule.field}`: ") >= 1, rule


def test_the_reference_explains_every_reason():
    page = conditions_page()
    for kind in (ConditionType, Reason, Outcome, EventReason):
        for member in kind:
            assert f"| `{member.value}` | " in page

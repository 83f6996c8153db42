"""Who wrote the action annotation, as far as managedFields tell."""

from typing import Any

import pytest

from serin_operator.observe.annotators import who_asked

OWNS = {"f:metadata": {"f:annotations": {".": {}, "f:serin.dev/action": {}}}}
OTHER = {"f:metadata": {"f:annotations": {"f:else": {}}}, "f:spec": {"f:model": {}}}


def entry(manager: str, fields: Any = OWNS, time: str = "2026-11-20T12:00:00Z") -> dict[str, Any]:
    return {"manager": manager, "operation": "Update", "fieldsV1": fields, "time": time}


@pytest.mark.parametrize(
    ("managed", "who"),
    [
        ([entry("kubectl-apply", OTHER), entry("kubectl-annotate")], "kubectl-annotate"),
        ([entry("argocd-controller"), entry("kubectl-edit", time="2026-11-20T13:00:00Z")], "kubectl-edit"),
        ([entry("kubectl-apply", OTHER)], None),
        ([entry("x" * 1000)], "x" * 128),
        ([entry("")], None),
        ([entry("a", None), entry("b", []), entry("c", {"f:metadata": 3}), "d", None], None),
        ([{"manager": "kubectl", "fieldsV1": OWNS}], "kubectl"),
        (None, None),
        ({}, None),
    ],
)
def test_the_manager_that_owns_the_annotation_is_named_and_nothing_strange_raises(
    managed: Any, who: str | None
) -> None:
    assert who_asked({"managedFields": managed}) == who


def test_an_object_without_managed_fields_names_nobody() -> None:
    assert who_asked({}) is None

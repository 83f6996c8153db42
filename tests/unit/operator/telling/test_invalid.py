"""A spec that nobody can read: what serves is left alone, and status says whose turn it is."""

from datetime import UTC, datetime
from typing import Any

from serin_operator.decide.telling.invalid import status_of_invalid

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
LONG_AGO = "2026-01-01T00:00:00Z"


def told(status: dict[str, Any] | None) -> dict[str, Any]:
    return status_of_invalid({"metadata": {"generation": 7}, "status": status}, "m" * 2000, NOW)


def by_type(status: dict[str, Any], key: str) -> dict[str, Any]:
    return {condition["type"]: condition[key] for condition in status["conditions"]}


def test_a_person_has_to_act_and_nothing_moves() -> None:
    status = told(None)
    assert by_type(status, "status") == {"Ready": "False", "Stalled": "True", "Reconciling": "False"}
    assert set(by_type(status, "reason").values()) == {"InvalidSpec"}
    assert set(by_type(status, "message").values()) == {"m" * 1024}
    assert set(by_type(status, "lastTransitionTime").values()) == {"2026-11-20T12:00:00Z"}
    assert {status["observedGeneration"], *by_type(status, "observedGeneration").values()} == {7}


def test_what_has_been_so_has_been_so_since_then_and_all_else_stays() -> None:
    before = [
        {"type": "Available", "status": "True", "lastTransitionTime": LONG_AGO},
        {"type": "Stalled", "status": "True", "lastTransitionTime": LONG_AGO},
        {"type": "Ready", "status": "True", "lastTransitionTime": LONG_AGO},
    ]
    status = told({"conditions": before, "stable": {"version": "v1"}})
    assert by_type(status, "lastTransitionTime") == {
        "Available": LONG_AGO,
        "Stalled": LONG_AGO,
        "Ready": "2026-11-20T12:00:00Z",
        "Reconciling": "2026-11-20T12:00:00Z",
    }
    assert status["conditions"][0] == before[0]
    assert status["stable"] == {"version": "v1"}


def test_without_a_generation_there_is_none() -> None:
    status = status_of_invalid({"metadata": {}}, "why", NOW)
    assert {status["observedGeneration"], *by_type(status, "observedGeneration").values()} == {0}

"""Events and conditions show where a model comes from, and not what opens the store."""

from datetime import UTC, datetime

import pytest

from serin_operator.api.uris import shown
from serin_operator.decide.memory.states import Candidate, Kind


@pytest.mark.parametrize(
    ("uri", "told"),
    [
        ("https://store/m.onnx", "https://store/m.onnx"),
        ("pvc://claim/m@v1.onnx", "pvc://claim/m@v1.onnx"),
        ("https://me:hunter22@store/m.onnx?X-Amz-Signature=hunter22", "https://…@store/m.onnx?…"),
        ("https://store/m.onnx#hunter22", "https://store/m.onnx?…"),
        ("plain", "plain"),
    ],
)
def test_a_uri_is_shown_without_name_password_and_query(uri: str, told: str) -> None:
    assert shown(uri) == told
    candidate = Candidate("abc", "v1", uri, Kind.FIRST, datetime(2026, 1, 1, tzinfo=UTC))
    assert candidate.shown_uri == told

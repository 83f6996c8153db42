"""Quantities of Kubernetes as numbers."""

import pytest

from serin_operator.api.quantity import whole_units


@pytest.mark.parametrize(
    ("quantity", "units"),
    [
        ("0", 0),
        ("1000000", 1_000_000),
        ("256Mi", 268_435_456),
        ("1.5Gi", 1_610_612_736),
        ("2G", 2_000_000_000),
        ("1k", 1000),
        ("500m", 1),
        ("1e6", 1_000_000),
        ("1E3", 1000),
        ("2Ki", 2048),
        ("1E", 10**18),
    ],
)
def test_a_quantity_is_a_number_of_whole_units(quantity: str, units: int) -> None:
    assert whole_units(quantity) == units


@pytest.mark.parametrize("text", ["", "Mi", "2GB", "many", "1 Gi", "NaN"])
def test_what_is_no_quantity_is_said_to_be_none(text: str) -> None:
    with pytest.raises(ValueError, match="not a quantity"):
        whole_units(text)

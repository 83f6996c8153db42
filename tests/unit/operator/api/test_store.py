"""A store of the chart is held to what the API server holds that of a spec to."""

import pytest
from tests.cluster.api.stores_table import NO_STORES, STORES

from serin_operator.api.store import ModelStore


@pytest.mark.parametrize("uri", NO_STORES)
def test_what_is_no_store_says_what_to_write_and_shows_no_query(uri: str) -> None:
    said = ModelStore(uri=uri).problem() or ""
    assert "Write s3://bucket/prefix" in said
    assert "token=x" not in said


@pytest.mark.parametrize("uri", STORES)
def test_buckets_and_claims_are_stores(uri: str) -> None:
    assert ModelStore(uri=uri).problem() is None


def test_a_claim_has_no_credentials() -> None:
    store = ModelStore.model_validate({"uri": "pvc://kept", "credentials": {"secretName": "a"}})
    assert "remove them" in (store.problem() or "")

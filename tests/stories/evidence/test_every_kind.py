"""Every kind of metric reaches its verdict by the whole way: pods count, Prometheus scrapes, the operator asks, counts and judges.

The rows of benchmarks/analysis/chain, with a rollout of each; tests/properties/analysis/test_chain.py says that no kind is left out.
"""

import numpy as np
import pytest
from benchmarks.analysis.chain.rollout import followed
from benchmarks.analysis.chain.ways import WAYS

EACH = pytest.mark.parametrize("way", WAYS, ids=lambda way: way.name)


@EACH
def test_a_version_that_is_as_good_passes(way):
    ended = followed(way, np.random.default_rng(11), is_worse=False, ends_with=("Pass", "Fail"))
    assert ended.said.startswith("Pass/"), ended


@EACH
def test_a_version_that_is_worse_is_found(way):
    ended = followed(way, np.random.default_rng(12), is_worse=True)
    assert ended.has_fired, ended
    assert ended.said.startswith("Fail/") or ended.said == "Inconclusive/MeansOnlyWarn", ended

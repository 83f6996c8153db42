"""Evidence enough to roll back that something else than the version may explain: a deadline takes it for no consent."""

import pytest

from serin_operator.decide.analysis import (
    AnalysisConfig,
    AnalysisState,
    Arm,
    Metric,
    Proportions,
    Reason,
    Stratum,
    Value,
    error_rate,
    judge_look,
)
from serin_operator.decide.judging.judge import remembered_judgement
from serin_operator.decide.judging.rows import rows_of
from serin_operator.decide.memory.comparison import Comparison

CONFIG = AnalysisConfig((Metric("m", error_rate()),))


def rows_after(bad: int, apart: float):
    seen = Proportions((Stratum(Arm(bad, 2000), Arm(60, 6000)),))
    state, verdicts = judge_look(CONFIG, AnalysisState(), {"m": Value(seen, apart=apart)})
    return rows_of(CONFIG, state, verdicts)


@pytest.mark.parametrize(
    ("bad", "reason", "is_doubted"),
    [
        pytest.param(60, Reason.PODS_MAY_DIFFER, True, id="worse by no more than a pod"),
        pytest.param(53, Reason.LEANS_AGAINST, False, id="not proven yet"),
        pytest.param(20, Reason.NO_EVIDENCE_AGAINST, False, id="as good"),
    ],
)
def test_a_version_that_is_worse_by_no_more_than_a_pod_is_doubted(bad, reason, is_doubted):
    rows = rows_after(bad, apart=1.35)
    judgement = remembered_judgement(Comparison(results=rows))
    assert (rows[0].reason, judgement.is_doubted) == (reason.value, is_doubted)
    assert judgement.failed is None


def test_it_stays_doubted_in_a_look_without_data():
    rows = tuple(row.model_copy(update={"reason": Reason.NO_DATA.value}) for row in rows_after(60, apart=1.35))
    assert remembered_judgement(Comparison(results=rows)).is_doubted

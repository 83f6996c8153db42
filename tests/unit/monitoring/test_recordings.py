"""What recording rules count, on made-up series."""

import pytest
from tests.support.promtool import tried
from tests.unit.monitoring.cases import WHOSE, labels, refused, requests

from generate.monitoring.recordings import RECORDINGS

pytestmark = pytest.mark.slow

ORDER = [group.name for group in RECORDINGS]


@pytest.mark.parametrize(
    ("recording", "of", "value"),
    [
        ("serin:label_ratio:rate1h", f'{WHOSE},model_revision="v1"', 0.2),
        ("serin:answers:increase2h", WHOSE, 1200),
    ],
)
def test_who_is_refused_has_no_answer_that_a_label_could_belong_to(recording, of, value, tmp_path):
    series = {**requests("0+10x180", "0+1x180"), **refused("0+1000x180"), **labels("0+2x180")}
    told = [{"series": name, "values": values} for name, values in series.items()]
    sample = {"labels": f"{{{of}}}", "value": value}
    check = {"expr": f"round({recording}, 0.001)", "eval_time": "3h", "exp_samples": [sample]}
    assert tried(tmp_path, [{"interval": "1m", "input_series": told, "promql_expr_test": [check]}], ORDER) == ""

"""Slices, whatever they see: nothing passes that lacks labels, the worst decides, and status stays small."""

import orjson
from hypothesis import given, settings
from hypothesis import strategies as st

from serin_operator.api.spec import Analysis
from serin_operator.decide.analysis import AnalysisState, Arm, NoData, Proportions, Stratum, Value, judge_look
from serin_operator.decide.judging.config import config_of
from serin_operator.decide.judging.rows import rows_of

SLICES = {"by": "region", "values": ["north", "south"]}
CONFIG = config_of(Analysis.model_validate({"metrics": [{"name": "m", "accuracy": {}, "slices": SLICES}]}))
KEYS = ("m", "m/region=north", "m/region=south")
WORSE = {"Pass": 0, "Inconclusive": 1, "Fail": 2}


@st.composite
def arms(draw):
    total = draw(st.integers(0, 300))
    return Arm(draw(st.integers(0, total)), total)


samples = st.one_of(
    st.just(NoData()), st.builds(lambda canary, stable: Value(Proportions((Stratum(canary, stable),))), arms(), arms())
)
looks = st.lists(st.fixed_dictionaries(dict.fromkeys(KEYS, samples)), min_size=1, max_size=8)


@settings(max_examples=40, deadline=None)
@given(looks)
def test_a_metric_is_what_its_worst_slice_is_and_passes_only_what_has_its_labels(seen):
    state = AnalysisState()
    for look in seen:
        state, verdicts = judge_look(CONFIG, state, look)
        (row,) = rows_of(CONFIG, state, verdicts)
        given_ = [type(verdicts[key]).__name__ for key in KEYS]
        assert row.verdict == max(given_, key=WORSE.__getitem__)
        assert [one.verdict for one in row.slices] == given_[1:]
        if row.verdict == "Pass":
            assert all(state.metrics[key].step_samples >= 100 for key in KEYS)
            assert isinstance(look["m"], Value)
        if row.verdict != given_[0]:
            assert row.message.startswith("slice region=")


@settings(max_examples=40, deadline=None)
@given(looks)
def test_a_slice_adds_no_evidence_to_the_whole_nor_to_another(seen):
    alone = config_of(Analysis.model_validate({"metrics": [{"name": "m", "accuracy": {}}]}))
    state, plain = AnalysisState(), AnalysisState()
    for look in seen:
        state, _ = judge_look(CONFIG, state, look)
        plain, _ = judge_look(alone, plain, {"m": look["m"]})
    assert state.metrics["m"].against == plain.metrics["m"].against


@settings(max_examples=20, deadline=None)
@given(st.integers(1, 16), st.text(min_size=1, max_size=63), st.integers(0, 10**9))
def test_rows_of_as_many_slices_as_there_may_be_fit_into_status(each, name, total):
    values = [f"{number:02}{name}"[:63] for number in range(each)]
    metrics = [
        {"name": f"m{number:02}", "accuracy": {}, **({"slices": {"by": name, "values": values}} if number < 32 // each else {})}
        for number in range(20)
    ]  # fmt: skip
    config = config_of(Analysis.model_validate({"metrics": metrics}))
    sample = Value(Proportions((Stratum(Arm(total // 3, total), Arm(total // 5, total)),)))
    state, verdicts = judge_look(config, AnalysisState(), {key: sample for m in config.metrics for key in m.keys})
    rows = [row.model_dump(by_alias=True, exclude_none=True) for row in rows_of(config, state, verdicts)]
    assert len(rows) == 20
    assert len(orjson.dumps(rows)) < 40_000

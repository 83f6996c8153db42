"""A guard of a year: false alarms over its whole life, and how soon a decay is found. From the spec to the verdict, a look a day."""

import numpy as np
from benchmarks.analysis.engine import Result
from benchmarks.analysis.rollout import spec_of

from serin_operator.decide.analysis import AnalysisState, Fail, Pairs, Proportions, Value, judge_look, renewed
from serin_operator.decide.judging.config import config_of
from serin_operator.decide.judging.guarded import Renewal, going_on

DAY_SECONDS = 86_400
DAYS = 365
PAIRS = 200
"""A day."""
DECAYS_AT = 180


def guards(margin, before, after, worse_before=0.0, worse_after=0.0):
    """Rows that differ, and by how much the new version is worse, before the decay and from it on; answers are told from there."""
    analysis = spec_of(
        {"accuracy": {"maxDecrease": margin}}, pairing={"sample": 0.1}, intervalSeconds=DAY_SECONDS
    ).analysis
    config = config_of(going_on(analysis, frozenset({"m"})))
    is_late = np.arange(DAYS) >= DECAYS_AT
    differing, worse = np.where(is_late, after, before), np.where(is_late, worse_after, worse_before)
    chances = np.stack([(differing + worse) / 2, (differing - worse) / 2, 1 - differing], axis=1)

    def one(rng):
        state, renewal = AnalysisState(), Renewal(0.0)
        for day, (only_new, only_old, _) in enumerate(rng.multinomial(PAIRS, chances).tolist()):
            spent = renewal.at((day + 1.0) * DAY_SECONDS, DAYS * DAY_SECONDS)
            state, renewal = renewed(state, spent.spent - renewal.spent), spent
            seen = Value(Proportions(pairs=Pairs(only_new, only_old, PAIRS)))
            state, verdicts = judge_look(config, state, {"m": seen})
            if isinstance(verdicts["m"], Fail):
                return Result(True, max(0, day + 1 - DECAYS_AT) * PAIRS, day)
        return Result(False, (DAYS - DECAYS_AT) * PAIRS, DAYS)

    return lambda rng, n: [one(rng) for _ in range(n)]


def worlds(world):
    """The rows."""
    return [
        world("guard of a year, a look a day: equal, no margin", "equal", guards(1e-9, 0.06, 0.06)),
        world(
            "guard of a year, a look a day: at a margin of 1 point",
            "margin",
            guards(0.01, 0.06, 0.06, 0.01, 0.01),
        ),
        *(
            world(
                f"guard of a year: {100 * worse:g} points worse from day 180 on (labels since)",
                "worse",
                guards(0.01, 0.06, 0.06 + worse, 0.0, worse),
                rollouts=200,
            )
            for worse in (0.03, 0.06, 0.12)
        ),
    ]

"""What the schema of ``spec.rollout`` cannot say."""

from typing import Final

from serin_operator.api.rule import Rule

_TESTERS: Final = "(has(self.testers) && self.testers)"


def _one_source(path: str) -> Rule:
    return Rule(
        path,
        f"!has(self.mirrorPercent) || !{_TESTERS}",
        "Copies and requests of testers cannot be told apart: remove mirrorPercent or testers.",
        field=".testers",
    )


def _only_with(field: str, strategy: str) -> Rule:
    return Rule(
        "spec.rollout",
        f"!has(self.{field}) || (has(self.strategy) && self.strategy == '{strategy}')",
        f"{field} is for strategy {strategy}: remove it, or set strategy: {strategy}.",
        field=f".{field}",
    )


ROLLOUT_RULES: Final = (
    Rule(
        "spec.rollout.steps[].pods",
        "type(self) == int ? (self >= 1 && self <= 1000) : self.matches('^([1-9][0-9]?|100)%$')",
        "Write a number of pods from 1 to 1000, or a percentage of spec.replicas from 1% to 100%.",
    ),
    Rule(
        "spec.rollout.steps[]",
        f"self.weight > 0 || has(self.mirrorPercent) || {_TESTERS} || !has(self.minSamples)",
        "A step of weight 0 gets no requests to take samples of: remove minSamples, or add mirrorPercent or testers.",
        field=".minSamples",
    ),
    Rule(
        "spec.rollout.steps[]",
        "has(self.minSamples) && type(self.minSamples) == string ? self.minSamples == 'Auto' && has(self.detect)"
        " : !has(self.detect) && !has(self.power) && (!has(self.minSamples) || self.minSamples > 0)",
        "minSamples is a number above 0, or Auto with detect: 0.02; a number has no detect.",
        field=".minSamples",
    ),
    Rule(
        "spec.rollout.steps[]",
        f"self.weight == 0 || !(has(self.mirrorPercent) || {_TESTERS})",
        "Copies, and requests of testers, cannot be told from those of a weight: make it two steps, the first with weight 0.",
        field=".weight",
    ),
    *(_one_source(path) for path in ("spec.rollout.steps[]", "spec.rollout.blueGreen")),
    Rule(
        "spec.rollout.steps",
        "self.map(s, s.weight).isSorted() && self.all(s, s.weight == 0 || self.exists_one(t, t.weight == s.weight))",
        "Weights must rise from step to step, without repeats, for example 10, 25, 50: sort them, or remove one.",
    ),
    Rule(
        "spec.rollout",
        "!has(self.strategy) || self.strategy != 'Immediate' || !has(self.steps)",
        "Strategy Immediate moves all traffic at once: remove steps, or use strategy Canary.",
        field=".steps",
    ),
    Rule(
        "spec.rollout",
        "!has(self.strategy) || self.strategy != 'BlueGreen' || !has(self.steps)",
        "Strategy BlueGreen has no steps: remove them and say blueGreen.holdSeconds, or use strategy Canary, whose first"
        " step may have weight 0.",
        field=".steps",
    ),
    Rule(
        "spec.rollout",
        "!has(self.blueGreen) || (has(self.strategy) && self.strategy == 'BlueGreen')",
        "blueGreen is for strategy BlueGreen: remove it, or set strategy: BlueGreen.",
        field=".blueGreen",
    ),
    *(_only_with(field, strategy) for field, strategy in (("shadow", "Shadow"), ("abTest", "ABTest"))),
    Rule(
        "spec.rollout",
        "!has(self.strategy) || !(self.strategy in ['Shadow', 'ABTest']) || !has(self.steps)"
        " || self.steps.all(s, s.weight > 0)",
        "What comes before clients are let in is said in shadow or abTest: give the steps weights above 0, or use strategy"
        " Canary, whose steps may have mirrorPercent and testers.",
        field=".steps",
    ),
    Rule(
        "spec.rollout",
        "!has(self.stableScale) || self.stableScale != 'Shrink' || !has(self.strategy) || self.strategy == 'Canary'"
        " || self.strategy == 'Immediate' || (self.strategy != 'BlueGreen' && has(self.steps))",
        "A version that no client reaches before it takes over needs room for all pods of both versions: remove"
        " stableScale, or use strategy Canary.",
        field=".stableScale",
    ),
    Rule(
        "spec.rollout",
        "!has(self.stableScale) || self.stableScale != 'Shrink' || !has(self.steps)"
        " || self.steps.all(s, !has(s.pods) || s.weight == 0)",
        "With stableScale Shrink both versions share the pods by the weight: remove pods from the steps, or use Keep.",
        field=".steps",
    ),
    Rule(
        "spec",
        "has(self.analysis) || !has(self.rollout) || !has(self.rollout.steps)"
        " || self.rollout.steps.all(s, !has(s.minSamples))",
        "minSamples of a step is for spec.analysis: remove it from the steps, or add spec.analysis.",
        field=".rollout.steps",
    ),
    Rule(
        "spec",
        "!has(self.analysis) || has(self.guard) || !has(self.rollout) || !has(self.rollout.strategy)"
        " || self.rollout.strategy != 'Immediate'",
        "Strategy Immediate leaves nothing to compare: remove spec.analysis, use strategy Canary, or add spec.guard, which"
        " compares afterwards.",
        field=".analysis",
    ),
    Rule(
        "spec",
        "!has(self.rollout) || (has(self.traffic) && has(self.traffic.gateway)) || !((has(self.rollout.strategy) && self.rollout.strategy == 'Shadow')"
        " || (has(self.rollout.steps) && self.rollout.steps.exists(s, has(s.mirrorPercent)))"
        " || (has(self.rollout.blueGreen) && has(self.rollout.blueGreen.mirrorPercent)))",
        "Copies of requests are made by a route that Serin owns, neither by pods nor in a route of yours: add"
        " spec.traffic.gateway, or remove mirrorPercent and strategy Shadow.",
        field=".rollout",
    ),
    Rule(
        "spec",
        "!has(self.rollout) || (has(self.traffic) && has(self.traffic.pins) && self.traffic.pins.exists(p, p.to == 'Canary'))"
        " || !((has(self.rollout.strategy) && self.rollout.strategy == 'ABTest')"
        " || (has(self.rollout.steps) && self.rollout.steps.exists(s, has(s.testers) && s.testers))"
        " || (has(self.rollout.blueGreen) && has(self.rollout.blueGreen.testers) && self.rollout.blueGreen.testers))",
        "Testers are those whom spec.traffic.pins lead to Canary: add one, for example {header: {name: X-Tester, value:"
        ' "yes"}, to: Canary}, or remove testers and strategy ABTest.',
        field=".rollout",
    ),
)

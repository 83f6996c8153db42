"""What this reconcile's look says: the last judgement, or a new one."""

from dataclasses import dataclass, replace

from serin_operator.api.guard import SIMPLE_BASELINE
from serin_operator.api.spec import Analysis
from serin_operator.decide.analysis import AnalysisConfig, InvalidAnalysis
from serin_operator.decide.judging.alone import judged_alone, stays_open
from serin_operator.decide.judging.config import config_of
from serin_operator.decide.judging.guarded import Renewal, floor_of, going_on, renewed_for, told
from serin_operator.decide.judging.judge import Judged, is_about, judge, remembered_judgement
from serin_operator.decide.judging.of_stage import completed, is_ripe, min_samples, planned
from serin_operator.decide.judging.strays import stray
from serin_operator.decide.looks import LookResult
from serin_operator.decide.memory.compared import Sides, sides_of
from serin_operator.decide.memory.comparison import Comparison
from serin_operator.decide.memory.guard import Guard
from serin_operator.decide.memory.memory import Memory
from serin_operator.decide.memory.outbox import Line
from serin_operator.decide.memory.states import Judgement
from serin_operator.decide.traffic.provider import provider_of
from serin_operator.decide.wanted.settings import Settings
from serin_operator.decide.world import World


@dataclass(frozen=True)
class Verdict:
    """Memory after this reconcile's look, if it brought one."""

    memory: Memory
    judgement: Judgement
    lines: tuple[Line, ...] = ()


def judged(world: World, memory: Memory, settings: Settings) -> Verdict:
    """Take this reconcile's look into account, if it is about the present comparison; else the last one counts."""
    wanted, look, sides = _wanted(world, memory, settings), world.look, sides_of(memory)
    if wanted is None:
        return Verdict(memory, Judgement())
    before = Verdict(memory, completed(remembered_judgement(memory.comparison), memory, settings, wanted))
    if look is None or sides is None or sides != Sides(look.look.canary, look.look.stable):
        return before
    if not is_about(memory.comparison, look):
        return before
    try:
        more = planned(memory, settings, wanted, world.config.design_effect)
        config = config_of(wanted, min_samples(memory, settings, wanted), more)
        seen = look if world.mdep.spec.traffic is None else look.by_request()
        if memory.guard and settings.guard:
            if settings.guard.must_beat:
                seen = seen.also(SIMPLE_BASELINE, settings.guard.must_beat)
            seen = seen.of({one.name for one in config.metrics})
            return _of_guard(world, memory, (memory.guard, settings.guard.seconds), config, seen)
        if stays_open(world, memory, wanted, seen):
            return replace(before, memory=replace(memory, comparison=replace(memory.comparison, taken_at=world.now)))
        result = judge(memory.comparison, seen, config, world.now, world.config.design_effect)
    except InvalidAnalysis as error:
        return Verdict(memory, Judgement(passed=False, missing=str(error)))
    except (ArithmeticError, LookupError, TypeError, ValueError) as error:  # evidence that no release has written
        anew = replace(memory.comparison, evidence={}, results=())
        told = {"namespace": world.mdep.namespace, "name": world.mdep.name, "error": f"{type(error).__name__}: {error}"}
        missing = "the evidence in status could not be gone on with, so it begins anew"
        return Verdict(
            replace(memory, comparison=anew),
            Judgement(passed=False, missing=missing),
            (Line("evidence begins anew", told),),
        )
    result = judged_alone(world, memory, wanted, seen, result)
    ripe = is_ripe(memory.rollout, result.comparison, settings)
    comparison = replace(result.comparison, is_ripe=ripe, stray=_stray(world, memory.comparison, look, wanted))
    after = replace(memory, comparison=comparison)
    judgement = completed(replace(result.judgement, is_ripe=ripe), after, settings, wanted)
    return Verdict(after, judgement, (_line(world, look, result),))


def _wanted(world: World, memory: Memory, settings: Settings) -> Analysis | None:
    """What is judged: all that the spec asks for, or what of it goes on in a guard."""
    analysis = world.mdep.spec.analysis
    if analysis is None or memory.guard is None:
        return analysis
    return going_on(analysis, settings.guard.metrics, floor_of(memory, settings)) if settings.guard else None


def _of_guard(world: World, memory: Memory, of: tuple[Guard, int], config: AnalysisConfig, look: LookResult) -> Verdict:
    """A look at a promoted version; one that brought nothing is not worth a line."""
    guard, seconds = of
    before = renewed_for(memory.comparison, guard, look.look.end.timestamp(), seconds)
    result = judge(before, look, config, world.now, world.config.design_effect)
    rows = told(config, memory.comparison.results, result.comparison.results)
    comparison = Renewal.of(before, guard).kept_with(replace(result.comparison, results=rows))
    lines = (_line(world, look, result),) if _moved(before, comparison) else ()
    return Verdict(replace(memory, comparison=comparison), remembered_judgement(comparison), lines)


def _moved(before: Comparison, after: Comparison) -> bool:
    """Whether a look moved evidence, or what is said of it."""
    same = before.evidence.get("metrics") == after.evidence.get("metrics") and before.results == after.results
    return not same


def _stray(world: World, comparison: Comparison, look: LookResult, wanted: Analysis) -> str | None:
    """What is odd about the counts of the open look; a look that a change has closed had other shares."""
    is_open = look.look.start == comparison.look_from
    splits = provider_of(world).splits_requests(world)
    return stray(look, wanted, comparison.share, comparison.mirror) if splits and is_open else None


def _line(world: World, look: LookResult, result: Judged) -> Line:
    """One line a look, from which a history can be replayed."""
    fields = {
        "namespace": world.mdep.namespace,
        "name": world.mdep.name,
        "start": look.look.start.isoformat(),
        "end": look.look.end.isoformat(),
        "canary": look.look.canary,
        "stable": look.look.stable,
        "records": [record.to_dict() for record in result.records],
        "verdicts": {row.metric: row.verdict for row in result.comparison.results},
    }
    return Line("look", fields)

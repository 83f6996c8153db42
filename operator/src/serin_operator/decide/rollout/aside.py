"""What is said of a version that is held at weight 0: a preview, copies of requests, or testers."""

from serin_operator.api.names import ANNOTATION_ACTION
from serin_operator.api.reasons import Reason
from serin_operator.decide.memory.states import Holding, Waiting
from serin_operator.decide.rollout.facts import Facts
from serin_operator.decide.rollout.plan import Plan
from serin_operator.decide.wanted.stages import Stage

GO_ON = f"annotate {ANNOTATION_ACTION}=resume@<a new word>, skip-step@<...> or promote@<...>"


def unjudged(state: Holding, facts: Facts, plan: Plan) -> Waiting:
    """Where nothing is compared, nothing is said of evidence: neither that it is lacking nor that it passed."""
    arm, stage = facts.candidate, plan.stages[state.stage]
    reason, gets = _gets(stage)
    said = f"{arm.version} is ready on {arm.ready} of {arm.wanted} pods and {gets}, for {stage.hold_seconds:.0f} s at least"
    if facts.preview:
        said = f"{said}; try it at Service {facts.preview}"
    if plan.analysed:
        without = "requests" if stage.has_preview or not stage.evidence else "labels"
        said = f"{said}; without {without} spec.analysis compares nothing"
    if not plan.waits_for_person(state):
        return Waiting(reason, said)
    if state.clock.held < stage.hold_seconds:
        return Waiting(reason, f"{said}, and then until a person lets it go")
    return Waiting(Reason.STEP_PAUSED, f"{said}; it waits for a person, as the spec says; {GO_ON}", is_moving=False)


def tried(state: Holding, plan: Plan, then: str) -> Waiting:
    """What is compared speaks for it so far, and its time is not over."""
    stage = plan.stages[state.stage]
    reason, _ = _gets(stage)
    who = "its answers reach no client" if stage.mirror else "nobody else reaches it"
    said = f"{state.candidate.version} at step {plan.place(state.stage)}: {who}, {then}"
    if plan.gathered - stage.evidence:
        said = f"{said}; metrics of labels are not waited for, since no client sees what it predicts"
    return Waiting(reason, said)


def _gets(stage: Stage) -> tuple[Reason, str]:
    if stage.mirror:
        return Reason.MIRRORED, f"gets copies of {stage.mirror} % of the requests, and its answers reach no client"
    if stage.testers:
        return Reason.TESTED, "gets the requests of testers, and nobody else's"
    return Reason.PREVIEWED, "gets no request of clients"

"""What a rollout's state machine sees: read off the world and memory, once for each state."""

from dataclasses import dataclass, field, replace
from datetime import datetime

from serin_operator.api import names
from serin_operator.api.reasons import Reason
from serin_operator.api.uris import comes_alone
from serin_operator.decide.health.diagnosis import hint_of, trouble_of, waits_for_source, words_of
from serin_operator.decide.health.resolving import (
    found_digest,
    found_optimized,
    is_commanded,
    refusal_of_job,
    trouble_of_job,
)
from serin_operator.decide.health.serving import is_down, stable_trouble
from serin_operator.decide.memory.ledger import conflicting, entry, published, was_promoted
from serin_operator.decide.memory.memory import Floor, Memory
from serin_operator.decide.memory.states import Candidate, Idle, Judgement, Kind, Moving, Refusal, Resolving, Waiting
from serin_operator.decide.rollout.intent import Intent, intent_of
from serin_operator.decide.rollout.reach import force_of, refused_stage
from serin_operator.decide.rollout.sizes import goal_of
from serin_operator.decide.rollout.standing import standing
from serin_operator.decide.rollout.target import is_remembered, kind_of, target_of, wanted_revision
from serin_operator.decide.traffic.provider import provider_of
from serin_operator.decide.traffic.split import Force, Lack
from serin_operator.decide.wanted.settings import Settings, enough_of
from serin_operator.decide.world import Pod, World


@dataclass(frozen=True)
class Arm:
    """One version's pods."""

    version: str
    wanted: int
    ready: int
    reached: int
    """Ready pods that requests reach."""
    floor: int | None = None
    """Pods with which it may be judged by its pods at all; what an autoscaler adds meanwhile may lack a node."""
    spare: int = 0
    """Pods among the wanted ones that stand in for one that goes; they may lack a node too."""
    goal: int = 0
    """Pods that it is to have in the end, where it gets them bit by bit; 0: those that are wanted now."""

    @property
    def is_complete(self) -> bool:
        """Every pod that it should have is ready."""
        return self.ready >= self.wanted > 0

    @property
    def is_full_size(self) -> bool:
        """The same of those that it is to have in the end."""
        return self.is_complete and self.ready >= self.goal

    @property
    def bears_its_weight(self) -> bool:
        """Every pod that it should have is ready, but for spare ones."""
        return self.ready >= self.wanted - self.spare > 0

    @property
    def enough(self) -> int:
        """The fewest pods that count as serving at full size."""
        size = max(self.wanted, self.goal)
        return enough_of(size if self.floor is None else min(size, self.floor))


@dataclass(frozen=True)
class Facts:
    """What was observed, as far as the rollout is concerned."""

    now: datetime
    target: Candidate | None
    """What is wanted and is neither stable nor rejected; None: nothing to roll out."""
    candidate: Arm = Arm("", 0, 0, 0)
    stable: Arm | None = None
    """None: no version has ever become stable."""
    force: Force = field(default_factory=lambda: Force(is_reached=False, share=0))
    """How far the traffic that the state wants is in force."""
    born: bool = False
    """The candidate's pod template exists: it was resolved."""
    is_commanded: bool = False
    """The model is resolved, and the command of the preflight runs in its own time."""
    refused: Refusal | None = None
    """The resolve Job's verdict against the candidate."""
    crashes: int = 0
    """Container ends of the candidate's pods after they had been ready."""
    last_words: str | None = None
    """What a container of the candidate said when it ended last."""
    trouble: Refusal | None = None
    """What keeps the candidate's pods, or its resolve Job, from getting on."""
    hint: str | None = None
    """What its pods wait for, although nothing is wrong (yet)."""
    blocked: Refusal | None = None
    """What forbids giving the canary traffic at all, for example no Prometheus."""
    refused_stage: Refusal | None = None
    """Why the present stage, or one after it, cannot be as it is written."""
    hindered: Lack | None = None
    """What keeps requests from being led anywhere else, whichever version they are for."""
    stable_is_down: bool = False
    """Stable serves nothing, and has not for a while."""
    stable_trouble: Refusal | None = None
    judgement: Judgement = field(default_factory=Judgement)
    abort: bool = False
    kind: Kind = Kind.CANARY
    """How the candidate would take over if it began now."""
    standing: Waiting = field(default_factory=lambda: Waiting(Reason.NO_VERSION_YET, "no version has become ready yet"))
    """Where things stand while nothing is rolled out."""
    wants_stable: bool = False
    """The version that is wanted is stable."""
    went_back_to: str | None = None
    """The version that a person, or a guard, went back to, while it is held."""
    why_back: str = "a person went back to it"
    """Why that one comes back, for people."""
    is_remembered: bool = True
    """Something tells how the candidate's pods are made."""
    is_restored: bool = False
    """It was stable once, and comes back."""
    preview: str | None = None
    """Where the candidate can be tried while no client reaches it."""


def facts_of(
    world: World,
    memory: Memory,
    settings: Settings,
    judgement: Judgement,
    *,
    abort: bool = False,
    blocked: Refusal | None = None,
) -> Facts:
    """Observe the world as the rollout's state machine sees it."""
    target = target_of(world, memory, settings)
    rollout = memory.rollout
    refused = refused_stage(world, rollout, settings)
    if isinstance(rollout, Idle):
        return Facts(now=world.now, target=target, standing=standing(world, memory, settings, blocked or refused))
    intent = intent_of(world, memory, settings)
    ours, stable = world.revision(rollout.candidate.revision), memory.stable
    crashed = [pod for pod in ours.servers if _crashes_of(pod, rollout.candidate)]
    return Facts(
        now=world.now,
        target=target,
        candidate=replace(
            _arm(world, rollout.candidate.version, ours.revision, intent, memory.floor),
            spare=intent.spare,
            goal=goal_of(world, memory, settings),
        ),
        stable=_arm(world, stable.version, stable.revision, intent) if stable else None,
        force=force_of(world, rollout, intent),
        born=ours.born is not None,
        is_commanded=isinstance(rollout, Resolving) and is_commanded(world, rollout.candidate),
        refused=_refusal(world, memory, rollout.candidate),
        crashes=sum(_crashes_of(pod, rollout.candidate) for pod in crashed) - rollout.candidate.restarts,
        last_words=next((words_of(pod) for pod in crashed), None),
        trouble=_trouble(world, rollout),
        hint=hint_of(ours),
        blocked=blocked,
        refused_stage=refused,
        hindered=provider_of(world).hindrance(world),
        stable_is_down=is_down(world, memory),
        stable_trouble=stable_trouble(world, memory, intent.replicas.get(stable.revision, 0)) if stable else None,
        judgement=judgement,
        abort=abort,
        wants_stable=stable is not None and stable.revision == wanted_revision(memory, settings),
        went_back_to=memory.hold.version if memory.hold else None,
        why_back=memory.hold.why if memory.hold else Facts.why_back,
        is_remembered=is_remembered(world, settings, ours.revision),
        kind=kind_of(world, memory, settings),
        is_restored=was_promoted(memory.ledger, ours.revision),
        preview=names.preview_service(world.mdep.name) if intent.preview else None,
    )


def _arm(world: World, version: str, revision: str, intent: Intent, floor: Floor | None = None) -> Arm:
    seen, wanted = world.revision(revision), intent.replicas.get(revision, 0)
    return Arm(version, wanted, seen.ready, world.reached(revision), floor.pods if floor else None)


def _crashes_of(pod: Pod, candidate: Candidate) -> int:
    """How often the container of ``pod`` ended after it had been ready; a source that is away is no crash."""
    if not pod.was_ready or waits_for_source(pod):
        return 0
    return max(0, pod.restarts - dict(candidate.warm_restarts).get(pod.name, 0))


def _refusal(world: World, memory: Memory, candidate: Candidate) -> Refusal | None:
    """Why the resolve Job, or the ledger, will not have this candidate."""
    if not isinstance(memory.rollout, Resolving):
        return None
    digest = _published(world, memory, candidate)
    used = conflicting(memory.ledger, candidate.version, digest) if digest else None
    if used:
        return Refusal(
            Reason.VERSION_CONFLICT,
            f"version {candidate.version} already stands for sha256 {published(used)}, and {candidate.shown_uri} now has {digest}:"
            " give the new model a version of its own in spec.model.version",
        )
    return refusal_of_job(world, candidate) or _unsigned(world, memory, candidate, is_resolved=digest is not None)


def _published(world: World, memory: Memory, candidate: Candidate) -> str | None:
    """The digest of what lies at the candidate's source, as far as it is known."""
    if candidate.sha256 is None and (optimized := found_optimized(world, candidate)):
        return optimized.source_sha256 if found_digest(world, candidate) else None
    known = entry(memory.ledger, candidate.revision)
    if known and candidate.sha256:
        return published(known) or candidate.sha256
    return candidate.sha256 or found_digest(world, candidate)


def _unsigned(world: World, memory: Memory, candidate: Candidate, *, is_resolved: bool) -> Refusal | None:
    """Nobody has looked for a signature where one is wanted: the spec does not ask, or the Job's image knew of none."""
    mdep, known = world.mdep, entry(memory.ledger, candidate.revision)
    if mdep.spec.model.verify is None and world.config.wants_signatures(mdep.namespace):
        return Refusal(
            Reason.SIGNATURE_MISSING,
            f"namespace {mdep.namespace} takes signed models only: say in spec.model.verify whose signature {candidate.version}"
            " needs, then annotate serin.dev/action=retry@1",
        )
    if mdep.spec.model.verify and comes_alone(candidate.uri):
        return Refusal(
            Reason.SIGNATURE_MISSING,
            f"spec.model.verify wants a signature, and none comes with the single file {candidate.shown_uri}: name the folder"
            " that holds the model and its model.sig (in a bucket, a registry, a hub or a claim; no https:// has one) in"
            " spec.model.uri, or remove verify and annotate serin.dev/action=retry@1",
        )
    if mdep.spec.model.verify and is_resolved and not (known and known.signer):
        return Refusal(
            Reason.SIGNATURE_MISSING,
            f"the resolve Job of {candidate.version} looked for no signature: its image (spec.runtime.image) is of an earlier"
            " release; name a newer one",
        )
    return None


def _trouble(world: World, rollout: Moving) -> Refusal | None:
    if isinstance(rollout, Resolving):
        return trouble_of_job(world, rollout.candidate)
    return trouble_of(world.revision(rollout.candidate.revision))

"""Which children there should be, and the operations that make it so. Level-triggered: computed anew every time."""

from collections.abc import Iterator

from serin_operator.api import names
from serin_operator.api.names import ObjectRef
from serin_operator.api.reasons import Outcome
from serin_operator.api.serving import Signing
from serin_operator.decide.children import collecting, routes
from serin_operator.decide.children.operations import Adopt, Annotate, Apply, Create, Delete, Operation, Provide, Scale
from serin_operator.decide.health.resolving import is_kept_from_trying_again
from serin_operator.decide.manifests import children as make
from serin_operator.decide.manifests.serving import signing_of, speaks_tls
from serin_operator.decide.memory.ledger import entry
from serin_operator.decide.memory.memory import Memory
from serin_operator.decide.memory.states import Idle, Resolving
from serin_operator.decide.rollout.intent import Intent, intent_of
from serin_operator.decide.traffic.provider import provider_of
from serin_operator.decide.wanted.settings import Settings
from serin_operator.decide.world import ChildMeta, ResolveJob, Revision, World


def operations(world: World, memory: Memory, settings: Settings) -> tuple[Operation, ...]:
    """In the order in which they are safe: the client Service first, what goes away last."""
    intent = intent_of(world, memory, settings)
    return (
        *_adoptions(world),
        *_feedback_keys(world, intent),
        *_client_service(world, intent),
        *routes.operations(world, intent, secure=_is_secure(world, intent)),
        *_births(world, memory, intent, settings),
        *_notes(world, memory),
        *_serving(world, intent),
        *_preview(world, memory, intent),
        *_control(world, memory, intent),
        *_resolving(world, memory, intent, settings),
        *_disruption_budget(world, intent, settings),
        *collecting.operations(world),
        *routes.removals(world, intent),
        *_removals(world, memory, intent, settings),
    )


def _ref(world: World, meta: ChildMeta) -> ObjectRef:
    return ObjectRef(meta.api_version, meta.kind, world.mdep.namespace, meta.name)


def _adoptions(world: World) -> Iterator[Operation]:
    metas = [
        service.meta for service in (world.client_service, world.preview_service, world.control_service) if service
    ]
    for revision in world.revisions.values():
        metas += [o.meta for o in (revision.born, revision.deployment, revision.service, *revision.jobs) if o]
    if world.disruption_budget:
        metas.append(world.disruption_budget)
    metas += [*routes.metas(world), *collecting.metas(world)]
    for meta in metas:
        if not meta.owned:
            yield Adopt(_ref(world, meta), make.owner_reference(world.mdep), meta.resource_version)


def _client_service(world: World, intent: Intent) -> Iterator[Operation]:
    selected = provider_of(world).selected(world, intent.traffic, intent.replicas)
    desired = make.client_service(world.mdep, selected, secure=_is_secure(world, intent))
    service = world.client_service
    yield Apply(desired, service.meta.resource_version) if service else Create(desired)


def _is_secure(world: World, intent: Intent) -> bool:
    """Whether clients may need the TLS ports: the spec wants them, or a version that serves still has them."""
    serving = world.mdep.spec.serving
    born = (world.revision(name).born for name in intent.replicas)
    return bool(serving and serving.tls) or any(speaks_tls(each.template) for each in born if each)


def _feedback_keys(world: World, intent: Intent) -> Iterator[Operation]:
    """The Secret that signs feedback: wanted by the spec, or missed by a version that serves still."""
    desired = make.feedback_secret(world.mdep)
    lacks = [lack for name in intent.replicas for pod in world.revision(name).pods for lack in pod.unmounted]
    is_missed = any(lack.volume == "feedback" and lack.name == desired["metadata"]["name"] for lack in lacks)
    signing = signing_of(world.mdep.spec.serving)
    if signing is Signing.MANAGED or (is_missed and signing is None):
        yield Provide(desired, is_missed=is_missed)


def _births(world: World, memory: Memory, intent: Intent, settings: Settings) -> Iterator[Operation]:
    """What a revision was born with: written from the spec at its birth; if lost later, from the Deployment that runs.

    When a person has deleted both, it is born again if the spec still names it; else only its running pods are left.
    """
    rollout, ordinal = memory.rollout, 1 + max((r.born.ordinal for r in world.revisions.values() if r.born), default=0)
    if isinstance(rollout, Resolving) and rollout.candidate.sha256 and rollout.candidate.revision == settings.revision:
        candidate = rollout.candidate
        if world.revision(candidate.revision).born is None:
            known = entry(memory.ledger, candidate.revision)
            model = make.BornModel(candidate.uri, candidate.sha256 or "", known.optimized if known else None)
            yield Create(make.controller_revision(world.mdep, world.config, candidate.revision, model, ordinal))
    for name in intent.replicas:
        revision, known = world.revision(name), entry(memory.ledger, name)
        if revision.born or known is None or known.sha256 is None:
            continue
        if revision.deployment:
            template = revision.deployment.template
            yield Create(make.controller_revision_again(world.mdep, known, template, ordinal))
        elif name == settings.revision:
            model = make.BornModel(known.uri, known.sha256, known.optimized)
            yield Create(make.controller_revision(world.mdep, world.config, name, model, ordinal))


def _notes(world: World, memory: Memory) -> Iterator[Operation]:
    for revision in world.revisions.values():
        known, born = entry(memory.ledger, revision.revision), revision.born
        if born and known:
            notes = make.notes_of(known.outcome, known.promoted_at)
            if not notes.items() <= born.meta.annotations.items():
                yield Annotate(_ref(world, born.meta), notes, born.meta.resource_version)


def _serving(world: World, intent: Intent) -> Iterator[Operation]:
    for name, replicas in intent.replicas.items():
        revision = world.revision(name)
        if revision.born is None:
            continue
        desired = make.deployment(world.mdep, name, revision.born.template)
        deployment = revision.deployment
        if deployment is None:
            yield Create({**desired, "spec": {**desired["spec"], "replicas": replicas}})
        else:
            yield Apply(desired, deployment.meta.resource_version)
            if deployment.replicas != replicas:
                yield Scale(
                    _ref(world, deployment.meta), replicas, deployment.meta.resource_version, before=deployment.replicas
                )
        service = make.revision_service(world.mdep, name, secure=speaks_tls(revision.born.template))
        yield Apply(service, revision.service.meta.resource_version) if revision.service else Create(service)


def _preview(world: World, memory: Memory, intent: Intent) -> Iterator[Operation]:
    """The Service that leads to a version without clients; it goes as soon as clients reach that version, or never will."""
    service, name = world.preview_service, intent.preview
    born = world.revision(name).born if name else None
    if name and born:
        desired = make.preview_service(world.mdep, name, secure=speaks_tls(born.template))
        yield Apply(desired, service.meta.resource_version) if service else Create(desired)
    elif service and not memory.rebuilt_at:
        yield Delete(_ref(world, service.meta), service.meta.uid)


def _control(world: World, memory: Memory, intent: Intent) -> Iterator[Operation]:
    """The Service by which one version asks the one that it is compared with; without a comparison there is none."""
    service, name = world.control_service, intent.control
    born = world.revision(name).born if name else None
    if name and born:
        desired = make.control_service(world.mdep, name, secure=speaks_tls(born.template))
        yield Apply(desired, service.meta.resource_version) if service else Create(desired)
    elif service and not memory.rebuilt_at:
        yield Delete(_ref(world, service.meta), service.meta.uid)


def _resolving(world: World, memory: Memory, intent: Intent, settings: Settings) -> Iterator[Operation]:
    if intent.resolving is None or isinstance(memory.rollout, Idle):
        return
    candidate = memory.rollout.candidate
    name = names.resolve_job(world.mdep.name, candidate.revision, candidate.attempt)
    jobs = {job.meta.name: job for job in world.revision(candidate.revision).jobs}
    job = jobs.get(name)
    if job is None:
        yield Create(
            make.resolve_job(
                world.mdep,
                world.config,
                candidate.revision,
                candidate.attempt,
                settings.progress_deadline_seconds,
                stable=entry(memory.ledger, memory.stable.revision) if memory.stable else None,
            )
        )
    elif (job.complete and not candidate.sha256) or is_kept_from_trying_again(world, candidate):
        # It ended well and its pod is gone with what it had found, or cannot try again by itself: ask again.
        yield Delete(_ref(world, job.meta), job.meta.uid)


def _disruption_budget(world: World, intent: Intent, settings: Settings) -> Iterator[Operation]:
    budget = world.disruption_budget
    if max(settings.replicas, *intent.replicas.values(), 0) > 1:
        desired = make.disruption_budget(world.mdep)
        yield Apply(desired, budget.resource_version) if budget else Create(desired)
    elif budget:
        yield Delete(_ref(world, budget), budget.uid)


def _removals(world: World, memory: Memory, intent: Intent, settings: Settings) -> Iterator[Operation]:
    """Pods that nobody wants, and Jobs and births that nothing refers to any more."""
    remembered = {v.revision for v in memory.ledger} | set(intent.replicas)
    busy = None if isinstance(memory.rollout, Idle) else memory.rollout.candidate
    for revision in world.revisions.values():
        if revision.revision not in intent.replicas and not memory.rebuilt_at:
            for child in (revision.deployment, revision.service):
                if child:
                    yield Delete(_ref(world, child.meta), child.meta.uid)
        for job in revision.jobs:
            current = busy and job.meta.name == names.resolve_job(world.mdep.name, busy.revision, busy.attempt)
            if (not current or revision.revision != intent.resolving) and not _tells_why(
                memory, settings, revision, job
            ):
                yield Delete(_ref(world, job.meta), job.meta.uid)
        if revision.born and revision.revision not in remembered and not memory.rebuilt_at:
            yield Delete(_ref(world, revision.born.meta), revision.born.meta.uid)


def _tells_why(memory: Memory, settings: Settings, revision: Revision, job: ResolveJob) -> bool:
    """A failed Job of the version that the spec still names is kept: its pod's log may tell more than the message."""
    known = entry(memory.ledger, revision.revision)
    failed = known is not None and known.outcome == Outcome.FAILED_PREFLIGHT
    return failed and job.failed and revision.revision == settings.revision

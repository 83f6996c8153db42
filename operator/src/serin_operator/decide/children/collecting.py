"""Who writes predictions down: there as long as the spec asks for it, and no part of any rollout."""

from collections.abc import Iterator

from serin_operator.api.names import ObjectRef
from serin_operator.decide.children.operations import Apply, Create, Delete, Operation, Provide
from serin_operator.decide.manifests import collector as make
from serin_operator.decide.world import ChildMeta, World


def metas(world: World) -> list[ChildMeta]:
    """Its objects that are there. A stranger of that name is nobody's business where no log is asked for."""
    is_asked = world.mdep.spec.prediction_log is not None
    found = [each.meta for each in (world.collector, world.collector_service) if each]
    found += [world.collector_policy] if world.collector_policy else []
    return [meta for meta in found if meta.owned or is_asked]


def operations(world: World) -> Iterator[Operation]:
    """What makes it so. The key comes first: a pod that lacks it waits."""
    mdep, log = world.mdep, world.mdep.spec.prediction_log
    collector, service = world.collector, world.collector_service
    if log is None:
        for meta in metas(world):
            yield Delete(ObjectRef(meta.api_version, meta.kind, mdep.namespace, meta.name), meta.uid)
        return
    yield Provide(make.secret(mdep), is_missed=collector is not None and not collector.available)
    desired = make.service(mdep)
    yield Apply(desired, service.meta.resource_version) if service else Create(desired)
    if peers := world.config.collector_peers:
        wanted, policy = make.network_policy(mdep, peers), world.collector_policy
        yield Apply(wanted, policy.resource_version) if policy else Create(wanted)
    wanted = make.deployment(mdep, log, world.config)
    if collector is None:
        yield Create({**wanted, "spec": {**wanted["spec"], "replicas": 1}})
    else:
        yield Apply(wanted, collector.meta.resource_version)

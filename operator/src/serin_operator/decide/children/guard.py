"""Nothing that serves is taken away before something else serves: the last check of every decision, in one place."""

from collections.abc import Iterable
from typing import Any

from serin_operator.api.names import HTTP_ROUTE
from serin_operator.decide.children.operations import Apply, Create, Delete, Operation, Rewrite
from serin_operator.decide.traffic.replica_ratio import pinned_revision
from serin_operator.decide.world import Revision, World


def keep_what_serves(
    world: World, todo: Iterable[Operation], *, asleep: bool = False
) -> tuple[tuple[Operation, ...], str | None]:
    """The operations without those that would take the last endpoints of the client Service, or of what a route leads to.

    Args:
        world: As observed.
        todo: What is to be done.
        asleep: Nothing is to serve, so nothing has to be kept for it.

    Returns:
        What may be done now, and a sentence about what is kept because nothing else could serve instead. What is merely
        put off until the Service's endpoints, or a gateway, follow is not worth a sentence.
    """
    operations = tuple(todo)
    if asleep:
        return operations, None
    kept: list[str] = []
    selected = _selected_after(world, operations)
    if _would_lose_all(world, selected):
        operations = tuple(o for o in operations if not _leads(world, o))
        selected = _selected_now(world)
        kept.append(f"Service {world.mdep.name} goes on selecting what serves: no pod of the wanted version is ready")
    operations = tuple(o for o in operations if not _cuts_a_route(world, o, selected))
    doomed = {revision.revision for revision in world.revisions.values() if _is_deleted(revision, operations)}
    left = [r for r in world.revisions.values() if r.revision not in doomed and selected in {None, r.revision}]
    if not doomed or any(_serving(world, revision) for revision in left):
        return operations, _sentence(kept)
    spared = [r for r in world.revisions.values() if r.revision in doomed and r.has_proven_itself]
    uids = {r.deployment.meta.uid for r in spared if r.deployment}
    if spared and not any(r.ready for r in left):
        kept.append(f"pods of revision {spared[0].revision} are kept: nothing else is ready to serve")
    return tuple(o for o in operations if not (isinstance(o, Delete) and o.uid in uids)), _sentence(kept)


def routed(world: World) -> frozenset[str]:
    """Revisions that a route may send requests to: by what it says, or by what it said before, if a parent still goes by that."""
    if world.routing.is_outage:  # a route that nobody sees may lead to any of them
        return frozenset(r.revision for r in world.revisions.values() if r.service)
    attached = [route for route in world.routing.routes if route.is_attached]
    services = {service for route in attached for service in route.services}
    own = world.routing.route
    lags = own is not None and own.is_attached and own.lags
    pods = {pod for service in services for pod in world.behind.get(service, ())}
    return frozenset(
        r.revision
        for r in world.revisions.values()
        if r.service and (lags or r.service.meta.name in services or any(p.name in pods for p in r.pods))
    )


def _cuts_a_route(world: World, operation: Operation, selected: str | None) -> bool:
    """Whether it takes away what a route leads to, or the route before the client Service leads to what serves."""
    if not isinstance(operation, Delete):
        return False
    if operation.ref.kind == HTTP_ROUTE:
        leads = selected == _selected_now(world) and world.client_service is not None
        return not leads or not any(_serving_by_service(world, r) for r in world.revisions.values())
    kept = routed(world)
    mine = (child for r in world.revisions.values() if r.revision in kept for child in (r.deployment, r.service))
    return any(child is not None and child.meta.uid == operation.uid for child in mine)


def _serving_by_service(world: World, revision: Revision) -> bool:
    return any(pod.ready and pod.name in world.endpoints for pod in revision.servers)


def _would_lose_all(world: World, selected: str | None) -> bool:
    """Whether nothing that will be selected is ready, and something that is selected now has proven itself."""
    if selected is None or world.revision(selected).ready:
        return False
    now = _selected_now(world)
    others = (r for r in world.revisions.values() if r.revision != selected and now in {None, r.revision})
    return world.client_service is not None and any(r.has_proven_itself for r in others)


def _serving(world: World, revision: Revision) -> int:
    return world.reached(revision.revision)


def _is_deleted(revision: Revision, operations: tuple[Operation, ...]) -> bool:
    deployment = revision.deployment
    return deployment is not None and any(isinstance(o, Delete) and o.uid == deployment.meta.uid for o in operations)


def _leads(world: World, operation: Operation) -> bool:
    """Whether the operation says where requests go."""
    if isinstance(operation, Rewrite):
        return True
    is_route = isinstance(operation, Apply | Create) and operation.obj["kind"] == HTTP_ROUTE
    return is_route or _selects(world, operation)


def _selects(world: World, operation: Operation) -> bool:
    """Whether the operation writes the client Service."""
    if not isinstance(operation, Apply | Create):
        return False
    obj: Any = operation.obj
    return (obj["kind"], obj["metadata"]["name"]) == ("Service", world.mdep.name)


def _selected_after(world: World, operations: tuple[Operation, ...]) -> str | None:
    for operation in operations:
        if isinstance(operation, Apply | Create) and _selects(world, operation):
            return pinned_revision(operation.obj["spec"]["selector"])
    return _selected_now(world)


def _selected_now(world: World) -> str | None:
    return pinned_revision(world.client_service.selector) if world.client_service else None


def _sentence(kept: list[str]) -> str | None:
    return "; ".join(kept) or None

"""Traffic by replica ratio: how many canary pods make a weight, and which pods the client Service selects."""

from collections.abc import Iterator, Mapping
from math import floor

from serin_operator.api import names
from serin_operator.api.reasons import Reason
from serin_operator.decide.traffic import beside
from serin_operator.decide.traffic.aside import refused_without_route
from serin_operator.decide.traffic.split import Arms, Force, Lack, Pinned, Split, Traffic, share_of, tolerance
from serin_operator.decide.traffic.wish import Wish
from serin_operator.decide.wanted.stages import Stage
from serin_operator.decide.world import Revision, World


class ReplicaRatio:
    """Kubernetes spreads connections evenly over the pods that a Service selects, so pods make the weight."""

    def canary_pods(self, stable: int, weight: int) -> int:
        """Canary pods beside ``stable`` pods for ``weight`` percent of connections; at least one.

        Stable keeps its full scale, so half of the traffic is the most that a canary can get: weights above 50 act as 50.
        """
        share = min(weight, 50)
        wanted = floor(stable * share / (100 - share) + 0.5)
        return max(1, min(wanted, stable))

    def fewest_pods(self, stable: int) -> int:  # noqa: ARG002 - connections go to whichever pods there are
        """One: a pod that goes takes its share with it, and stable's get it."""
        return 1

    def contradiction(self, stable: int, canary: int, weight: int) -> str | None:
        """Pods make the weight, so pods that are asked for have to make the one that is asked for, give or take a pod."""
        needed = self.canary_pods(stable, weight)
        if abs(canary - needed) <= 1:
            return None
        return (
            f"{canary} canary pods beside {stable} of stable get {share_of(stable, canary):.0f} % of the connections, not"
            f" {weight} %: without a gateway the pods make the weight, and {needed} would; leave pods out, or write that weight"
        )

    def selected(self, world: World, traffic: Traffic, wanted: Mapping[str, int]) -> str | None:
        """A split opens the Service, unless pods would get requests then that should get none."""
        match traffic:
            case Pinned(revision=revision):
                return revision
            case Split(stable=stable):
                return stable if any(_in_the_way(world, traffic, wanted)) else None

    def force(self, world: World, traffic: Traffic, wanted: Mapping[str, int]) -> Force:
        """What the Service selects, and what its EndpointSlices say of it."""
        match traffic:
            case Pinned(revision=revision):
                return force_of_pin(world, revision)
            case Split():
                return _force_of_split(world, traffic, wanted)

    def wish(self, world: World, traffic: Traffic, wanted: Mapping[str, int]) -> Wish:  # noqa: ARG002 - as of all
        """No route; what was borrowed from people's is given back."""
        return Wish(reweighs=tuple(beside.given_back(world)), canary_service=beside.canary_service(world, traffic))

    def arms(self, world: World, stable: str, canary: str) -> Arms:
        """By the pods that requests reach."""
        return Arms(world.reached(stable), world.reached(canary))

    def splits_requests(self, world: World) -> bool:  # noqa: ARG002 - of all of them
        """Connections are."""
        return False

    def lack(self, world: World, revision: str) -> Lack | None:
        """What the client Service selects."""
        return lack_of_service(world, revision)

    def hindrance(self, world: World) -> None:
        """A Service can always be pointed elsewhere."""

    def refuses(self, world: World, stage: Stage) -> Lack | None:  # noqa: ARG002 - whatever there is
        """Copies of requests, and ways for testers alone."""
        return refused_without_route(stage)

    def look_again_in(self, world: World) -> None:
        """Watches tell everything."""


def lack_of_service(world: World, revision: str) -> Lack | None:
    """Why the client Service, as observed, does not lead to ``revision`` alone."""
    if is_pinned_to(world, revision):
        return None
    said = f"Service {world.mdep.name} is gone or selects something else; it is being put right"
    return Lack(Reason.REPAIRING, said)


def force_of_pin(world: World, revision: str) -> Force:
    """How far the client Service leads to ``revision``, and nothing leads elsewhere."""
    name = world.mdep.name
    if not is_pinned_to(world, revision):
        return Force(is_reached=False, share=0, waits_for=f"Service {name} does not select revision {revision} yet")
    if not world.reached(revision):
        ready = world.revision(revision).ready
        said = f"the EndpointSlices of Service {name} name no ready pod of revision {revision}"
        return Force(is_reached=False, share=0, waits_for=said, slices_behind=ready > 0)
    if not world.reaches_only(revision):
        by = f"the EndpointSlices of Service {name} still name"
        if is_by_route := all(p.name not in world.endpoints for r in _others(world, revision) for p in r.pods):
            by = "a route still leads to"
        said = f"{by} {_first_other(world, revision)}"
        return Force(is_reached=False, share=100, waits_for=said, slices_behind=not is_by_route)
    return Force(is_reached=True, share=100, is_exact=True)


def _force_of_split(world: World, split: Split, wanted: Mapping[str, int]) -> Force:
    stable, canary = world.reached(split.stable), world.reached(split.canary)
    share = share_of(stable, canary)
    rounded = floor(share + 0.5)
    if lacking := next(_in_the_way(world, split, wanted), None):
        return Force(is_reached=False, share=rounded, waits_for=lacking)
    if not is_open(world):
        return Force(
            is_reached=False, share=0, waits_for=f"Service {world.mdep.name} does not select both versions yet"
        )
    goal = share_of(wanted.get(split.stable, 0), wanted.get(split.canary, 0))
    pods = sum(wanted.get(each, 0) for each in (split.stable, split.canary))
    if stable and canary and abs(share - goal) <= tolerance(pods):
        is_exact = (stable, canary) == (wanted.get(split.stable), wanted.get(split.canary))
        return Force(is_reached=True, share=rounded, is_exact=is_exact)
    behind = all(world.revision(each).ready >= wanted.get(each, 0) for each in (split.stable, split.canary))
    said = (
        f"requests reach {stable} of {wanted.get(split.stable, 0)} stable"
        f" and {canary} of {wanted.get(split.canary, 0)} canary pods"
    )
    return Force(is_reached=False, share=rounded, waits_for=said, slices_behind=behind)


def _in_the_way(world: World, split: Split, wanted: Mapping[str, int]) -> Iterator[str]:
    """Pods that an open Service would send requests to: of a third revision, or more of the canary than make its weight.

    Those on their way out get none. Where the canary has its share already, a pod too many is no reason to take it away.
    """
    for revision in world.revisions.values():
        if revision.revision not in {split.stable, split.canary}:
            for pod in revision.servers:
                yield f"pod {pod.name} of revision {revision.revision} is still there and would get requests"
    ready, most = world.revision(split.canary).ready, wanted.get(split.canary, 0)
    if ready > most and not is_open(world):
        yield f"{ready} canary pods are there, and only {most} are to get requests"


def _first_other(world: World, revision: str) -> str:
    named = (
        f"pod {p.name} of revision {r.revision}{' (Terminating)' if p.terminating else ''}"
        for r in _others(world, revision)
        for p in r.pods
        if p.name in world.endpoints or p.name in world.routed
    )
    return next(named, "another pod")


def _others(world: World, revision: str) -> Iterator[Revision]:
    return (r for r in world.revisions.values() if r.revision != revision)


def selector(name: str, revision: str | None) -> dict[str, str]:
    """Selector of the client Service: pinned to ``revision``, or (None) open to every serving pod."""
    base = {names.LABEL_MODEL_DEPLOYMENT: name, names.LABEL_COMPONENT: names.COMPONENT_SERVER}
    return base if revision is None else {**base, names.LABEL_REVISION: revision}


def pinned_revision(service_selector: Mapping[str, str]) -> str | None:
    """The one revision that a selector admits; None when it is open."""
    return service_selector.get(names.LABEL_REVISION)


def is_pinned_to(world: World, revision: str) -> bool:
    """Whether the client Service, as observed, selects ``revision`` only."""
    service = world.client_service
    return service is not None and pinned_revision(service.selector) == revision


def is_open(world: World) -> bool:
    """Whether the client Service, as observed, selects every serving pod."""
    service = world.client_service
    return service is not None and pinned_revision(service.selector) is None

"""What the parents of a route say of it, and what of that is in the way."""

from collections.abc import Iterable

from serin_operator.api.reasons import Reason
from serin_operator.decide.route import Answer, Parent, Route, Said
from serin_operator.decide.traffic.split import Lack

_LONGEST = 300
_PASSING = frozenset({"BackendNotFound", "Pending"})
"""Reasons of parents that pass as soon as they have heard of our Services."""


def lack_of(route: Route, parents: Iterable[Parent] | None = None) -> Lack | None:
    """What keeps the route, as it is now, from being followed; None: every parent has accepted it and its references.

    Args:
        route: As observed.
        parents: Who has to say so; None: whoever says anything.
    """
    wanted = tuple(parents) if parents is not None else tuple(dict.fromkeys(a.parent for a in route.answers))
    if not wanted:
        return _silent(route, "no Gateway or mesh")
    return next((lack for parent in wanted if (lack := _of_one(route, parent))), None)


def _of_one(route: Route, parent: Parent) -> Lack | None:
    answers = [answer for answer in route.answers if answer.parent == parent]
    if not answers:
        return _silent(route, str(parent))
    lacks = [_of_answer(route, answer) for answer in answers]
    return None if None in lacks else lacks[0]


def _of_answer(route: Route, answer: Answer) -> Lack | None:
    for said, what in ((answer.accepted, "accept"), (answer.resolved, "resolve the references of")):
        if said is None or said.generation < route.generation:
            return _pending(route, str(answer.parent))
        if not said.is_true:
            return _refused(route, answer.parent, said, what)
    return None


def _refused(route: Route, parent: Parent, said: Said, what: str) -> Lack:
    words = f": {said.message[:_LONGEST]}" if said.message else ""
    message = f"{parent} does not {what} {route.meta.kind} {route.meta.name} ({said.reason}){words}"
    return Lack(Reason.ROUTE_NOT_ACCEPTED, message, needs_person=said.reason not in _PASSING)


def _pending(route: Route, parent: str) -> Lack:
    message = (
        f"{parent} has not taken up {route.meta.kind} {route.meta.name} as it is now (generation {route.generation});"
        " its controller does that"
    )
    return Lack(Reason.ROUTE_PENDING, message)


def _silent(route: Route, parent: str) -> Lack:
    message = (
        f"{parent} has said nothing about {route.meta.kind} {route.meta.name}: it has to be there, its controller to run,"
        " and its listener to allow routes from this namespace"
    )
    return Lack(Reason.ROUTE_PENDING, message)

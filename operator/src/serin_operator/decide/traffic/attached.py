"""What the parents of a route say of it, and what of that is in the way."""

from collections.abc import Iterable
from datetime import datetime

from serin_operator.api.reasons import Reason
from serin_operator.decide.route import Answer, Parent, Route, Said
from serin_operator.decide.traffic.split import Lack

_LONGEST = 300
_PATIENCE_SECONDS = 60.0
_PASSING = frozenset({"BackendNotFound", "Pending"})
"""Reasons of parents that pass as soon as they have heard of our Services."""


def lack_of(route: Route, now: datetime, parents: Iterable[Parent] | None = None) -> Lack | None:
    """What keeps the route, as it is now, from being followed; None: every parent has accepted it and its references.

    Args:
        route: As observed.
        now: The time: what usually passes in a moment is a person's affair when it does not.
        parents: Who has to say so; None: whoever says anything.
    """
    wanted = tuple(parents) if parents is not None else tuple(dict.fromkeys(a.parent for a in route.answers))
    if not wanted:
        return _silent(route, "no Gateway or mesh", now)
    return next((lack for parent in wanted if (lack := _of_one(route, parent, now))), None)


def _of_one(route: Route, parent: Parent, now: datetime) -> Lack | None:
    answers = [answer for answer in route.answers if answer.parent == parent]
    if not answers:
        return _silent(route, str(parent), now)
    lacks = [_of_answer(route, answer, now) for answer in answers]
    return None if None in lacks else lacks[0]


def _of_answer(route: Route, answer: Answer, now: datetime) -> Lack | None:
    for said, what in ((answer.accepted, "accept"), (answer.resolved, "resolve the references of")):
        if said is None or said.generation < route.generation:
            return _pending(route, str(answer.parent))
        if not said.is_true:
            return _refused(route, answer.parent, said, what, now)
    return None


def _refused(route: Route, parent: Parent, said: Said, what: str, now: datetime) -> Lack:
    words = f": {said.message[:_LONGEST]}" if said.message else ""
    message = f"{parent} does not {what} {route.meta.kind} {route.meta.name} ({said.reason}){words}"
    is_new = said.since is not None and _seconds(said.since, now) < _PATIENCE_SECONDS
    return Lack(Reason.ROUTE_NOT_ACCEPTED, message, needs_person=not (is_new and said.reason in _PASSING))


def _pending(route: Route, parent: str) -> Lack:
    message = (
        f"{parent} has not taken up {route.meta.kind} {route.meta.name} as it is now (generation {route.generation});"
        " its controller does that"
    )
    return Lack(Reason.ROUTE_PENDING, message)


def _silent(route: Route, parent: str, now: datetime) -> Lack:
    message = (
        f"{parent} has said nothing about {route.meta.kind} {route.meta.name}: it has to be there, its controller to run,"
        " and its listener to allow routes from this namespace"
    )
    is_late = _seconds(route.meta.created_at, now) >= _PATIENCE_SECONDS
    return Lack(Reason.ROUTE_PENDING, message, needs_person=is_late)


def _seconds(since: datetime, now: datetime) -> float:
    return (now - since).total_seconds()

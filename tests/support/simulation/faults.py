"""What the API server refuses, and how often: declared beforehand."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from serin_operator.api.names import ObjectRef
from serin_operator.cluster.errors import ApiError, Conflict, Forbidden, Invalid, Transient

Words = Callable[[int], str]
Body = Mapping[str, Any]


@dataclass
class Fault:
    """Writes that are refused."""

    error: type[ApiError]
    words: Words
    verb: str | None = None
    """create, apply, scale, delete, patch or status; None: any."""
    kind: str | None = None
    name: str | None = None
    when: Callable[[Body], bool] | None = None
    """Looks at what is written."""
    nth: int = 1
    """The first that is refused, among those that match."""
    times: int | None = None
    """How many; None: all from then on."""
    seen: int = 0

    def refusal(self, verb: str, ref: ObjectRef, body: Body) -> ApiError | None:
        """The error of this write, if it is refused."""
        if self.verb not in {None, verb} or self.kind not in {None, ref.kind} or self.name not in {None, ref.name}:
            return None
        if self.when is not None and not self.when(body):
            return None
        self.seen += 1
        last = None if self.times is None else self.nth + self.times - 1
        if self.seen < self.nth or (last is not None and self.seen > last):
            return None
        return self.error(f"{verb} {ref}: {self.words(self.seen)}")


@dataclass
class Faults:
    """All that are declared."""

    declared: list[Fault] = field(default_factory=list)
    writes_until_death: int | None = None

    def check(self, verb: str, ref: ObjectRef, body: Body) -> None:
        """Raise what this write meets."""
        for fault in self.declared:
            if (error := fault.refusal(verb, ref, body)) is not None:
                raise error


def conflict(**where: object) -> Fault:
    """409: somebody was quicker; once."""
    return _fault(Conflict, lambda _n: "the object has been modified", {"times": 1, **where})


def unavailable(**where: object) -> Fault:
    """503; once."""
    return _fault(Transient, lambda _n: "HTTP 503", {"times": 1, **where})


def webhook(**where: object) -> Fault:
    """An admission webhook that says no for ever, each time with another request id."""
    said = 'admission webhook "policy.example.com" denied the request: no budget (request id {:08x})'
    return _fault(Forbidden, lambda n: said.format(n * 7919), where)


def quota(**where: object) -> Fault:
    """A ResourceQuota that is used up."""
    return _fault(Forbidden, lambda _n: "exceeded quota: team, requested: pods=1, used: pods=5, limited: pods=5", where)


def invalid(**where: object) -> Fault:
    """422: a field that the API server does not take."""
    return _fault(Invalid, lambda _n: "spec.template.spec.tolerations[0].key: Invalid value", where)


def _fault(error: type[ApiError], words: Words, where: dict[str, object]) -> Fault:
    return Fault(error, words, **where)  # type: ignore[arg-type]

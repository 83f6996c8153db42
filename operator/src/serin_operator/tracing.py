"""Spans: what a reconcile did and how long each part of it took, for who has asked for them.

A step becomes a span where another one is current, and nothing elsewhere: whoever does something worth telling need not know whether
anybody wants to hear of it. Identities are those of W3C's Trace Context.
"""

import random
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from contextvars import Context, ContextVar, Token, copy_context
from types import TracebackType
from typing import Final, Self

Value = str | int | float
Take = Callable[["Span"], None]

_CURRENT: Final[ContextVar["Span | None"]] = ContextVar("span", default=None)


class Span:
    """One piece of work, current from its beginning to its end, as a context manager.

    Args:
        name: What is done; the same for all that do the same.
        take: Gets the span when it has ended.
        attributes: What is known at its beginning.
        parent: The span that it belongs to; with none a trace begins.
        is_call: Whether somebody else does the work.
    """

    __slots__ = (
        "_began",
        "_take",
        "_token",
        "attributes",
        "began_ns",
        "ended_ns",
        "is_call",
        "name",
        "parent_id",
        "span_id",
        "trace_id",
    )

    def __init__(
        self,
        name: str,
        take: Take,
        attributes: Mapping[str, Value] | None = None,
        *,
        parent: "Span | None" = None,
        is_call: bool = False,
    ) -> None:
        self.name = name
        self.trace_id: str = parent.trace_id if parent is not None else f"{_number(128):032x}"
        self.parent_id = parent.span_id if parent is not None else ""
        self.span_id: str = f"{_number(64):016x}"
        self.attributes: dict[str, Value] = {**(attributes or {})}
        self.is_call = is_call
        self.began_ns = self.ended_ns = time.time_ns()
        self._began = time.perf_counter_ns()
        self._take = take
        self._token: Token[Span | None] | None = None

    def __enter__(self) -> Self:
        self._token = _CURRENT.set(self)
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        if self._token is not None:
            _CURRENT.reset(self._token)
        if error is not None:
            self.fail(error)
        self.ended_ns = self.began_ns + time.perf_counter_ns() - self._began
        self._take(self)

    def step(self, name: str, attributes: Mapping[str, Value] | None = None, *, is_call: bool = False) -> "Span":
        """A part of it."""
        return Span(name, self._take, attributes, parent=self, is_call=is_call)

    def fail(self, error: BaseException) -> None:
        """It did not come off. What the error says stays in the log, which has this span's name."""
        self.attributes["error.type"] = type(error).__name__

    def traceparent(self) -> str:
        """What others are told, so that their spans become parts of this one."""
        return f"00-{self.trace_id}-{self.span_id}-01"


Step = AbstractContextManager[Span | None]
NOTHING: Final[Step] = nullcontext()
"""The step that nobody wants to hear of."""


def current() -> Span | None:
    """The span that is under way here; None where nobody wants to hear of it."""
    return _CURRENT.get()


def step(name: str, *, is_call: bool = False) -> Step:
    """A part of what is under way; one that somebody else does, or not."""
    span = _CURRENT.get()
    return NOTHING if span is None else span.step(name, is_call=is_call)


def note(attribute: str, value: Value) -> None:
    """Something that is worth knowing of what is under way."""
    span = _CURRENT.get()
    if span is not None:
        span.attributes[attribute] = value


def failed(error: BaseException) -> None:
    """What is under way did not come off, though the error goes no further."""
    span = _CURRENT.get()
    if span is not None:
        span.fail(error)


def within(span: Span | None) -> Context:
    """A context in which this span is current, for work that goes on beside what has asked for it."""
    context = copy_context()
    context.run(_CURRENT.set, span)
    return context


def _number(bits: int) -> int:
    """No secret: it only has to be another one. Zero means none."""
    return random.getrandbits(bits) or 1

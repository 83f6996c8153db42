"""Reads the part of PromQL that the operator asks and that people write in the rows: an expression as a tree.

Its answers are held to those of Prometheus' own tool by tests/properties/analysis/test_chain.py.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

_TOKEN = re.compile(
    r"""\s*(?:(?P<duration>\d+(?:\.\d+)?(?:ms|[smhd])(?![\w.]))|(?P<number>\d+(?:\.\d+)?(?:e[+-]?\d+)?)|(?P<word>[a-zA-Z_]\w*)"""
    r"""|(?P<text>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')|(?P<sign>=~|!~|!=|==|>=|<=|[-+*/(){}\[\],@:=<>]))"""
)
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_AGGREGATES = frozenset({"sum", "max", "min", "avg", "count"})
_LEVELS = (("or",), ("==", "!=", ">=", "<=", ">", "<"), ("+", "-"), ("*", "/"))
"""Operators by how loosely they bind; those of one level from left to right."""
_ESCAPED = {"n": "\n", "t": "\t"}


@dataclass(frozen=True)
class Number:
    """A scalar."""

    value: float


@dataclass(frozen=True)
class Text:
    """A string, which functions take."""

    value: str


@dataclass(frozen=True)
class Selector:
    """Series by name and matchers (label, operator, value); over `window` seconds where it is a range, at `moment` where that is said."""

    name: str
    matchers: tuple[tuple[str, str, str], ...]
    window: float | None = None
    moment: float | None = None


@dataclass(frozen=True)
class Subquery:
    """An expression at every `step` of the last `window` seconds. `written` is its text: what is asked thrice is answered once."""

    of: "Node"
    window: float
    step: float
    moment: float | None
    written: str


@dataclass(frozen=True)
class Call:
    """A function of its arguments."""

    function: str
    arguments: tuple["Node", ...]


@dataclass(frozen=True)
class Aggregate:
    """Over all series that have the same values of some labels."""

    function: str
    by: tuple[str, ...]
    of: "Node"


@dataclass(frozen=True)
class Binary:
    """Two expressions and what is between them."""

    operator: str
    left: "Node"
    right: "Node"


Node = Number | Text | Selector | Subquery | Call | Aggregate | Binary


def parsed(text: str) -> Node:
    """The tree of an expression. Raises `ValueError` with the place that is not understood."""
    reader = _Reader(text)
    node = reader.expression(0)
    if reader.kind:
        raise ValueError(f"not understood from {text[reader.start : reader.start + 40]!r}")
    return node


class _Reader:
    """Token by token, with the next one always known."""

    def __init__(self, text: str) -> None:
        self.source = re.sub(r"#[^\n]*", lambda found: " " * len(found[0]), text) if "#" in text else text
        self.end = 0
        self.advance()

    def advance(self) -> None:
        self.last = self.end
        found = _TOKEN.match(self.source, self.end)
        if found is None:
            if self.source[self.end :].strip():
                raise ValueError(f"not understood: {self.source[self.end : self.end + 40]!r}")
            self.kind, self.token, self.start = "", "", len(self.source)
            return
        self.kind, self.start, self.end = found.lastgroup or "", found.start(found.lastgroup or 0), found.end()
        self.token = found[self.kind]

    def take(self, token: str) -> None:
        if self.token != token:
            raise ValueError(f"{token!r} is missing before {self.source[self.start : self.start + 40]!r}")
        self.advance()

    def took(self, token: str) -> bool:
        is_there = self.token == token and self.kind in {"sign", "word"}
        if is_there:
            self.advance()
        return is_there

    def expression(self, level: int) -> Node:
        if level == len(_LEVELS):
            return self.ranged()
        left = self.expression(level + 1)
        while self.token in _LEVELS[level] and self.kind in {"sign", "word"}:
            operator = self.token
            self.advance()
            left = Binary(operator, left, self.expression(level + 1))
        return left

    def ranged(self) -> Node:
        begin = self.start
        node = self.atom()
        while self.token in {"[", "@"} and self.kind == "sign":
            if self.took("@"):
                node = _at(node, float(self.value("number")))
                continue
            self.take("[")
            window = self.seconds()
            step = self.seconds() if self.took(":") else None
            self.take("]")
            written = self.source[begin : self.last]
            moment = float(self.value("number")) if self.took("@") else None
            if step is not None:
                node = Subquery(node, window, step, moment, f"{written}{moment}")
            elif isinstance(node, Selector):
                node = Selector(node.name, node.matchers, window, moment)
            else:
                raise ValueError(f"only series have a range: {written!r}")
        return node

    def value(self, kind: str) -> str:
        if self.kind != kind:
            raise ValueError(f"a {kind} is missing before {self.source[self.start : self.start + 40]!r}")
        token = self.token
        self.advance()
        return token

    def seconds(self) -> float:
        number, unit = re.fullmatch(r"([\d.]+)([a-z]+)", self.value("duration")).groups()  # type: ignore[union-attr]
        return float(number) * _SECONDS[unit]

    def atom(self) -> Node:
        if self.took("("):
            node = self.expression(0)
            self.take(")")
            return node
        match self.kind:
            case "number":
                return Number(float(self.value("number")))
            case "text":
                return Text(_unquoted(self.value("text")))
            case "word":
                return self.named(self.value("word"))
        raise ValueError(f"not understood: {self.source[self.start : self.start + 40]!r}")

    def named(self, word: str) -> Node:
        if word in _AGGREGATES and self.token in {"by", "("}:
            by = self.labels() if self.took("by") else ()
            self.take("(")
            node = self.expression(0)
            self.take(")")
            return Aggregate(word, by or (self.labels() if self.took("by") else ()), node)
        if self.took("("):
            return Call(word, tuple(self.separated(")", lambda: self.expression(0))))
        return Selector(word, tuple(self.separated("}", self.matcher)) if self.took("{") else ())

    def labels(self) -> tuple[str, ...]:
        self.take("(")
        return tuple(self.separated(")", lambda: self.value("word")))

    def matcher(self) -> tuple[str, str, str]:
        label, operator = self.value("word"), self.value("sign")
        return label, operator, _unquoted(self.value("text"))

    def separated(self, end: str, one) -> Sequence:
        found = []
        while not self.took(end):
            found.append(one())
            if self.token != end:
                self.take(",")
        return found


def _at(node: Node, moment: float) -> Node:
    if not isinstance(node, Selector):
        raise ValueError("@ stands behind series, or behind a range")  # noqa: TRY004
    return Selector(node.name, node.matchers, node.window, moment)


def _unquoted(text: str) -> str:
    return re.sub(r"\\(.)", lambda found: _ESCAPED.get(found[1], found[1]), text[1:-1])

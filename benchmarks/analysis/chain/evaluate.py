"""Answers queries about what was scraped, as Prometheus 3 does: instant vectors of `promql`'s trees."""

import re
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from math import floor, nan

from benchmarks.analysis.chain.promql import Aggregate, Binary, Call, Node, Number, Selector, Subquery, Text, parsed
from benchmarks.analysis.chain.storage import Storage

from serin_operator.observe.prometheus_client import PrometheusRefused, Series

Element = tuple[Mapping[str, str], float]
Vector = list[Element]
Range = list[tuple[Mapping[str, str], list[tuple[float, float]]]]
"""Labels and (time, value), the last one first."""
_REACH: float = 1.1
"""A window reaches to its end where the last sample is no further from it than so many times the time between two."""


class Prometheus:
    """Instant queries, as the operator's client asks them."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage

    async def query(self, promql: str, at: float) -> list[Series]:
        """The instant vector at a moment, in unix seconds. Raises `PrometheusRefused` where the query is not understood."""
        try:
            value = Evaluation(self._storage).of(parsed(promql), at)
        except ValueError as error:
            raise PrometheusRefused(f"Prometheus refuses the query: {error}") from error
        if isinstance(value, float):
            return [Series({}, value, at)]
        return [Series(labels, told, at) for labels, told in value]


class Evaluation:
    """Of one query."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage
        self._known: dict[tuple[str, float], Range] = {}

    def of(self, node: Node, at: float) -> Vector | float:
        """A vector, or a scalar."""
        match node:
            case Number(value):
                return value
            case Selector(window=None):
                return [(labels, value) for labels, _, value in self._instant(node, at)]
            case Call(function, arguments):
                return self._called(function, arguments, at)
            case Aggregate(function, by, inner):
                return _aggregated(function, by, self._vector(inner, at))
            case Binary("or", _, _):
                return _united([self._vector(one, at) for one in _alternatives(node)])
            case Binary(operator, left, right):
                return _combined(operator, self.of(left, at), self.of(right, at))
        raise ValueError(f"no instant vector: {node!r:.60}")

    def _vector(self, node: Node, at: float) -> Vector:
        value = self.of(node, at)
        if isinstance(value, float):
            raise ValueError("a vector is wanted, and a scalar stands there")  # noqa: TRY004
        return value

    def _instant(self, node: Selector, at: float) -> list[tuple[Mapping[str, str], float, float]]:
        moment = at if node.moment is None else node.moment
        found = ((one.labels, one.at(moment)) for one in self._storage.select(node.name, node.matchers))
        return [(labels, *sample) for labels, sample in found if sample is not None]

    def _range(self, node: Node, at: float) -> tuple[Range, float, float]:
        """With the end and the length of its window."""
        match node:
            case Selector(window=float(window)):
                end = at if node.moment is None else node.moment
                series = self._storage.select(node.name, node.matchers)
                found = [(one.labels, list(one.within(end, window))) for one in series]
                return [one for one in found if one[1]], end, window
            case Subquery():
                end = at if node.moment is None else node.moment
                return self._stepped(node, end), end, node.window
        raise ValueError("a range is wanted")

    def _stepped(self, node: Subquery, end: float) -> Range:
        if (node.written, end) in self._known:
            return self._known[node.written, end]
        found: dict[frozenset[tuple[str, str]], list[tuple[float, float]]] = {}
        step = floor(end / node.step) * node.step
        while step > end - node.window:
            for labels, value in self._vector(node.of, step):
                found.setdefault(frozenset(labels.items()), []).append((step, value))
            step -= node.step
        self._known[node.written, end] = told = [(dict(labels), samples) for labels, samples in found.items()]
        return told

    def _called(self, function: str, arguments: tuple[Node, ...], at: float) -> Vector:
        match function, arguments:
            case "label_replace", (of, Text(target), Text(text), Text(source), Text(pattern)):
                return _labelled(self._vector(of, at), target, text, source, pattern)
            case "timestamp", (Selector(window=None) as of,):
                return [(_nameless(labels), moment) for labels, moment, _ in self._instant(of, at)]
            case "last_over_time", (Selector(window=float(window)) as of,):
                moment, series = at if of.moment is None else of.moment, self._storage.select(of.name, of.matchers)
                found = [(one.labels, next(one.within(moment, window), None)) for one in series]
                return [(labels, sample[1]) for labels, sample in found if sample is not None]
            case (("increase" | "rate" | "max_over_time" | "min_over_time" | "changes"), (of,)):
                ranges, end, window = self._range(of, at)
                told = [(_nameless(labels), _OVER_TIME[function](samples, end, window)) for labels, samples in ranges]
                return [(labels, value) for labels, value in told if value is not None]
        raise ValueError(f"function {function} of {len(arguments)} arguments is not understood")


def _nameless(labels: Mapping[str, str]) -> dict[str, str]:
    return {label: value for label, value in labels.items() if label != "__name__"}


def _labelled(vector: Vector, target: str, text: str, source: str, pattern: str) -> Vector:
    found = []
    for labels, value in vector:
        fits = re.fullmatch(pattern, labels.get(source, ""))
        told = fits.expand(text.replace("$", "\\")) if fits and "$" in text else text
        found.append(({**labels, target: told} if fits else labels, value))
    return found


def _aggregated(function: str, by: tuple[str, ...], vector: Vector) -> Vector:
    groups: dict[tuple[str, ...], list[float]] = {}
    for labels, value in vector:
        groups.setdefault(tuple([labels.get(label, "") for label in by]), []).append(value)
    return [
        ({label: told for label, told in zip(by, key, strict=True) if told}, float(_AGGREGATES[function](values)))
        for key, values in groups.items()
    ]


def _alternatives(node: Node) -> list[Node]:
    """What stands between the ors, from left to right."""
    found: list[Node] = []
    while isinstance(node, Binary) and node.operator == "or":
        found.append(node.right)
        node = node.left
    return [node, *reversed(found)]


def _united(vectors: Sequence[Vector]) -> Vector:
    """All of the first, and of each other what has other labels than all before it."""
    known: set[frozenset[tuple[str, str]]] = set()
    found: Vector = []
    for vector in vectors:
        new = [(_signature(labels), (labels, value)) for labels, value in vector]
        found += [element for signature, element in new if signature not in known]
        known.update(signature for signature, _ in new)
    return found


def _signature(labels: Mapping[str, str]) -> frozenset[tuple[str, str]]:
    return frozenset(_nameless(labels).items() if "__name__" in labels else labels.items())


def _combined(operator: str, left: Vector | float, right: Vector | float) -> Vector | float:
    """Arithmetic, and comparisons as filters; of two vectors those with the same labels."""
    if isinstance(left, float) and isinstance(right, float):
        return _ARITHMETIC[operator](left, right)
    if isinstance(left, float):
        pairs = [(labels, left, value) for labels, value in right]
    elif isinstance(right, float):
        pairs = [(labels, value, right) for labels, value in left]
    else:
        others = {_signature(labels): value for labels, value in right}
        matched = ((labels, value, others.get(_signature(labels))) for labels, value in left)
        pairs = [(labels, value, other) for labels, value, other in matched if other is not None]
    if operator in _COMPARISONS:
        test, is_right = _COMPARISONS[operator], isinstance(left, float)
        return [(labels, other if is_right else value) for labels, value, other in pairs if test(value, other)]
    return [(_nameless(labels), _ARITHMETIC[operator](value, other)) for labels, value, other in pairs]


def _divided(one: float, other: float) -> float:
    if other:
        return one / other
    return nan if not one else float("inf") if one > 0 else float("-inf")


def _increase(samples: list[tuple[float, float]], end: float, window: float) -> float | None:
    """Extrapolated to the window, as Prometheus' extrapolatedRate does."""
    if len(samples) < 2:
        return None
    ordered = samples[::-1]
    increase = ordered[-1][1] - ordered[0][1]
    increase += sum(one for (_, one), (_, then) in pairwise(ordered) if then < one)
    sampled = ordered[-1][0] - ordered[0][0]
    between = sampled / (len(ordered) - 1)
    before, behind = ordered[0][0] - (end - window), end - ordered[-1][0]
    before = between / 2 if before >= _REACH * between else before
    if increase > 0 and ordered[0][1] >= 0:
        before = min(before, sampled * ordered[0][1] / increase)  # a counter was 0 once, and not less before
    if behind >= _REACH * between:
        behind = between / 2
    return increase * (sampled + before + behind) / sampled


def _changes(samples: list[tuple[float, float]], _end: float, _window: float) -> float:
    return float(sum(one[1] != other[1] for one, other in pairwise(samples)))


def _rate(samples: list[tuple[float, float]], end: float, window: float) -> float | None:
    increase = _increase(samples, end, window)
    return None if increase is None else increase / window


_OVER_TIME: Mapping[str, Callable[[list[tuple[float, float]], float, float], float | None]] = {
    "increase": _increase,
    "rate": _rate,
    "changes": _changes,
    "max_over_time": lambda samples, _end, _window: max(value for _, value in samples),
    "min_over_time": lambda samples, _end, _window: min(value for _, value in samples),
}
_AGGREGATES: Mapping[str, Callable[[list[float]], float]] = {
    "sum": sum,
    "max": max,
    "min": min,
    "count": len,
    "avg": lambda values: sum(values) / len(values),
}
_ARITHMETIC: Mapping[str, Callable[[float, float], float]] = {
    "+": lambda one, other: one + other,
    "-": lambda one, other: one - other,
    "*": lambda one, other: one * other,
    "/": _divided,
}
_COMPARISONS: Mapping[str, Callable[[float, float], bool]] = {
    "==": lambda one, other: one == other,
    "!=": lambda one, other: one != other,
    ">": lambda one, other: one > other,
    "<": lambda one, other: one < other,
    ">=": lambda one, other: one >= other,
    "<=": lambda one, other: one <= other,
}

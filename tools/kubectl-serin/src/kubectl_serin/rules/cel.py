"""As much of CEL as the rules of the CRD use: parsed into closures, evaluated over JSON.

Grammar and macros are those of the Common Expression Language; absorbing errors of ``&&`` and ``||`` is left out, since
what a rule may not look at it asks ``has`` about first.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

from kubectl_serin.rules.functions import CelError, Kind, called, equal

Value = Any
Scope = Mapping[str, Value]
Expression = Callable[[Scope], Value]

_TOKEN: Final = re.compile(
    r"\s*(?:(?P<number>\d+(?:\.\d+)?)|(?P<text>'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\")|(?P<name>[A-Za-z_]\w*)"
    r"|(?P<sign>&&|\|\||[=!<>]=|[-+*!<>?:.,()\[\]]))"
)
_LEVELS: Final = (("||",), ("&&",), ("==", "!=", "<", "<=", ">", ">=", "in"), ("+", "-"), ("*",))
_MACROS: Final = frozenset({"all", "exists", "exists_one", "map", "filter"})
_ESCAPES: Final = {"n": "\n", "t": "\t", "r": "\r", "\\": "\\", "'": "'", '"': '"'}


@lru_cache(maxsize=512)
def parsed(text: str) -> Expression:
    """An expression, ready to be evaluated.

    Raises:
        CelError: The text has something that is not understood here.
    """
    parser = _Parser(_tokens(text))
    expression = parser.ternary()
    if parser.here:
        raise CelError(f"{parser.here} is left over in {text}")
    return expression


def _tokens(text: str) -> list[str]:
    found, position = [], 0
    while position < len(text.rstrip()):
        match = _TOKEN.match(text, position)
        if match is None:
            raise CelError(f"{text[position : position + 20]} is not understood")
        found.append(match[0].strip())
        position = match.end()
    return found


@dataclass
class _Parser:
    tokens: list[str]
    position: int = 0

    @property
    def here(self) -> str:
        return self.tokens[self.position] if self.position < len(self.tokens) else ""

    def take(self) -> str:
        token = self.here
        self.position += 1
        return token

    def takes(self, sign: str) -> bool:
        if self.here == sign:
            self.position += 1
            return True
        return False

    def expect(self, sign: str) -> None:
        if not self.takes(sign):
            raise CelError(f"{sign} is missing before {self.here or 'the end'}")

    def ternary(self) -> Expression:
        condition = self.binary(0)
        if not self.takes("?"):
            return condition
        then = self.ternary()
        self.expect(":")
        otherwise = self.ternary()
        return lambda scope: then(scope) if condition(scope) else otherwise(scope)

    def binary(self, level: int) -> Expression:
        if level == len(_LEVELS):
            return self.unary()
        left = self.binary(level + 1)
        while self.here in _LEVELS[level]:
            left = _combined(self.take(), left, self.binary(level + 1))
        return left

    def unary(self) -> Expression:
        if self.takes("!"):
            inner = self.unary()
            return lambda scope: not inner(scope)
        if self.takes("-"):
            inner = self.unary()
            return lambda scope: -inner(scope)
        return self.member(self.primary())

    def primary(self) -> Expression:
        token = self.take()
        if token == "(":
            inner = self.ternary()
            self.expect(")")
            return inner
        if token == "[":
            items = self.arguments("]")
            return lambda scope: [item(scope) for item in items]
        if token[:1] in {"'", '"'}:
            return _constant(re.sub(r"\\(.)", _unescaped, token[1:-1]))
        if token[:1].isdigit():
            return _constant(float(token) if "." in token else int(token))
        if token in {"true", "false"}:
            return _constant(token == "true")
        if not token.isidentifier():
            raise CelError(f"{token or 'the end'} is not expected")
        return self.named(token)

    def named(self, name: str) -> Expression:
        if not self.takes("("):
            return lambda scope: _looked_up(scope, name)
        if name == "has":
            path = self.ternary()
            self.expect(")")
            return lambda scope: _is_there(path, scope)
        arguments = self.arguments(")")
        return lambda scope: called(name, [argument(scope) for argument in arguments])

    def member(self, target: Expression) -> Expression:
        while self.here in {".", "["}:
            target = self.indexed(target) if self.take() == "[" else self.selected(target)
        return target

    def indexed(self, target: Expression) -> Expression:
        index = self.ternary()
        self.expect("]")
        return lambda scope: _at(target(scope), index(scope))

    def selected(self, target: Expression) -> Expression:
        name = self.take()
        if not name.isidentifier():
            raise CelError(f"{name or 'the end'} is no name")
        if not self.takes("("):
            return lambda scope: _at(target(scope), name)
        if name in _MACROS:
            return self.macro(name, target)
        arguments = self.arguments(")")
        return lambda scope: called(name, [target(scope), *(argument(scope) for argument in arguments)])

    def macro(self, name: str, target: Expression) -> Expression:
        variable = self.take()
        self.expect(",")
        body = self.ternary()
        self.expect(")")

        def evaluated(scope: Scope) -> Value:
            items = list(target(scope))
            found = [body({**scope, variable: item}) for item in items]
            match name:
                case "all":
                    return all(found)
                case "exists":
                    return any(found)
                case "exists_one":
                    return sum(map(bool, found)) == 1
                case "filter":
                    return [item for item, kept in zip(items, found, strict=True) if kept]
                case _:
                    return found

        return evaluated

    def arguments(self, end: str) -> list[Expression]:
        found: list[Expression] = []
        while not self.takes(end):
            found.append(self.ternary())
            self.takes(",")
        return found


def _unescaped(match: re.Match[str]) -> str:
    if match[1] not in _ESCAPES:
        raise CelError(f"the escape {match[0]} is not understood")
    return _ESCAPES[match[1]]


def _constant(value: Value) -> Expression:
    return lambda _scope: value


def _looked_up(scope: Scope, name: str) -> Value:
    if name in scope:
        return scope[name]
    if name in {kind.value for kind in Kind}:
        return Kind(name)
    raise CelError(f"{name} is not known")


def _is_there(path: Expression, scope: Scope) -> bool:
    try:
        path(scope)
    except KeyError:
        return False
    return True


def _at(value: Value, key: Value) -> Value:
    return value[key]


def _combined(sign: str, left: Expression, right: Expression) -> Expression:
    match sign:
        case "||":
            return lambda scope: bool(left(scope)) or bool(right(scope))
        case "&&":
            return lambda scope: bool(left(scope)) and bool(right(scope))
        case _:
            combine = _OPERATORS[sign]
            return lambda scope: combine(left(scope), right(scope))


_OPERATORS: Final[Mapping[str, Callable[[Value, Value], Value]]] = {
    "==": equal,
    "!=": lambda left, right: not equal(left, right),
    "in": lambda left, right: left in right,
    "+": lambda left, right: left + right,
    "-": lambda left, right: left - right,
    "*": lambda left, right: left * right,
    "<": lambda left, right: left < right,
    "<=": lambda left, right: left <= right,
    ">": lambda left, right: left > right,
    ">=": lambda left, right: left >= right,
}

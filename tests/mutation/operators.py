"""The slips that a programmer makes, made on purpose: each is one small change of a syntax tree.

Comparisons and their edges, and/or, conditions negated, numbers, booleans, keys, arithmetic, returned values, calls and branches
left out, keywords left out. Nothing that only changes a sentence for people, a log line, a type or a docstring.
"""

import ast
import copy
import re
from collections.abc import Iterator
from dataclasses import dataclass

COMPARED = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
}
RECKONED = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Div,
    ast.Mod: ast.Mult,
}
RECKONED |= {ast.Pow: ast.Mult}
OPPOSITES = {"min": "max", "max": "min", "any": "all", "all": "any", "floor": "ceil", "ceil": "floor"}
SAID_TO_NOBODY = {"Line", "assert_never", "cast", "TypeVar", "reveal_type"}
"""Lines of the log, and what only the type checker reads."""
CHECKS = {"strict"}
"""Keywords that only turn a fault of ours into an error."""
NEGATED_BY_ITS_OPERATOR = (ast.Eq, ast.NotEq, ast.Is, ast.IsNot, ast.In, ast.NotIn)
_KEY = re.compile(r"[\w./:%*-]+")

Path = tuple[tuple[str, int | None], ...]
"""Where a node is: the field of its parent, and its place if that is a list; from the root down."""


@dataclass(frozen=True)
class Slip:
    """One change of a module.

    ``at`` leads to what is replaced; no replacement takes it out of its list.
    """

    at: Path
    replacement: ast.AST | None


def slips(tree: ast.Module) -> Iterator[Slip]:
    """All of a module, in the order of its text."""
    yield from _of(tree, ())


def made(tree: ast.Module, slip: Slip) -> ast.Module:
    """A copy of the module with the slip in it."""
    changed: ast.AST = copy.deepcopy(tree)
    node: object = changed
    for field, place in slip.at[:-1]:
        node = getattr(node, field)
        node = node if place is None else node[place]  # type: ignore[index]
    field, place = slip.at[-1]
    if place is None:
        setattr(node, field, slip.replacement)
    elif slip.replacement is None:
        del getattr(node, field)[place]
    else:
        getattr(node, field)[place] = slip.replacement
    assert isinstance(changed, ast.Module)
    return ast.fix_missing_locations(changed)


def _of(node: ast.AST, at: Path) -> Iterator[Slip]:
    if _is_for_people(node):
        return
    yield from (Slip((*at, *more), new) for more, new in _here(node))
    if isinstance(node, ast.JoinedStr):
        return
    for field, value in ast.iter_fields(node):
        if field in {"annotation", "returns", "decorator_list", "type_ignores", "ctx"}:
            continue
        if isinstance(value, list):
            for place, each in enumerate(value):
                if isinstance(each, ast.AST):
                    yield from _of(each, (*at, (field, place)))
        elif isinstance(value, ast.AST):
            yield from _of(value, (*at, (field, None)))


def _is_for_people(node: ast.AST) -> bool:
    """Sentences, docstrings, choices between sentences, lines of the log."""
    match node:
        case ast.keyword(arg=arg):
            return arg in CHECKS
        case ast.Import() | ast.ImportFrom() | ast.Expr(value=ast.Constant()):
            return True
        case ast.Call(func=ast.Name(id=name)):
            return name in SAID_TO_NOBODY
        case ast.IfExp(body=body, orelse=orelse):
            return _is_text(body) and _is_text(orelse) and (_is_sentence(body) or _is_sentence(orelse))
        case ast.BoolOp(op=ast.Or(), values=values):
            return _is_sentence(values[-1])
        case ast.JoinedStr():
            return _is_sentence(node)
        case _:
            return False


def _is_text(node: ast.AST) -> bool:
    return isinstance(node, ast.JoinedStr) or (isinstance(node, ast.Constant) and isinstance(node.value, str))


def _is_sentence(node: ast.AST) -> bool:
    match node:
        case ast.Constant(value=str(text)):
            return not _KEY.fullmatch(text) and text != ""
        case ast.JoinedStr(values=parts):
            return any(_is_sentence(part) for part in parts)
        case _:
            return False


def _here(node: ast.AST) -> Iterator[tuple[Path, ast.AST | None]]:
    """Changes of the node itself: where below it, and what comes there."""
    here: Path = ()
    match node:
        case ast.Compare(ops=ops):
            yield from (((("ops", place),), COMPARED[type(op)]()) for place, op in enumerate(ops))
        case ast.BoolOp(op=op):
            yield (("op", None),), ast.Or() if isinstance(op, ast.And) else ast.And()
        case ast.BinOp(op=op) | ast.AugAssign(op=op) if type(op) in RECKONED:
            yield (("op", None),), RECKONED[type(op)]()
        case ast.UnaryOp(op=ast.Not() | ast.USub(), operand=operand):
            yield here, operand
        case ast.Constant():
            yield from ((here, ast.Constant(other)) for other in _other(node.value))
        case ast.JoinedStr(values=parts) if not any(_is_sentence(part) for part in parts):
            yield here, ast.JoinedStr([ast.Constant("XX"), *parts])
        case ast.Call(func=ast.Name(id=name)) if name in OPPOSITES:
            yield (("func", None),), ast.Name(OPPOSITES[name], ast.Load())
        case ast.Return(value=ast.expr() as value) if not isinstance(value, ast.Constant):
            yield (("value", None),), ast.Constant(None)
        case ast.Raise() | ast.Expr(value=ast.Call() | ast.Await()):
            yield here, ast.Pass()
        case ast.Break():
            yield here, ast.Continue()
        case ast.Continue():
            yield here, ast.Break()
        case _:
            pass
    if isinstance(node, ast.AugAssign):
        yield here, ast.Pass()
    if isinstance(node, ast.Call):
        yield from (
            ((("keywords", place),), None)
            for place, each in enumerate(node.keywords)
            if each.arg and each.arg not in CHECKS
        )
    if isinstance(node, ast.Match) and len(node.cases) > 1:
        yield from (((("cases", place),), None) for place, _ in enumerate(node.cases))
    if isinstance(node, ast.If | ast.IfExp | ast.While) and _is_worth_negating(node.test):
        yield (("test", None),), ast.UnaryOp(ast.Not(), node.test)
    if isinstance(node, ast.match_case) and node.guard and _is_worth_negating(node.guard):
        yield (("guard", None),), ast.UnaryOp(ast.Not(), node.guard)
    if isinstance(node, ast.comprehension):
        yield from (
            ((("ifs", place),), ast.UnaryOp(ast.Not(), each))
            for place, each in enumerate(node.ifs)
            if _is_worth_negating(each)
        )


def _other(value: object) -> Iterator[object]:
    match value:
        case bool():
            yield not value
        case int() | float():
            yield value + 1
        case str() if _KEY.fullmatch(value):
            yield f"XX{value}"
        case _:
            pass


def _is_worth_negating(test: ast.expr) -> bool:
    """Not where another slip comes to the same."""
    match test:
        case ast.UnaryOp(op=ast.Not()) | ast.Constant():
            return False
        case ast.Compare(ops=[op]):
            return not isinstance(op, NEGATED_BY_ITS_OPERATOR)
        case _:
            return True

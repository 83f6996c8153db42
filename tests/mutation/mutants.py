"""The mutants of ``decide/``: all of them, a seeded sample, and how each is shown and told from others."""

import ast
import random
import tomllib
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from tests.mutation.operators import Slip, made, slips

ROOT = Path(__file__).parents[2]
SOURCES = ROOT / "operator/src"
DECIDE = SOURCES / "serin_operator/decide"
AROUND = 60
"""Characters that are shown before and after a change."""
EQUIVALENT = Path(__file__).with_name("equivalent.toml")


@dataclass(frozen=True)
class Mutant:
    """A module with one slip."""

    file: str
    """Below ``decide/``."""
    slip: Slip
    function: str
    """Dotted: the function or method (the outermost of nested ones) or class it is in; empty at the module's level."""
    is_inside: bool
    """In the body of a function, which can be exchanged; else the module has to be imported anew."""
    line: int
    until: int
    """The lines of the statement, or of its head where it has a body."""
    names: tuple[str, ...] = ()
    """What the statement outside of functions defines: whoever uses that meets the slip."""

    @property
    def room(self) -> str:
        """The first name of its path."""
        return self.file.partition("/")[0].removesuffix(".py")

    @property
    def module(self) -> str:
        """Dotted."""
        parts = Path(self.file).with_suffix("").parts
        return ".".join(("serin_operator", "decide", *(part for part in parts if part != "__init__")))

    def tree(self) -> ast.Module:
        """The module with the slip in it."""
        return made(parsed(self.file), self.slip)

    @property
    def change(self) -> tuple[str, str]:
        """What is different before and after, as Python would write it, with some characters around."""
        old, new = (ast.unparse(_outermost(tree, self.slip)).splitlines() for tree in (parsed(self.file), self.tree()))
        same, same_at_end = _shared(old, new), _shared(old[::-1], new[::-1])
        most = min(len(old), len(new)) - same
        end = min(same_at_end, most)
        return _shortened(*(" ".join(line.strip() for line in lines[same : len(lines) - end]) for lines in (old, new)))

    @property
    def key(self) -> tuple[str, str, str, str]:
        """What survives edits elsewhere."""
        return (self.file, self.function, *self.change)


@cache
def parsed(file: str) -> ast.Module:
    """A module of ``decide/``."""
    return ast.parse((DECIDE / file).read_text())


def all_mutants(files: Iterable[str] | None = None) -> list[Mutant]:
    """Of all modules, or of some."""
    known = sorted(str(path.relative_to(DECIDE)) for path in DECIDE.rglob("*.py"))
    return [_mutant(file, slip) for file in known if files is None or file in files for slip in slips(parsed(file))]


def drawn(mutants: list[Mutant], number: int, seed: int) -> list[Mutant]:
    """A random sample in which each room has as many as fit its size (largest remainders)."""
    rooms = defaultdict(list)
    for mutant in mutants:
        rooms[mutant.room].append(mutant)
    number = min(number, len(mutants))
    shares = {room: number * len(those) / len(mutants) for room, those in rooms.items()}
    counts = {room: int(share) for room, share in shares.items()}
    for room in sorted(shares, key=lambda each: (counts[each] - shares[each], each))[: number - sum(counts.values())]:
        counts[room] += 1
    chance = random.Random(seed)
    return [mutant for room in sorted(rooms) for mutant in chance.sample(rooms[room], counts[room])]


def equivalents() -> dict[tuple[str, str, str, str], str]:
    """The mutants that no test can kill, and why."""
    if not EQUIVALENT.exists():
        return {}
    rows = tomllib.loads(EQUIVALENT.read_text()).get("mutant", [])
    return {(row["file"], row["function"], row["before"], row["after"]): row["because"] for row in rows}


def stale(known: Iterable[tuple[str, str, str, str]]) -> list[tuple[str, str, str, str]]:
    """Equivalent mutants that do not exist any more."""
    places = {key[:2] for key in known}
    found = Counter(
        each.key for each in all_mutants({file for file, _ in places}) if (each.file, each.function) in places
    )
    return [key for key in known if key not in found]


def _mutant(file: str, slip: Slip) -> Mutant:
    node: ast.AST = parsed(file)
    qualname: list[str] = []
    statement: ast.AST = node
    is_inside, has_function = False, False
    names: tuple[str, ...] = ()
    for field, place in slip.at:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) and not has_function:
            qualname.append(node.name)
            has_function = not isinstance(node, ast.ClassDef)
            is_inside = has_function and field == "body"
            names = (node.name,)
        below = getattr(node, field)
        below = below if place is None else below[place]
        if not isinstance(below, ast.AST):
            break
        node = below
        if isinstance(node, ast.stmt | ast.match_case):
            statement = node
            if isinstance(node, ast.Assign | ast.AnnAssign) and not has_function:
                targets = node.targets if isinstance(node, ast.Assign) else [node.target]
                names = tuple(each.id for each in targets if isinstance(each, ast.Name))
    line, until = _head(statement)
    return Mutant(file, slip, ".".join(qualname), is_inside, line, until, () if is_inside else names)


def _head(statement: ast.AST) -> tuple[int, int]:
    if isinstance(statement, ast.match_case):
        return statement.pattern.lineno, statement.body[0].lineno
    line, until = getattr(statement, "lineno", 1), getattr(statement, "end_lineno", 1) or 1
    body = getattr(statement, "body", None)
    return line, max(line, body[0].lineno - 1) if isinstance(body, list) and body else until


def _shared(one: Sequence[object], other: Sequence[object]) -> int:
    """How many are the same from the beginning."""
    return next(
        (place for place, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other))
    )


def _shortened(old: str, new: str) -> tuple[str, str]:
    begin = _shared(old, new)
    end = min(_shared(old[::-1], new[::-1]), min(len(old), len(new)) - begin)
    first, rest = max(0, begin - AROUND), max(0, end - AROUND)
    return old[first : len(old) - rest], new[first : len(new) - rest]


def _outermost(tree: ast.Module, slip: Slip) -> ast.AST:
    """The statement of the module, of a class or of a class in it, in which the slip is."""
    node: ast.AST = tree
    for field, place in slip.at:
        if not isinstance(node, ast.Module | ast.ClassDef) or field != "body" or place is None:
            break
        node = getattr(node, field)[place]
    return node

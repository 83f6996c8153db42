"""Whether an object, as observed, says what an intent says already; more may stand in it."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any, Final

from serin_operator.act.structure import Path, by_keys, is_map, is_one_value, is_set, keys_of
from serin_operator.api.quantity import amount

_OF_QUANTITIES: Final = frozenset({"limits", "requests"})
_QUANTITIES: Final = frozenset({"divisor", "sizeLimit"})

_LEFT_OUT: Final = frozenset(
    {
        *("hostNetwork", "hostPID", "hostIPC", "readOnly", "stdin", "tty", "paused", "publishNotReadyAddresses"),
        *("minReadySeconds", "initialDelaySeconds", "hostPort", "nodePort"),
    }
)
"""Fields that the API server leaves out when they are false or 0; of others, absent means something else."""
_WHOLE: Final = frozenset({"rules", "parentRefs", "hostnames"})
"""Lists of a route, each of which has one owner; their intents have every default, so more in them is a change."""
_HAS_MEANING_EMPTY: Final = frozenset({"emptyDir", "securityContext"})


def differences(
    intent: object, observed: object, path: Path = (), *, field: str = "", parent: str = "", exact: bool = False
) -> Iterator[Path]:
    """Where ``observed`` does not say what ``intent`` says.

    Null in the intent means absent. Items of lists are found by their merge keys and must stand in the same order among
    themselves (variables refer to those before them); lists without keys, and mappings that are one value, are compared
    as wholes. Quantities are equal when they amount to the same.

    Args:
        intent: What is wanted.
        observed: What is there.
        path: Where both stand.
        field: Nearest name of a field in the path.
        parent: The name before it.
        exact: Whether more than the intent is a difference too.
    """
    if intent == observed:
        return
    if intent is None or observed is None:
        if observed is not None or not _is_nothing(intent, field):
            yield path
    elif isinstance(intent, Mapping) and isinstance(observed, Mapping):
        exact = exact or is_one_value(field)
        if exact and set(observed) - set(intent):
            yield path
            return
        for name, value in intent.items():
            yield from differences(value, observed.get(name), (*path, name), field=name, parent=field, exact=exact)
    elif isinstance(intent, list | tuple) and isinstance(observed, list | tuple):
        yield from _in_lists(intent, observed, path, field)
    elif not _is_same(intent, observed, is_quantity=parent in _OF_QUANTITIES or field in _QUANTITIES):
        yield path


def _in_lists(intent: Sequence[Any], observed: Sequence[Any], path: Path, field: str) -> Iterator[Path]:
    if is_set(field):
        if not set(intent) <= set(observed):
            yield path
        return
    if field in _WHOLE:
        yield path  # equal ones have been told apart already
        return
    if not is_map(field):
        pairs = zip(intent, observed, strict=False)
        if len(intent) != len(observed) or any(True for pair in pairs for _ in differences(*pair)):
            yield path
        return
    before, there = -1, by_keys(field, observed)
    for item in intent:
        keys = keys_of(field, item)
        found = there.get(keys)
        if found is None:
            yield (*path, keys)
            continue
        position, theirs = found
        if position < before:
            yield path
        before = position
        yield from differences(_without_keys(item, keys), theirs, (*path, keys), field=field)


def _without_keys(item: Mapping[str, Any], keys: tuple[tuple[str, Any], ...]) -> dict[str, Any]:
    """The rest of an item that was found by its keys."""
    names = {name for name, _ in keys}
    return {name: value for name, value in item.items() if name not in names}


def _is_nothing(intent: object, field: str) -> bool:
    """Whether the API server keeps no trace of this value."""
    if intent is None or intent in ("", [], ()):
        return True
    if isinstance(intent, Mapping):
        return not intent and field not in _HAS_MEANING_EMPTY
    return intent in (False, 0) and field in _LEFT_OUT


def _is_same(intent: object, observed: object, *, is_quantity: bool) -> bool:
    if isinstance(intent, bool | Mapping | list | tuple) or isinstance(observed, bool | Mapping | list | tuple):
        return False
    if is_quantity:
        with suppress(ValueError):
            return amount(str(intent)) == amount(str(observed))
    return str(intent) == str(observed)  # an int-or-string

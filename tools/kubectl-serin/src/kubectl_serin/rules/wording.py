"""More words than the API server has: the nearest name, where a field stands, and what a share is."""

from collections.abc import Iterator, Mapping, Sequence
from difflib import get_close_matches
from typing import Any, Final

_NEAR: Final = 0.7
_FEW: Final = 2
UNKNOWN: Final = "unknown field: remove it, or correct its name (kubectl explain mdep --recursive)"


def unknown(name: str, properties: Mapping[str, Any]) -> str:
    """What to do about a field that there is not among these."""
    by_letters = {known.lower(): known for known in properties}
    near = get_close_matches(name.lower().replace("_", "").replace("-", ""), by_letters, 1, _NEAR)
    return f"unknown field: did you mean {by_letters[near[0]]}?" if near else UNKNOWN


def elsewhere(name: str, schema: Mapping[str, Any]) -> str:
    """Where a field stands that is not known where somebody has written it, if that is one place or two; else that it is unknown."""
    spec = schema.get("properties", {}).get("spec", {})
    places = list(_places(name, {"spec": spec}, ""))
    return f"unknown field: it stands in {' or '.join(places)}" if 0 < len(places) <= _FEW else UNKNOWN


def _places(name: str, properties: Mapping[str, Any], path: str) -> Iterator[str]:
    """The paths of fields of this name."""
    for known, schema in properties.items():
        inner, mark = (schema["items"], "[]") if "items" in schema else (schema, "")
        here = f"{path}{known}{mark}"
        fields = inner.get("properties", {})
        if name in fields:
            yield f"{here}.{name}"
        yield from _places(name, fields, f"{here}.")


def not_known(value: Any, known: Sequence[Any]) -> str:  # noqa: ANN401 - any JSON
    """A word that is none of those that may stand there."""
    told = ", ".join(f'"{one}"' for one in known if not isinstance(one, bool))
    if isinstance(value, bool):
        written = str(value).lower()
        return (
            f"Unsupported value: {written}: write the word in quotes, YAML takes it for {written} without them: {told}"
        )
    if isinstance(value, dict | list):  # whatever that holds
        return f"Unsupported value: {'a list' if isinstance(value, list) else 'an object'}: supported values: {told}"
    words = [one for one in known if isinstance(one, str)]
    near = get_close_matches(str(value).lower(), [one.lower() for one in words], 1, _NEAR)
    meant = next((one for one in words if near and one.lower() == near[0]), None)
    return f'Unsupported value: "{value}": supported values: {told}' + (f"; did you mean {meant}?" if meant else "")


def as_share(path: str, value: float, most: float) -> str:
    """What to write where somebody has given a percentage for a share; nothing where it is none."""
    if most > 1 or path.endswith("Seconds") or not 1 < value < 100:
        return ""
    return f": it is a share, {value / 100:g} is {value:g} %"

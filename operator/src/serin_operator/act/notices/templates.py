"""Templates of texts: names in braces, and nothing that a value could be taken for."""

from collections.abc import Callable, Mapping
from string import Formatter
from typing import Final

from serin_operator.act.notices.telling import Telling

DEFAULT: Final = "{where}/{name}: {what}. {message}"
FIELDS: Final = (
    *("cluster", "where", "namespace", "name", "version", "stable"),
    *("occasion", "what", "reason", "message", "time", "id"),
)
LONGEST_TEXT: Final = 2000


def problem_of(template: str) -> str | None:
    """What is wrong with a template, for whoever wrote it; None when nothing is."""
    try:
        parts = list(Formatter().parse(template))
    except ValueError as error:
        return f"{error}; a brace that is none of a field is written twice"
    for _, name, spec, conversion in parts:
        if name is not None and name not in FIELDS:
            return f"there is no {{{name}}}; there are {', '.join(FIELDS)}"
        if spec or conversion:
            return f"{{{name}}} takes neither a format nor a conversion"
    return None


def text_of(telling: Telling, templates: Mapping[str, str], escape: Callable[[str], str]) -> str:
    """The text of a notice: of its occasion's template, else of the default one. Values are escaped, the template is not."""
    template = templates.get(telling.occasion) or templates.get("Default") or DEFAULT
    return template.format_map({name: escape(value) for name, value in telling.fields().items()})[:LONGEST_TEXT]

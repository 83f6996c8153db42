"""Files with ModelDeployments in them, read without a cluster."""

import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from difflib import SequenceMatcher
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from kubectl_serin.problems import Exit, Problem
from serin_operator.api.names import GROUP, KIND, VERSION

if TYPE_CHECKING:
    from kubectl_serin.rules.schema import Mistake

_NEAR: Final = 0.85
"""How alike a kind has to be for a typing error."""


@dataclass(frozen=True)
class Found:
    """A ModelDeployment in a file."""

    file: str
    resource: dict[str, Any]

    @property
    def name(self) -> str:
        """Its name."""
        return str((self.resource.get("metadata") or {}).get("name", "?"))

    @property
    def spec(self) -> dict[str, Any]:
        """As the API server takes it; where there are no mistakes."""
        from kubectl_serin.rules.schema import as_read
        from serin_operator.api.crd import object_schema

        return dict(as_read(self.resource, object_schema())["spec"])

    def mistakes(self) -> tuple["Mistake", ...]:
        """What the API server would refuse of it."""
        from kubectl_serin.rules.schema import Mistake, mistakes
        from serin_operator.api.crd import object_schema

        kind, given, known = self.resource.get("kind"), self.resource.get("apiVersion"), f"{GROUP}/{VERSION}"
        if kind != KIND:
            return (Mistake("kind", f'Unsupported value: "{kind}": write {KIND}, which is the only kind of {GROUP}'),)
        if given is None:
            return (Mistake("apiVersion", f"Required value: write {known}"),)
        if given != known:
            return (Mistake("apiVersion", f'Unsupported value: "{given}": this release knows "{known}"'),)
        return mistakes(self.resource, object_schema())


def read(files: list[str]) -> Iterator[Found]:
    """The ModelDeployments in these files; ``-`` is standard input.

    Raises:
        Problem: A file cannot be read, is no YAML, or there is no ModelDeployment in any.
    """
    is_empty = True
    for file in files:
        for each in _objects(_documents(file)):
            is_empty = False
            yield Found(file, each)
    if is_empty:
        raise Problem(
            f"no ModelDeployment in {', '.join(files)}", "docs/first-model.md has one to begin with", Exit.ABSENT
        )


def _objects(documents: Iterable[Any]) -> Iterator[dict[str, Any]]:
    """Those that are ModelDeployments, or are meant to be: also the items of a list, as kubectl prints several."""
    for each in documents:
        if isinstance(each, dict):
            if isinstance(each.get("items"), list) and str(each.get("kind")).endswith("List"):
                yield from _objects(each["items"])
            elif _is_meant(each):
                yield each


def _is_meant(resource: dict[str, Any]) -> bool:
    """By its kind, or one that is nearly so; or by the group, whose only kind it is."""
    kind = str(resource.get("kind", ""))
    return SequenceMatcher(None, kind.lower(), KIND.lower()).ratio() > _NEAR or str(
        resource.get("apiVersion", "")
    ).startswith(f"{GROUP}/")


def _documents(file: str) -> list[Any]:
    import yaml

    from kubectl_serin.yaml_of_kubectl import Loader

    try:
        text = sys.stdin.read() if file == "-" else Path(file).read_text(encoding="utf-8")
        return list(yaml.load_all(text, Loader))
    except (OSError, UnicodeDecodeError) as error:
        raise Problem(
            f"{file} cannot be read: {error}", "name a file with YAML, or - for standard input", Exit.ABSENT
        ) from error
    except yaml.YAMLError as error:
        said = " ".join(str(error).split()).replace('in "<unicode string>", line', "in line")
        raise Problem(f"{file} is no YAML: {said}", "mend it where it says") from error

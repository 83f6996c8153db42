"""Files with ModelDeployments in them, read without a cluster."""

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kubectl_serin.problems import Exit, Problem
from serin_operator.api.names import GROUP, KIND, VERSION

if TYPE_CHECKING:
    from kubectl_serin.rules.schema import Mistake


@dataclass(frozen=True)
class Found:
    """A ModelDeployment in a file."""

    file: str
    resource: dict[str, Any]

    @property
    def name(self) -> str:
        """Its name."""
        return str((self.resource.get("metadata") or {}).get("name", "?"))

    def mistakes(self) -> tuple["Mistake", ...]:
        """What the API server would refuse of it."""
        from kubectl_serin.rules.schema import Mistake, mistakes
        from serin_operator.api.crd import object_schema

        given, known = self.resource.get("apiVersion"), f"{GROUP}/{VERSION}"
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
        for each in _documents(file):
            if isinstance(each, dict) and each.get("kind") == KIND:
                is_empty = False
                yield Found(file, each)
    if is_empty:
        raise Problem(
            f"no ModelDeployment in {', '.join(files)}", "docs/first-model.md has one to begin with", Exit.ABSENT
        )


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

"""`docstrue`: print what is untrue, and fail if anything is."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

from docstrue import manifests, pages, sources

CRD = Path("crds/serin.dev_modeldeployments.yaml")
# Variables that are read, but not by a settings class: by make, by tests and by the tools.
OTHER_VARIABLES = {"SERIN_CACHE"}


def untruths(root: Path) -> Iterator[str]:
    """Everything that is left out or does not exist, one line each."""
    known = sources.facts(root)
    read = pages.read(root)
    of_reference = [page for page in read if (root / "docs" / "reference") in page.path.parents]
    variables = {fact.name for fact in known if fact.kind == "setting"} | OTHER_VARIABLES
    yield from pages.undocumented(known, of_reference)
    yield from pages.broken_links(read)
    yield from pages.unknown_variables(read, variables)
    yield from pages.unknown_targets(read, sources.make_targets(root))
    if (root / CRD).exists():
        yield from manifests.mistakes(read, root / CRD)


def main() -> None:
    """Check the repository in the current folder."""
    found = list(untruths(Path.cwd()))
    for line in found:
        print(line)
    if found:
        print(f"the documentation is not true in {len(found)} places")
        sys.exit(1)


if __name__ == "__main__":
    main()

"""`generate`: write the derived files; `generate --check`: fail if one is stale, and write nothing."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from generate import chart, crd, reference
from generate.monitoring import pages as monitoring

FILES: Mapping[Path, Callable[[], str]] = {**crd.FILES, **chart.FILES, **reference.FILES, **monitoring.FILES}


def stale(root: Path) -> dict[Path, str]:
    """Files that are not what their sources say, with what they should be."""
    wanted = {path: make() for path, make in FILES.items()}
    return {path: text for path, text in wanted.items() if not _is(root / path, text)}


def _is(path: Path, text: str) -> bool:
    return path.exists() and path.read_text() == text


def main() -> None:
    """Work on the repository in the current folder."""
    root, check = Path.cwd(), "--check" in sys.argv[1:]
    found = stale(root)
    for path, text in found.items():
        if not check:
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_text(text)
        print(f"{path} is stale; run make generate" if check else f"wrote {path}")
    if check and found:
        sys.exit(1)


if __name__ == "__main__":
    main()

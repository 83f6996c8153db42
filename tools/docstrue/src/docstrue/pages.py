"""What the documentation says: the names in its reference, and its links, targets, variables and manifests."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from docstrue.sources import Fact

CODE_BLOCK = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
INLINE_CODE = re.compile(r"`([^`\n]+)`")
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
VARIABLE = re.compile(r"\bSERIN_[A-Z0-9_]*[A-Z0-9]\b")
MAKE_CALL = re.compile(r"(?:^|[`\s])make ([a-z][a-z0-9-]*)", re.MULTILINE)


@dataclass(frozen=True)
class Page:
    """One Markdown file."""

    path: Path
    text: str

    @cached_property
    def code(self) -> str:
        """Everything that is set as code: blocks and `inline`."""
        blocks = [content for _, content in CODE_BLOCK.findall(self.text)]
        return "\n".join([*blocks, *INLINE_CODE.findall(CODE_BLOCK.sub("", self.text))])

    @cached_property
    def prose(self) -> str:
        """The text without its code blocks."""
        return CODE_BLOCK.sub("", self.text)

    @cached_property
    def words(self) -> set[str]:
        """Names in code, whole: `a.b`, `SERIN_X`, `serin_y_total`, `ReasonZ`."""
        return set(re.findall(r"[A-Za-z_][\w.\-]*[\w]|\w", self.code))

    @cached_property
    def anchors(self) -> set[str]:
        """Headings as GitHub names them."""
        headings = re.findall(r"^#+ +(.+?)\s*$", self.prose, re.MULTILINE)
        return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}

    def blocks(self, language: str) -> list[str]:
        """Code blocks of one language."""
        return [content for found, content in CODE_BLOCK.findall(self.text) if found == language]


def read(root: Path) -> list[Page]:
    """Every Markdown file that a person reads."""
    files = [
        *root.glob("*.md"),
        *(root / "docs").rglob("*.md"),
        *(root / "examples").rglob("*.md"),
        *(root / "charts").rglob("*.md"),
    ]
    return [Page(file, file.read_text()) for file in sorted(files)]


def undocumented(known: Iterable[Fact], reference: Iterable[Page]) -> Iterator[str]:
    """Facts that no page of the reference names."""
    words = set[str]().union(*(page.words for page in reference))
    for fact in known:
        if fact.name not in words:
            yield f"{fact.kind} `{fact.name}` ({fact.origin}) stands nowhere in docs/reference"


def broken_links(pages: list[Page]) -> Iterator[str]:
    """Relative links to files or headings that do not exist."""
    by_path = {page.path.resolve(): page for page in pages}
    for page in pages:
        for target in LINK.findall(page.prose):
            if re.match(r"[a-z]+:", target):
                continue
            file, _, anchor = target.partition("#")
            path = (page.path.parent / file).resolve() if file else page.path.resolve()
            if not path.exists():
                yield f"{page.path}: the link {target} leads nowhere"
            elif anchor and path in by_path and anchor not in by_path[path].anchors:
                yield f"{page.path}: {target} names a heading that does not exist"


def unknown_variables(pages: Iterable[Page], known: set[str]) -> Iterator[str]:
    """SERIN_ variables in the text that nothing reads."""
    for page in pages:
        for name in sorted(set(VARIABLE.findall(page.text)) - known):
            yield f"{page.path}: {name} is read by nothing"


def unknown_targets(pages: Iterable[Page], known: set[str]) -> Iterator[str]:
    """`make x` in the text where there is no such target."""
    for page in pages:
        for name in sorted(set(MAKE_CALL.findall(page.code)) - known):
            yield f"{page.path}: there is no `make {name}`"

"""The code blocks of a Markdown page, and what its marks say of them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGES = (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))
PEOPLE = tuple(sorted((ROOT / "docs" / "for").glob("*.md")))
"""A page for one sort of reader each, followed as a whole by tests/journeys."""
_MARK = re.compile(r"<!-- (?P<what>not run|file): (?P<said>.+) -->")
OUTPUT = "output"


@dataclass(frozen=True)
class Block:
    """One fenced block.

    Attributes:
        page: the file. line: of its first line of text, from 1.
        language: behind the fence; empty where there is none.
        text: between the fences.
        reason: why it cannot run, as a mark before it says: ``<!-- not run: it needs a server -->``; None without one.
        file: what the reader calls the file that the block is: ``<!-- file: mymodel.py -->``; None without such a mark.
    """

    page: Path
    line: int
    language: str
    text: str
    reason: str | None
    file: str | None = None

    @property
    def name(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}"


def blocks(page: Path) -> list[Block]:
    """Return the blocks of ``page`` in order."""
    found: list[Block] = []
    opened: tuple[int, str] | None = None
    mark: re.Match[str] | None = None
    lines = page.read_text(encoding="utf-8").splitlines()
    for number, line in enumerate(lines, 1):
        if not line.startswith("```"):
            if opened is None and line.strip():
                mark = _MARK.fullmatch(line)
            continue
        if opened is None:
            opened = number, line.removeprefix("```").strip()
            continue
        start, language = opened
        text = "".join(f"{each}\n" for each in lines[start : number - 1])
        said = {} if mark is None else {mark["what"]: mark["said"]}
        found.append(Block(page, start + 1, language, text, said.get("not run"), said.get("file")))
        opened = mark = None
    if opened is not None:
        raise ValueError(f"{page}:{opened[0]}: a block is not closed")
    return found

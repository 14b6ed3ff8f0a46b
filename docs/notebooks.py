"""Write the notebook of every page in docs/for anew: ``python docs/notebooks.py``.

Prose becomes text, commands and Python become cells; outputs are left to whoever runs the notebook.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path

import nbformat

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from tests.pages.blocks import OUTPUT, PEOPLE, Block, blocks  # noqa: E402
from tests.pages.player import PYTHON, SERVING, commands  # noqa: E402

# A command that serves would keep a cell busy for good.
STARTED = """import subprocess

server = subprocess.Popen({words!r})"""
STOPPED = "server.terminate()"
# What says nothing in a notebook: marks for tests, and the way to the notebook itself.
_LEFT_OUT = re.compile(r"^(<!-- .* -->|\[As a notebook\].*)\n", re.MULTILINE)
_ELSEWHERE = re.compile(r"\]\((?!https?:)([^)]*)\.md(#[^)]*)?\)")


def notebook(page: Path) -> str:
    """Return the notebook of ``page`` as JSON."""
    made = nbformat.v4.new_notebook(
        metadata={"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}}
    )
    for number, (code, text) in enumerate(cells(page)):
        new = nbformat.v4.new_code_cell if code else nbformat.v4.new_markdown_cell
        made.cells.append(new(text, id=f"cell-{number}"))
    nbformat.validate(made)
    return f"{nbformat.writes(made, indent=1)}\n"


def cells(page: Path) -> Iterator[tuple[bool, str]]:
    """Yield whether a cell is code, and its text."""
    lines = page.read_text(encoding="utf-8").splitlines(keepends=True)
    done, started = 0, False
    for block in blocks(page):
        yield from _prose("".join(lines[done : block.line - 2]))
        done = block.line + len(block.text.splitlines())
        starts = block.language != PYTHON and any(line.split()[1] in SERVING for line in commands(block.text))
        if block.language == OUTPUT:
            continue
        if block.reason is not None and not (starts and "tests/journeys" in block.reason):
            yield False, f"```{block.language}\n{block.text}```"
            continue
        started = started or starts
        yield True, STARTED.format(words=block.text.removeprefix("$ ").split()) if starts else _code(block)
    yield from _prose("".join(lines[done:]))
    if started:
        yield True, STOPPED


def _code(block: Block) -> str:
    if block.file is not None:
        return f"%%writefile {block.file}\n{block.text}".rstrip()
    if block.language == PYTHON:
        return block.text.rstrip()
    return "\n".join(f"!{line}" for line in commands(block.text))


def _prose(text: str) -> Iterator[tuple[bool, str]]:
    """Yield text as a cell; of links to other pages only the words stay, since a notebook travels without them."""
    plain = re.sub(r"\[([^\]]*)(?=\]\()" + _ELSEWHERE.pattern, r"\1", _LEFT_OUT.sub("", text), flags=re.DOTALL).strip()
    if plain:
        yield False, plain


def main() -> None:
    """Write all notebooks."""
    for page in PEOPLE:
        page.with_suffix(".ipynb").write_text(notebook(page), encoding="utf-8")


if __name__ == "__main__":
    main()

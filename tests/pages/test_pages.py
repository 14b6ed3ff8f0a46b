"""Every command and every line of Python in README and docs runs, or says why not; shown output is the real one."""

from __future__ import annotations

import re
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from recdiff_cli.examples import EXAMPLES
from tests.pages.blocks import OUTPUT, PAGES, PEOPLE, ROOT, Block, blocks
from tests.pages.player import COMMANDS, PYTHON, Page, called, commands, played, prepared, quick_fits

RUN = [page for page in PAGES if any(block.reason is None for block in blocks(page))]
INDEX_NAME = re.compile(r"pip install [^\n`#]*\brecdiff-sdk\b")
ELSEWHERE = {
    "doctor": "it judges the environment",
    "report": "it needs a study",
    "review": "it serves until it is stopped",
    "serve": "it serves until it is stopped",
    "study": "it takes minutes",
}


@pytest.fixture(scope="module")
def start(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The folder that pages start with; fits are quick as long as pages are played, and no longer."""
    with quick_fits():
        yield prepared(tmp_path_factory.mktemp("pages") / "start")


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("page", RUN, ids=lambda page: page.name)
def test_a_page_does_what_it_says(page: Path, start: Path, tmp_path: Path) -> None:
    for block, said in played(blocks(page), start, tmp_path / "page"):
        assert block.text == f"{said}\n", f"{block.name}: run python docs/outputs.py"


def test_the_example_of_every_command_runs(start: Path, tmp_path: Path) -> None:
    on_pages = {
        line.partition("#")[0].strip() for page in RUN for block in blocks(page) for line in commands(block.text)
    }
    lines = [f"recdiff-sdk {EXAMPLES[name]}" for name in sorted(EXAMPLES) if name not in ELSEWHERE]
    text = "".join(f"{line}\n" for line in lines if line not in on_pages)
    assert text
    played([Block(ROOT / "cli" / "recdiff_cli" / "examples.py", 1, "sh", text, None)], start, tmp_path / "page")


@pytest.mark.parametrize("page", [*PAGES, *PEOPLE], ids=lambda page: page.name)
def test_a_block_runs_or_says_why_not(page: Path) -> None:
    for block in blocks(page):
        if block.reason is None:
            assert block.language in (*COMMANDS, PYTHON, OUTPUT), f"{block.name}: neither run nor marked"
        else:
            assert len(block.reason.split()) > 2, f"{block.name}: {block.reason!r} is no reason"


@pytest.mark.parametrize("page", [*PAGES, *PEOPLE], ids=lambda page: page.name)
def test_nothing_is_installed_by_a_name_that_is_on_no_index(page: Path) -> None:
    found = INDEX_NAME.findall(page.read_text(encoding="utf-8"))
    assert found == [], f"{page.name}: install from a checkout or a wheel"


def test_a_block_that_fails_is_told(tmp_path: Path) -> None:
    page = Page(tmp_path)
    for language, text in (("sh", "recdiff-sdk fit nowhere/\n"), ("sh", "rm -rf data\n"), ("python", "assert False\n")):
        with pytest.raises(AssertionError):
            page.play(Block(ROOT / "docs" / "index.md", 1, language, text, None))


def test_a_block_that_is_a_file_of_the_readers_is_written(tmp_path: Path) -> None:
    (tmp_path / "page.md").write_text("<!-- file: own.py -->\n```python\nX = 1\n```\n", encoding="utf-8")
    (block,) = blocks(tmp_path / "page.md")
    assert block.file == "own.py"
    Page(tmp_path).play(block)
    assert (tmp_path / "own.py").read_text(encoding="utf-8") == "X = 1\n"


def test_a_command_leaves_no_handler_of_signals_behind() -> None:
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    assert called(["validate", "nowhere/"]) == 3
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == before


def test_what_a_page_shows_is_compared(tmp_path: Path) -> None:
    text = "```python\n1 + 1\n```\n\n```output\n3\n```\n\n<!-- not run: it is no code -->\n```\nx\n```\n"
    (tmp_path / "page.md").write_text(text, encoding="utf-8")
    (tmp_path / "start").mkdir()
    found = blocks(tmp_path / "page.md")
    assert [(block.line, block.reason) for block in found] == [(2, None), (6, None), (11, "it is no code")]
    pages = [Block(ROOT / "README.md", block.line, block.language, block.text, block.reason) for block in found]
    ((block, said),) = played(pages, tmp_path / "start", tmp_path / "page")
    assert (block.text, said) == ("3\n", "2")

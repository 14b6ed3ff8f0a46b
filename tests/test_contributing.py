"""docs/contributing.md names every room, and every file it sends a reader to exists."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PAGE = (ROOT / "docs" / "contributing.md").read_text(encoding="utf-8")
NAMED = sorted(set(re.findall(r"`((?:sdk|export|adapters|cli|tests|docs)/[\w./]+)`", PAGE)))
CHANGES = (
    "a column that the scorer sees",
    "a kind of fake",
    "a downstream format",
    "a study",
    "a baseline",
    "the threshold's default",
    "the words of an error",
    "what a model folder holds",
    "the batch of the server",
    "a metric",
)


def answer(change: str) -> list[str]:
    """Return the paths in the row of ``change``."""
    (row,) = [line for line in PAGE.splitlines() if line.startswith(f"| {change}")]
    return re.findall(r"`([\w.]+/[\w./]+)`", row)


@pytest.mark.parametrize("path", NAMED)
def test_what_the_page_names_is_there(path: str) -> None:
    assert (ROOT / path).exists()


@pytest.mark.parametrize("change", CHANGES)
def test_each_of_the_ten_changes_has_a_file(change: str) -> None:
    files = answer(change)
    assert files
    assert all((ROOT / file).exists() for file in files)


def test_every_room_has_a_line() -> None:
    rooms = {
        str(folder.relative_to(ROOT))
        for package in ("sdk/recdiff", "export/recdiff_export", "adapters/recdiff_adapters", "cli/recdiff_cli")
        for folder in [ROOT / package, *(ROOT / package).rglob("*")]
        if folder.is_dir() and (folder / "__init__.py").exists()
    }
    assert rooms == {path for path in NAMED if path in rooms}

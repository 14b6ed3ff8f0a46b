"""The documentation builds as a site without a warning, and its pages load nothing from elsewhere."""

from __future__ import annotations

import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.pages.blocks import PAGES, PEOPLE, ROOT

LOADED = re.compile(r"<(?:script|img|iframe|source)\b[^>]*\bsrc=\"?(?P<src>[^\"\s>]+)|<link\b[^>]*>")
SETTINGS = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The built site."""
    for module, name in (("material", "mkdocs-material"), ("mkdocstrings_handlers.python", "mkdocstrings[python]")):
        if find_spec(module.partition(".")[0]) is None or find_spec(module) is None:
            pytest.skip(f"{name} is not installed; the extra [docs] brings it")
    place = tmp_path_factory.mktemp("site") / "site"
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(place)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return place


@pytest.mark.parametrize("page", [*PAGES[1:], *PEOPLE], ids=lambda page: page.stem)
def test_every_page_is_in_the_menu(page: Path) -> None:
    assert f" {page.relative_to(ROOT / 'docs')}\n" in SETTINGS


def test_pages_load_nothing_from_elsewhere(site: Path) -> None:
    pages = sorted(site.rglob("*.html"))
    assert len(pages) > len(PAGES) + len(PEOPLE)
    for page in pages:
        for found in LOADED.finditer(page.read_text(encoding="utf-8")):
            text = found["src"] or found[0]
            canonical = found["src"] is None and re.search(r"rel=\"?(canonical|next|prev)", text)
            assert canonical or "://" not in text, f"{page.relative_to(site)}: {text}"


def test_a_reference_page_holds_what_docstrings_say(site: Path) -> None:
    said = (site / "api" / "recdiff" / "index.html").read_text(encoding="utf-8")
    for name in ("clean_edges", "recommend_new", "from_frames", "to_polars", "BadRowsError"):
        assert name in said
    assert "Divide the fitted edges into kept and removed ones" in said


def test_notebooks_and_pictures_are_in_the_site(site: Path) -> None:
    for page in PEOPLE:
        assert (site / "for" / f"{page.stem}.ipynb").is_file()
    assert {each.stem for each in (site / "pictures").glob("*.svg")} == {"flow", "icon", "reliability", "waterfall"}

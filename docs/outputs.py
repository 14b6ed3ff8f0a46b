"""Write the shown outputs of README and docs anew, as they really are: ``python docs/outputs.py``.

Only those of the pages named: ``python docs/outputs.py python serving``.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), *(str(ROOT / each) for each in ("sdk", "cli", "export", "adapters"))]

from tests.journeys.walk import walked  # noqa: E402
from tests.pages.blocks import OUTPUT, PAGES, PEOPLE, Block, blocks  # noqa: E402
from tests.pages.player import fits_once, played, prepared, quick_fits  # noqa: E402


def main(names: Sequence[str]) -> None:
    """Play every page that shows an output, or those named, and put what was said where it is shown."""
    shows = [page for page in (*PAGES, *PEOPLE) if any(block.language == OUTPUT for block in blocks(page))]
    wanted = [page for page in shows if not names or page.stem in names]
    with tempfile.TemporaryDirectory(prefix="recdiff-pages-") as name:
        plain = [page for page in wanted if page in PAGES]
        with quick_fits():
            start = prepared(Path(name) / "start") if plain else Path()
            for page in plain:
                _show(page, played(blocks(page), start, Path(name) / page.name))
        with fits_once():
            for page in wanted:
                if page in PEOPLE:
                    with walked(page, Path(name) / page.name) as (_, shown):
                        _show(page, shown)


def _show(page: Path, shown: list[tuple[Block, str]]) -> None:
    lines = page.read_text(encoding="utf-8").splitlines()
    for block, said in reversed(shown):
        first = block.line - 1
        lines[first : first + len(block.text.splitlines())] = said.splitlines()
    page.write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])

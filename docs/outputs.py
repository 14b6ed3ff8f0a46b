"""Write the shown outputs of README and docs anew, as they really are: ``python docs/outputs.py``."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), *(str(ROOT / each) for each in ("sdk", "cli", "export", "adapters"))]

from tests.pages.blocks import PAGES, blocks  # noqa: E402
from tests.pages.player import played, prepared, quick_fits  # noqa: E402


def main() -> None:
    """Play every page that shows an output, and put what was said where it is shown."""
    with tempfile.TemporaryDirectory(prefix="recdiff-pages-") as name, quick_fits():
        start = prepared(Path(name) / "start")
        for page in PAGES:
            found = blocks(page)
            if not any(block.language == "output" for block in found):
                continue
            lines = page.read_text(encoding="utf-8").splitlines()
            for block, said in reversed(played(found, start, Path(name) / page.name)):
                first = block.line - 1
                lines[first : first + len(block.text.splitlines())] = said.splitlines()
            page.write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()

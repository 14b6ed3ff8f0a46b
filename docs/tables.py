"""Write the tables in the documentation that come from registries: ``python docs/tables.py``."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "sdk"))

from recdiff.fakes import kinds  # noqa: E402
from recdiff.studies import registry  # noqa: E402


def kinds_table() -> str:
    """Return the kinds that the scorer tells, as Markdown."""
    rows = [
        (f"`{each.name}`", each.sentence, "with interactions" if each.needs == "interactions" else "always")
        for each in kinds.KINDS
        if (each.sampled or each.planted or each.grouped) and not each.stands_for
    ]
    return _markdown(("kind", "what the scorer takes it for", "looked for"), rows)


def injected_table() -> str:
    """Return the kinds that ``corrupt`` injects, as Markdown."""
    rows = [(f"`{each.name}`", each.sentence) for each in kinds.KINDS if each.injected]
    return _markdown(("kind", "what is injected"), rows)


def sample_table() -> str:
    """Return what the made-up sample is made of, as Markdown."""
    rows = [(f"`{each.name}`", each.made_as) for each in kinds.in_sample()]
    real = "friendships within communities, near ones and afar, many of them closing triangles"
    return _markdown(("kind", "made as"), [("`real`", real), *rows])


def studies_table() -> str:
    """Return the studies, as Markdown."""
    return _markdown(("study", "question"), [(f"`{each.name}`", each.question) for each in registry.STUDIES])


TABLES: dict[str, Callable[[], str]] = {
    "kinds": kinds_table,
    "injected": injected_table,
    "sample": sample_table,
    "studies": studies_table,
}


def filled(page: str) -> str:
    """Return ``page`` with every marked table made anew."""

    def made(found: re.Match[str]) -> str:
        return f"<!-- {found[1]} -->\n\n{TABLES[found[1]]()}\n<!-- end -->"

    return re.sub(r"<!-- (\w+) -->\n.*?<!-- end -->", made, page, flags=re.DOTALL)


def _markdown(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [columns, ["---"] * len(columns), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines).replace("|  |", "| |").replace("| --- ", "|---")


if __name__ == "__main__":
    for file in sorted((ROOT / "docs").glob("*.md")):
        text = file.read_text(encoding="utf-8")
        if filled(text) != text:
            file.write_text(filled(text), encoding="utf-8")

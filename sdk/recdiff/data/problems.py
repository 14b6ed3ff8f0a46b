"""What is wrong with an input file, collected so that one error names all of it."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from recdiff.errors import DataError

SHOWN = 20
"""Problems spelled out in one message; the rest are counted."""


@dataclass(frozen=True)
class Problem:
    """One fault in a file.

    Attributes:
        text: what is wrong, the value, what is accepted and what to do.
        row: line of the file where the row starts (first line = 1); for Parquet the row itself (first = 1).
        column: the column's name as the file spells it.
    """

    text: str
    row: int | None = None
    column: str | None = None

    def __str__(self) -> str:
        places = [f"row {self.row}"] if self.row is not None else []
        places += [f"column {self.column!r}"] if self.column is not None else []
        return f"{', '.join(places)}: {self.text}" if places else self.text


def data_error(path: Path, problems: Sequence[Problem], total: int | None = None) -> DataError:
    """Return one error for ``problems`` of the file at ``path``; ``total`` counts those not listed too."""
    shown = sorted(problems, key=lambda problem: problem.row or 0)[:SHOWN]
    count = max(total or 0, len(problems))
    if count == 1:
        only = shown[0]
        return DataError(f"{path}{':' if only.row is None and only.column is None else ','} {only}")
    lines = [f"{path}: {count} problems", *(f"  {problem}" for problem in shown)]
    if count > len(shown):
        lines.append(f"  and {count - len(shown)} more")
    return DataError("\n".join(lines))


def did_you_mean(word: str, candidates: Iterable[str], cutoff: float = 0.6) -> str:
    """Return ``" (did you mean 'x'?)"`` for the closest candidate, or an empty string."""
    by_lower = {candidate.lower(): candidate for candidate in candidates}
    close = difflib.get_close_matches(word.lower(), by_lower, n=1, cutoff=cutoff)
    return f" (did you mean {by_lower[close[0]]!r}?)" if close else ""


def shorten(value: object, limit: int = 60) -> str:
    """Return ``repr(value)``, cut where it would fill the screen."""
    text = repr(value)
    return text if len(text) <= limit else f"{text[: limit - 3]}..."

"""What is wrong with an input file, collected so that one error names all of it."""

from __future__ import annotations

import difflib
import reprlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from recdiff.errors import DataError

SHOWN = 20
"""Problems spelled out in one message; the rest are counted."""
COUNTED = 1_000_000
"""Problems counted; a file with more is read no further."""
MOST_SPELLED = 4_000


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


class _Bounded(reprlib.Repr):
    """Spells out no more than fits on a screen, of a value that may be nested or shared beyond measure."""

    def __init__(self) -> None:
        super().__init__()
        self.maxlevel, self.maxother = 3, MOST_SPELLED

    def repr_int(self, x: int, level: int) -> str:
        """Spell a whole number; Python itself refuses very long ones."""
        return repr(x) if x.bit_length() < MOST_SPELLED else f"a number of {x.bit_length()} bits"

    def repr_str(self, x: str, level: int) -> str:
        """Spell a text by its beginning."""
        return repr(x[:MOST_SPELLED])


_repr = _Bounded().repr


def data_error(path: Path, problems: Sequence[Problem], total: int | None = None) -> DataError:
    """Return one error for ``problems`` of the file at ``path``; ``total`` counts those not listed too."""
    shown = sorted(problems, key=lambda problem: problem.row or 0)[:SHOWN]
    count = max(total or 0, len(problems))
    if count == 1:
        only = shown[0]
        return DataError(f"{path}{':' if only.row is None and only.column is None else ','} {only}")
    least = "at least " if count >= COUNTED else ""
    lines = [f"{path}: {least}{count} problems", *(f"  {problem}" for problem in shown)]
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
    text = _repr(value)
    return text if len(text) <= limit else f"{text[: limit - 3]}..."

"""The table that an audit hands to a person, and what comes back in its ``verdict`` column.

A sheet's draw is a function of the scores, the size and the seed, all of which its name tells: what was drawn is drawn
again when the answers are read, and a row that differs is refused. Units are edges (src, dst) or anything with ids.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from recdiff.arrays import Float64, Int64, Mask
from recdiff.audit.csv_rows import csv_rows
from recdiff.audit.sample import Drawn, draw
from recdiff.audit.verdict import BLANK, is_fake_of
from recdiff.data.problems import Problem, data_error, shorten
from recdiff.errors import DataError, UsageError
from recdiff.storage.whole import replaced_file

COLUMNS = ("score", "stratum", "inclusion_probability", "evidence", "audit", "verdict")
"""What follows the ids."""
NEEDED = ("inclusion_probability", "audit", "verdict")
FEWEST_ANSWERS = 20
CLOSE = 1e-3
"""Part by which a spreadsheet may round a probability."""


@dataclass(frozen=True, eq=False)
class Sheet:
    """Units of one model that somebody is asked about.

    Attributes:
        fingerprint: of the model and its scores; size, seed: of the draw.
        ids: of the drawn units (B,), by column, as text.
        drawn: which units they are.
        score: (B,).
    """

    fingerprint: str
    size: int
    seed: int
    ids: Mapping[str, Sequence[str]]
    drawn: Drawn
    score: Float64

    @property
    def name(self) -> str:
        """What every row of the file is marked with."""
        return f"{self.fingerprint}.{self.size}.{self.seed}"

    def keys(self) -> list[tuple[str, ...]]:
        """Return the ids of each unit, (B,)."""
        return list(zip(*self.ids.values(), strict=True))


@dataclass(frozen=True, eq=False)
class Units:
    """What can be audited: N units with ids, and the scores (N,) that they had before any audit."""

    fingerprint: str
    ids: Mapping[str, Sequence[str]]
    score: Float64

    def sheet(self, size: int, seed: int) -> Sheet:
        """Draw ``size`` units."""
        drawn = draw(self.score, size, seed)
        ids = {name: [values[row] for row in drawn.rows.tolist()] for name, values in self.ids.items()}
        return Sheet(self.fingerprint, size, seed, ids=ids, drawn=drawn, score=self.score[drawn.rows])


def write_sheet(file: Path, sheet: Sheet, evidence: Sequence[str], verdicts: Sequence[str]) -> None:
    """Write the table; ``verdicts`` (B,) are what is known already.

    Raises:
        UsageError: ``file`` is something else, or holds answers.
        WriteError: the place cannot be written.
    """
    _refuse_answered(file, tuple(sheet.ids))
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([*sheet.ids, *COLUMNS])
    drawn = sheet.drawn
    for place, key in enumerate(sheet.keys()):
        numbers = f"{sheet.score[place]:.6f}", drawn.stratum[place], f"{drawn.probability[place]:.8g}"
        writer.writerow([*key, *numbers, evidence[place], sheet.name, verdicts[place]])
    with replaced_file(file) as new:
        new.write_text(text.getvalue(), encoding="utf-8")


def _refuse_answered(file: Path, ids: tuple[str, ...]) -> None:
    if not file.exists():
        return
    try:
        rows = _rows(file, ids)
    except DataError as error:
        raise UsageError(f"{file} is there and is no audit, so it is not replaced; name another --out") from error
    answered = sum(bool(row["verdict"].strip()) for _, row in rows)
    if answered:
        raise UsageError(f"{file} holds {answered} verdicts, so it is not replaced; name another --out")


def read_answers(file: Path, units: Units) -> tuple[Int64, Mask]:
    """Return which of ``units`` were answered, (B,), and whether each is a fake, (B,).

    Raises:
        DataError: the file is no audit of this model, or a row was added, doubled or changed, or has a verdict of
            another kind; every problem is named. Or too few rows are answered.
    """
    sheet, words = read_sheet(file, units)
    said = {place: is_fake_of(word) for place, word in words.items()}
    found = {int(sheet.drawn.rows[place]): fake for place, fake in said.items() if fake is not None}
    if len(found) < FEWEST_ANSWERS:
        raise DataError(
            f"{file}: {len(found)} of {len(words)} rows are answered; fill in fake or real for at least "
            f"{FEWEST_ANSWERS}"
        )
    return np.array(list(found), np.int64), np.array(list(found.values()), bool)


def read_sheet(file: Path, units: Units) -> tuple[Sheet, dict[int, str]]:
    """Return what was drawn, and the word in the column ``verdict`` of each drawn unit whose row is still there.

    Raises:
        DataError: see ``read_answers``.
    """
    rows = _rows(file, tuple(units.ids))
    sheet = _of_name(file, rows, units)
    place = {key: each for each, key in enumerate(sheet.keys())}
    found: dict[int, str] = {}
    problems: list[Problem] = []
    for line, row in rows:
        at = place.get(tuple(row[name] for name in units.ids))
        fault = _fault(row, sheet, at, found)
        if fault is not None:
            problems.append(Problem(fault[1], line, fault[0]))
            continue
        assert at is not None
        found[at] = row["verdict"].strip().lower()
    if problems:
        raise data_error(file, problems)
    return sheet, found


def fill_in(file: Path, units: Units, verdicts: Mapping[tuple[str, ...], str]) -> None:
    """Write the ``verdicts`` of some units into their rows; all else in the file stays.

    Raises:
        DataError: see ``read_answers``. UsageError: another process is writing the file.
        WriteError: the place cannot be written; the file is then as it was.
    """
    with replaced_file(file) as new:
        read_sheet(file, units)
        rows = [row for _, row in _rows(file, tuple(units.ids))]
        for row in rows:
            key = tuple(row[name] for name in units.ids)
            row["verdict"] = verdicts.get(key, row["verdict"])
        text = io.StringIO()
        writer = csv.DictWriter(text, rows[0], lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
        new.write_text(text.getvalue(), encoding="utf-8")


def _fault(row: Mapping[str, str], sheet: Sheet, at: int | None, seen: Collection[int]) -> tuple[str, str] | None:
    """Return the column and what is wrong with a row that stands for the unit ``at`` of the sheet, or None."""
    first = next(iter(sheet.ids))
    told = ",".join(row[name] for name in sheet.ids)
    if at is None:
        return first, f"{shorten(told)} was not drawn; delete the row: an audit counts only what it has drawn"
    if at in seen:
        return first, f"{shorten(told)} is there twice; keep one of the rows"
    given, expected = row["inclusion_probability"], float(sheet.drawn.probability[at])
    if not _near(given, expected):
        return "inclusion_probability", f"{given!r} was changed, it was {expected:.8g}; put that back"
    if row["audit"] != sheet.name:
        return "audit", f"{shorten(row['audit'])} is another audit than the first row's; answer one file at a time"
    if is_fake_of(row["verdict"]) is None and row["verdict"].strip().lower() not in BLANK:
        return "verdict", f"{shorten(row['verdict'])}; accepted are fake or bad, real or good, or nothing"
    return None


def _near(text: str, expected: float) -> bool:
    try:
        return abs(float(text) - expected) <= CLOSE * expected
    except ValueError:
        return False


def _of_name(file: Path, rows: Sequence[tuple[int, Mapping[str, str]]], units: Units) -> Sheet:
    """Draw again what the first row says was drawn."""
    line, row = rows[0]
    fingerprint, *numbers = row["audit"].split(".")
    if len(numbers) != 2 or not all(each.isdecimal() for each in numbers):
        text = f"{shorten(row['audit'])} names no audit; put back what the file had there"
        raise data_error(file, [Problem(text, line, "audit")])
    if fingerprint != units.fingerprint:
        text = (
            f"{fingerprint} is an audit of another model, this one is {units.fingerprint}; "
            "name the model it was drawn from with --model, or draw a new audit"
        )
        raise data_error(file, [Problem(text, line, "audit")])
    return units.sheet(int(numbers[0]), int(numbers[1]))


def _rows(file: Path, ids: tuple[str, ...]) -> list[tuple[int, dict[str, str]]]:
    """Return every row with its line number."""
    if not file.is_file():
        raise DataError(f"{file}: no such file")
    try:
        text = file.read_text(encoding="utf-8-sig")
    except (UnicodeDecodeError, OSError) as error:
        raise DataError(f"{file}: not readable as UTF-8 text ({error}); save it as CSV in UTF-8") from None
    rows: list[tuple[int, dict[str, str]]] = []
    for line, row in csv_rows(file, text, (*ids, *NEEDED), "a file that audit wrote"):
        if row is None:
            raise data_error(file, [Problem("has more or fewer fields than the header", line)])
        rows.append((line, row))
    if not rows:
        raise data_error(file, [Problem("has no rows; expected a file that audit wrote", 1)])
    return rows

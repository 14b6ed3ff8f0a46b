"""The table of an audit that is answered one by one. Letters: N edges or accounts."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from recdiff.arrays import Mask
from recdiff.audit.estimate import Answers, Share
from recdiff.audit.sheet import FEWEST_ANSWERS, fill_in, read_sheet
from recdiff.audit.subjects import subject_of
from recdiff.audit.verdict import is_fake_of
from recdiff.model.fitted import Fitted
from recdiff.model.told import FAKE, REAL, SILENT, Verdicts
from recdiff.review.marks import UNSURE, Marks


class AuditSheet:
    """A table that `audit` wrote.

    Attributes:
        what: it asks about: "edge" or "account". drawn: (N,) which of them. marks: what it says of them.
        version: changes whenever the file does.

    Raises:
        DataError: it is no audit of this model, see ``audit.sheet.read_answers``.
    """

    def __init__(self, file: Path, fitted: Fitted) -> None:
        self._file = file
        subject = subject_of(file)
        self.what = subject.what
        self._units = subject.units(fitted)
        self._blind = self._units.score
        self._seen: tuple[int, ...] = ()
        self.version = 0
        self.refresh()

    def refresh(self) -> None:
        """Read the file where it has changed."""
        found = self._file.stat() if self._file.exists() else None
        seen = (found.st_ino, found.st_mtime_ns, found.st_size) if found else (0,)
        if seen == self._seen:
            return
        sheet, words = read_sheet(self._file, self._units)
        state: Verdicts = np.full(len(self._blind), SILENT, np.int8)
        self.drawn: Mask = np.zeros(len(state), bool)
        for place, word in words.items():
            row, fake = sheet.drawn.rows[place], is_fake_of(word)
            self.drawn[row] = True
            state[row] = (UNSURE if word else SILENT) if fake is None else FAKE if fake else REAL
        own = (state == FAKE) | (state == REAL)
        self.marks = Marks(state, own, np.zeros(len(state), bool))
        self._seen = seen
        self.version += 1

    def fill(self, marks: Marks) -> None:
        """Fill in what was decided before of what it asks about."""
        rows = np.flatnonzero(self.drawn & (self.marks.state == SILENT) & marks.own)
        words = {FAKE: "fake", REAL: "real"}
        self.answer({row: words[int(marks.state[row])] for row in rows.tolist()})

    def answer(self, words: Mapping[int, str]) -> None:
        """Write what is said of some of what it asks about, by row.

        Raises:
            DataError, UsageError, WriteError: see ``audit.sheet.fill_in``.
        """
        if words:
            ids = list(self._units.ids.values())
            fill_in(self._file, self._units, {tuple(each[row] for each in ids): word for row, word in words.items()})
            self.refresh()

    def share(self) -> Share | None:
        """Return the share of fakes among all edges, or all accounts; None where too few are answered."""
        rows = np.flatnonzero(self.marks.own)
        if len(rows) < FEWEST_ANSWERS:
            return None
        return Answers(self._blind, rows, self.marks.state[rows] == FAKE).share()

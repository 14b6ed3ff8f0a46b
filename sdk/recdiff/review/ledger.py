"""The decisions beside a model's data as they stand: read anew when somebody has added to them."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from recdiff.audit.decisions import ConflictError, Decision, Key, add_decisions, key_of, read_decisions
from recdiff.storage.lock import BusyError

TRIES, PAUSE = 30, 0.1
"""How often, and after how many seconds each time, it is tried to write where another process is writing."""


class Ledger:
    """Decisions about one model's data.

    Attributes:
        rows: all of them, in order. standing: the last about each thing. count: how many there are about each.
        version: changes whenever ``rows`` do.
    """

    def __init__(self, file: Path, directed: bool) -> None:
        self.file = file
        self.directed = directed
        self.rows: list[Decision] = []
        self.standing: dict[Key, Decision] = {}
        self.count: Counter[Key] = Counter()
        self.version = 0
        self._seen: tuple[int, ...] | None = None
        self.refresh()

    def refresh(self) -> None:
        """Read the file where it has changed.

        Raises:
            DataError: a row cannot be understood.
        """
        seen = self._mark()
        if seen == self._seen:
            return
        self.rows = read_decisions(self.file)
        keys = [self.key(each) for each in self.rows]
        self.standing = dict(zip(keys, self.rows, strict=True))
        self.count = Counter(keys)
        self._seen = seen
        self.version += 1

    def key(self, each: Decision) -> Key:
        """Return what a decision is about."""
        return key_of(each, self.directed)

    def add(self, new: Sequence[Decision], known: int) -> None:
        """Write decisions, of which the first was taken by somebody who knew of ``known`` about the same thing.

        Raises:
            ConflictError: there are more, about it or about another of the things; nothing is written.
            BusyError: another process has been writing the file for seconds.
            WriteError: the place cannot be written.
        """
        keys = [self.key(each) for each in new]
        if self.count[keys[0]] > known:
            raise ConflictError(self.standing[keys[0]])
        expected = {key: self.count[key] for key in keys}
        for left in reversed(range(TRIES)):
            try:
                add_decisions(self.file, new, directed=self.directed, known=expected)
                break
            except BusyError:
                if not left:
                    raise
                time.sleep(PAUSE)
            finally:
                self.refresh()

    def _mark(self) -> tuple[int, ...] | None:
        try:
            found = self.file.stat()
        except FileNotFoundError:
            return None
        return found.st_ino, found.st_mtime_ns, found.st_size

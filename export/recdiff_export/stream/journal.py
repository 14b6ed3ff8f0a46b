"""What a streamed run has finished, so that a killed one continues where it stopped."""

from __future__ import annotations

import errno
import json
import logging
import os
import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from recdiff.cleaning.folder import SUMMARY, belongs
from recdiff.cleaning.summary import Summary
from recdiff.errors import DataError, UsageError
from recdiff.storage.json_file import parse_json
from recdiff.storage.lock import locked
from recdiff.storage.whole import flush_all, foreign, swap, writable

COUNTS = ("rows", "kept", "removed", "unknown", "dropped", "self_ties", "decided_fake", "decided_real")
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Done:
    """One finished part: rows of one segment and where they went."""

    file: str
    first: int
    rows: int
    kept: int
    removed: int
    unknown: int
    dropped: int
    self_ties: int
    decided_fake: int
    decided_real: int
    score_sum: float
    last: bool

    @classmethod
    def none(cls, file: str = "", first: int = 0) -> Done:
        """Return a part from row ``first`` of ``file`` on, of which nothing is done yet."""
        counts = dict.fromkeys(COUNTS, 0)
        return cls(file, first, **counts, score_sum=0.0, last=True)


class Journal:
    """A work folder beside the output: ``result/`` holds finished parts, ``journal.jsonl`` lists them.

    A part is on the disk and renamed into place before its line is written, and a line that was cut off is ignored.
    A journal whose parts are not all there, whole, is not gone by. As a context manager it holds the output's lock, and
    takes the folder away when a run fails before its first part.
    """

    def __init__(self, out: Path, fingerprint: str, *, resume: bool) -> None:
        self.out = writable(out)
        self.folder = self.out.with_name(f".{self.out.name}.work")
        self.result = self.folder / "result"
        self._log = self.folder / "journal.jsonl"
        self._fingerprint, self._resume = fingerprint, resume
        self._held = ExitStack()
        self.done: list[Done] = []

    def __enter__(self) -> Journal:
        self.out.parent.mkdir(parents=True, exist_ok=True)
        self._held.enter_context(locked(self.out))
        try:
            if self.out.exists() and not _ours(self.out):
                raise UsageError(f"{self.out} exists and holds something else than cleaned edges; choose another --out")
            if self._resume and self.result.is_dir() and self._log.is_file():
                self._clear_drafts()
                self.done = self._whole(_read(self._log, self._fingerprint))
            if not self.done:
                self._begin(self._fingerprint)
        except BaseException:
            self._held.close()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is not None and not self.done:
            shutil.rmtree(self.folder, ignore_errors=True)
        self._held.close()

    def _whole(self, done: list[Done]) -> list[Done]:
        """Return ``done`` where all its parts are there with the rows that they should have, none otherwise."""
        for number, each in enumerate(done):
            for side, rows in (("kept", each.kept), ("removed", each.removed)):
                if _rows(self.part(side, number)) != rows:
                    return []
        return done

    def part(self, side: str, number: int) -> Path:
        """Return where part ``number`` of ``side`` (kept, removed) goes."""
        return part_path(self.result, side, number)

    def add(self, done: Done) -> None:
        """Remember a part whose files are in place."""
        with self._log.open("a", encoding="utf-8") as log:
            log.write(json.dumps(asdict(done)) + "\n")
            log.flush()
            os.fsync(log.fileno())
        self.done.append(done)

    def finish(self, summary: Summary) -> None:
        """Put the result in the output's place: one part becomes a file, more stay a folder of parts."""
        self._clear_drafts()
        if len(self.done) == 1:
            for side in ("kept", "removed"):
                (part,) = (self.result / side).iterdir()
                part.replace(self.result / f"{side}.parquet")
                (self.result / side).rmdir()
        summary.write(self.result / SUMMARY)
        flush_all(self.result)
        swap(self.result, self.out)
        shutil.rmtree(self.folder)

    def _clear_drafts(self) -> None:
        """Remove what killed writers of parts left."""
        for draft in self.result.glob("*/.*"):
            draft.unlink(missing_ok=True)

    def _begin(self, fingerprint: str) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)
        for side in ("kept", "removed"):
            (self.result / side).mkdir(parents=True)
        self._log.write_text(json.dumps({"fingerprint": fingerprint}) + "\n", encoding="utf-8")


def part_path(result: Path, side: str, number: int) -> Path:
    """Return where part ``number`` of ``side`` goes in the folder ``result``."""
    return result / side / f"part-{number:05d}.parquet"


def _ours(out: Path) -> bool:
    if not out.is_dir():
        return False
    return not foreign(out, belongs) and ((out / SUMMARY).is_file() or not any(out.iterdir()))


def _rows(part: Path) -> int:
    """Return the rows of a part; 0 where there is none, as a side without edges has none, and -1 where it is cut."""
    if not part.exists():
        return 0
    try:
        return int(pq.read_metadata(part).num_rows)
    except (OSError, pa.ArrowException):
        return -1


def _read(log: Path, fingerprint: str) -> list[Done]:
    """Return the finished parts of a run with the same settings, none for another's."""
    lines = log.read_text(encoding="utf-8").splitlines(keepends=True)
    whole = [parse_json(line) for line in lines if line.endswith("\n")]
    if not whole or whole[0] != {"fingerprint": fingerprint}:
        _log.warning("%s: another input, model, setting or decision than before, so its parts are made anew", log)
        return []
    return [Done(**entry) for entry in whole[1:]]


@contextmanager
def disk_errors(out: Path) -> Iterator[None]:
    """Turn an ``OSError`` of the block into a DataError that names ``out``."""
    try:
        yield
    except OSError as error:
        full = error.errno == errno.ENOSPC or "No space left" in str(error)
        what = "the disk is full" if full else f"writing failed ({' '.join(str(error).split())})"
        raise DataError(
            f"{out}: {what}. Finished parts are kept; make room and run the same command again to go on"
        ) from error

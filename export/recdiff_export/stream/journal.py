"""What a streamed run has finished, so that a killed one continues where it stopped."""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path

from recdiff.errors import UsageError

SUMMARY = "summary.json"


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
    score_sum: float
    last: bool


class Journal:
    """A work folder beside the output: ``result/`` holds finished parts, ``journal.jsonl`` lists them.

    A part is renamed into place before its line is written, and a line that was cut off is ignored: whatever the
    journal names is whole. As a context manager it takes the folder away when a run fails before its first part.
    """

    def __init__(self, out: Path, fingerprint: str, *, resume: bool) -> None:
        self.out = out
        self.folder = out.with_name(f".{out.name}.work")
        self.result = self.folder / "result"
        self._log = self.folder / "journal.jsonl"
        self.done: list[Done] = []
        if out.exists() and not _ours(out):
            raise UsageError(f"{out} exists and holds something else than cleaned edges; choose another --out")
        if resume and self.result.is_dir() and self._log.is_file():
            self.done = _read(self._log, fingerprint)
        if not self.done:
            self._begin(fingerprint)

    def __enter__(self) -> Journal:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is not None and not self.done:
            shutil.rmtree(self.folder, ignore_errors=True)

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

    def finish(self, summary: dict[str, object]) -> None:
        """Put the result in the output's place: one part becomes a file, more stay a folder of parts."""
        # Drafts of writers that were killed; whole parts have taken another's place.
        for draft in self.result.glob("*/.*"):
            draft.unlink()
        if len(self.done) == 1:
            for side in ("kept", "removed"):
                (part,) = (self.result / side).iterdir()
                part.replace(self.result / f"{side}.parquet")
                (self.result / side).rmdir()
        (self.result / SUMMARY).write_text(json.dumps(summary, indent=2) + "\n", encoding="utf-8")
        aside = self.folder / "replaced"
        if self.out.exists():
            self.out.rename(aside)
        self.result.rename(self.out)
        shutil.rmtree(self.folder)

    def _begin(self, fingerprint: str) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)
        for side in ("kept", "removed"):
            (self.result / side).mkdir(parents=True)
        self._log.write_text(json.dumps({"fingerprint": fingerprint}) + "\n", encoding="utf-8")


def part_path(result: Path, side: str, number: int) -> Path:
    """Return where part ``number`` of ``side`` goes in the folder ``result``."""
    return result / side / f"part-{number:05d}.parquet"


def _ours(out: Path) -> bool:
    return out.is_dir() and ((out / SUMMARY).is_file() or not any(out.iterdir()))


def _read(log: Path, fingerprint: str) -> list[Done]:
    """Return the finished parts of a run with the same settings, none for another's."""
    lines = log.read_text(encoding="utf-8").splitlines(keepends=True)
    whole = [json.loads(line) for line in lines if line.endswith("\n")]
    if not whole or whole[0] != {"fingerprint": fingerprint}:
        return []
    return [Done(**entry) for entry in whole[1:]]

"""Score and clean any number of edges in bounded memory: read, look up, score and write at the same time."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from typing import Any, Literal, get_args

import pyarrow as pa

from recdiff.cleaning.policy import Policy
from recdiff.cleaning.summary import Summary
from recdiff.errors import DataError, UsageError
from recdiff.machine.progress import Report, silent
from recdiff_export.stream.batch import (
    SIDES,
    STAGE,
    Scored,
    Scorer,
    UnknownUsers,
    added,
    pipeline,
    score_batch,
    warn_of,
    write_part,
)
from recdiff_export.stream.journal import Done, Journal, disk_errors
from recdiff_export.stream.obeyed import Obeyed
from recdiff_export.stream.source import SEGMENT_ROWS, EdgeSource, Segment

Engine = Literal["local", "ray"]
GLIMPSE = 1 << 16
"""Bytes of an input that are looked at, beside its size and time, to know it again."""


def clean_stream(
    scorer: Scorer,
    edges: Path,
    out: Path,
    *,
    threshold: float,
    unknown: UnknownUsers = "keep",
    mapping: Mapping[str, str] | None = None,
    engine: Engine = "local",
    workers: int | None = None,
    obeyed: Obeyed | None = None,
    resume: bool = True,
    report: Report = silent,
) -> Summary:
    """Split the edges in ``edges`` into ``out``: kept, removed (fake_score >= threshold) and summary.json.

    Up to 8 M rows of one file become kept.parquet and removed.parquet; more become folders kept/ and removed/ of
    parts in the input's order. Edges of a user with itself are in neither; they are counted and told in a warning.
    ``out`` appears when everything is written; a killed run continues from its last finished part when it is called
    again with the same input, model, settings and verdicts to obey, and otherwise starts over.

    Args:
        edges: a Parquet, csv or tsv file, or a folder of them.
        unknown: edges with a user the model does not know: "keep" (null score), "drop" or "error".
        mapping: column names of src and dst where they are not recognised.
        engine: "ray" scores on all workers of a Ray cluster, see ``ray``; scores and files are the same.
        workers: of the Ray cluster; by default one per card where there are cards (and the scorer was not opened for
            the processor), else one per core. Each holds the user ids and maps the table.
        obeyed: what people decided: edges known to be real are kept, known fakes removed, whatever they score.

    Raises:
        DataError: an input cannot be read or used, an unknown user with "error", or the disk is full.
        UsageError: the threshold is outside 0..1, or ``out`` holds something else; Ray is missing or gives up.
        DeviceError: the scorer was opened for cuda, and no node of the cluster has a card.
    """
    check_settings(threshold, unknown)
    if engine == "local" and workers is not None:
        raise UsageError(f"workers = {workers}: only engine ray has workers")
    begun = time.monotonic()
    # Ray's workers run in folders of their own.
    place = edges.absolute() if engine == "ray" else edges
    source = EdgeSource.open(place, mapping or {}, integers=scorer.lookup.ids.integers)
    total = source.total_rows()
    mark = fingerprint(scorer, source, threshold, unknown, engine=engine, obeyed=obeyed)
    with disk_errors(out), Journal(out, mark, resume=resume) as journal:
        resumed = sum(done.rows for done in journal.done)
        report(STAGE, resumed, total)
        settings: dict[str, Any] = {"threshold": threshold, "unknown": unknown, "obeyed": obeyed}
        work = _Work(scorer=scorer, **settings, journal=journal, report=report, total=total)
        if engine == "ray":
            work.spread(source, workers)
        else:
            with ThreadPoolExecutor(scorer.threads, thread_name_prefix="recdiff-stream") as pool:
                for segment in source.segments():
                    work.run(source, segment, pool)
        return finished(journal, edges, threshold, resumed, begun, obeyed=obeyed)


@dataclass(frozen=True)
class _Work:
    scorer: Scorer
    threshold: float
    unknown: UnknownUsers
    obeyed: Obeyed | None
    journal: Journal
    report: Report
    total: int

    def run(self, source: EdgeSource, segment: Segment, pool: ThreadPoolExecutor) -> None:
        """Score what is left of ``segment``, part by part."""
        name = str(segment.path)
        before = [done for done in self.journal.done if done.file == name]
        if segment.rows is not None:
            if not any(done.first == segment.first for done in before):
                self._parts(source, segment, pool)
            return
        if not any(done.last for done in before):
            self._parts(source, replace(segment, first=sum(done.rows for done in before)), pool)

    def spread(self, source: EdgeSource, workers: int | None) -> None:
        """Have a Ray cluster score the segments of ``source`` that are left."""
        from recdiff_export.stream.ray import spread

        rows = sum(done.rows for done in self.journal.done)
        settings = self.threshold, self.unknown
        for done in spread(self.scorer, source, self.journal, *settings, obeyed=self.obeyed, workers=workers):
            self.journal.add(done)
            rows += done.rows
            self.report(STAGE, rows, self.total)

    def _parts(self, source: EdgeSource, segment: Segment, pool: ThreadPoolExecutor) -> None:
        """Write parts of whole batches, each closed once it holds ``SEGMENT_ROWS``; Parquet segments are one part."""
        results = pipeline(source, segment, pool, self.scorer.threads, self._score)
        limit = SEGMENT_ROWS if segment.rows is None else segment.rows
        first = segment.first
        for head in results:
            first += self._part(chain([head], results), replace(segment, first=first), limit).rows

    def _part(self, results: Iterator[Scored], segment: Segment, limit: int) -> Done:
        finished = sum(done.rows for done in self.journal.done)
        paths = [self.journal.part(side, len(self.journal.done)) for side in SIDES]

        def tick(counted: Done) -> bool:
            self.report(STAGE, finished + counted.rows, self.total)
            return counted.rows >= limit

        done = write_part(paths, results, Done.none(str(segment.path), segment.first), tick)
        if segment.rows is None and done.rows >= limit:
            done = replace(done, last=False)
        self.journal.add(done)
        return done

    def _score(self, batch: pa.RecordBatch, first: int, path: Path) -> Scored:
        settings: dict[str, Any] = {"threshold": self.threshold, "unknown": self.unknown, "obeyed": self.obeyed}
        return score_batch(self.scorer, batch, **settings, path=path, first=first)


def check_settings(threshold: float, unknown: str) -> None:
    """Refuse a threshold outside 0..1 and an unknown ``unknown``.

    Raises:
        UsageError: for either.
    """
    if not 0.0 <= threshold <= 1.0:
        raise UsageError(f"threshold = {threshold}: expected a number from 0 to 1")
    if unknown not in get_args(UnknownUsers):
        raise UsageError(f"unknown = {unknown!r}: accepted are {', '.join(get_args(UnknownUsers))}")


def finished(
    journal: Journal, edges: Path, threshold: float, resumed: int, begun: float, *, obeyed: Obeyed | None = None
) -> Summary:
    """Put the whole result in the output's place and return what was done.

    Args:
        resumed: rows finished before this run. begun: its start, on the monotonic clock. obeyed: see
            ``clean_stream``.

    Raises:
        DataError: there was no row in ``edges``.
    """
    if not journal.done:
        raise DataError(f"{edges}: there are no edges in it; it needs at least one row")
    total = Done.none()
    # In the input's order, whatever the order of finishing, so that sums are the same to the last bit.
    for done in sorted(journal.done, key=lambda done: (done.file, done.first)):
        total = added(total, done)
    scored = total.rows - total.unknown - total.self_ties
    mean = total.score_sum / scored if scored else None
    decided = {"fake": total.decided_fake, "real": total.decided_real}
    summary = Summary(
        edges=total.rows,
        kept=total.kept,
        removed=total.removed,
        unknown=total.unknown,
        dropped=total.dropped,
        self_ties=total.self_ties,
        policy=Policy(threshold).given(),
        estimated_fake_share=mean,
        decided=decided if any(decided.values()) else None,
        decisions_file=None if obeyed is None else obeyed.file,
        resumed=resumed,
        seconds=time.monotonic() - begun,
    )
    journal.finish(summary)
    warn_of(edges, total.self_ties)
    return summary


def fingerprint(
    scorer: Scorer,
    source: EdgeSource,
    threshold: float,
    unknown: str,
    *,
    engine: str = "local",
    obeyed: Obeyed | None = None,
) -> str:
    """Hash what decides the output and its parts: input files, model, settings, engine and what is obeyed."""
    files = [(str(file), file.stat().st_size, file.stat().st_mtime_ns, _glimpse(file)) for file in source.files]
    settings = [threshold, unknown, sorted(source.mapping.items()), SEGMENT_ROWS, files, engine]
    settings.append(None if obeyed is None else obeyed.digest)
    # Of the bundle as it was opened: another may lie at its path by now.
    return hashlib.sha256(f"{json.dumps(settings)} {scorer.digest}".encode()).hexdigest()


def _glimpse(file: Path) -> str:
    """Return a hash of a file's beginning, middle and end."""
    size, digest = file.stat().st_size, hashlib.sha256()
    with file.open("rb") as handle:
        for start in sorted({0, max(0, size // 2 - GLIMPSE // 2), max(0, size - GLIMPSE)}):
            handle.seek(start)
            digest.update(handle.read(GLIMPSE))
    return digest.hexdigest()

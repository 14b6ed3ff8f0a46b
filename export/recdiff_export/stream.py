"""Score and clean any number of ties in bounded memory: read, look up, score and write at the same time."""

from __future__ import annotations

import errno
import hashlib
import json
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from typing import Literal, Protocol, get_args

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from recdiff.errors import DataError, UsageError
from recdiff.problems import shorten
from recdiff.progress import Report, silent
from recdiff_export.edge_source import SEGMENT_ROWS, EdgeSource, Segment
from recdiff_export.journal import Done, Journal
from recdiff_export.lookup import IdLookup
from recdiff_export.manifest import MANIFEST
from recdiff_export.parts import Float32, Int64

UnknownUsers = Literal["error", "keep", "drop"]
_STAGE = "score edges"
# Batches in flight per thread: enough that no thread waits for the disk, few enough to bound memory.
_AHEAD = 3
_GROUP_ROWS = 1 << 20
_NAMED = 10


class Scorer(Protocol):
    """What streaming needs of a scorer; `OnnxScorer` is one."""

    folder: Path
    threads: int
    lookup: IdLookup

    def score_positions(self, src: Int64, dst: Int64) -> Float32:
        """Return fake_score of pairs of user positions, NaN where either is -1."""
        ...


@dataclass(frozen=True)
class CleanSummary:
    """What a streamed cleaning did, in rows.

    Attributes:
        rows: ties read = kept + removed + dropped. unknown: ties with a user that the model does not know.
        mean_fake_score: over the ties that have a score. seconds: this run only; resumed_rows: finished before it.
    """

    rows: int
    kept: int
    removed: int
    unknown: int
    dropped: int
    threshold: float
    mean_fake_score: float | None
    resumed_rows: int
    seconds: float


@dataclass(frozen=True)
class _Scored:
    """One scored batch: the rows for each output, and what is counted."""

    kept: pa.RecordBatch
    removed: pa.RecordBatch
    done: Done


def clean_stream(
    scorer: Scorer,
    edges: Path,
    out: Path,
    *,
    threshold: float,
    unknown: UnknownUsers = "keep",
    mapping: Mapping[str, str] | None = None,
    resume: bool = True,
    report: Report = silent,
) -> CleanSummary:
    """Split the ties in ``edges`` into ``out``: kept, removed (fake_score >= threshold) and summary.json.

    Up to 8 M rows of one file become kept.parquet and removed.parquet; more become folders kept/ and removed/ of
    parts in the input's order. ``out`` appears when everything is written; a killed run continues from its last
    finished part when it is called again with the same input, model and settings.

    Args:
        edges: a Parquet, csv or tsv file, or a folder of them.
        unknown: ties with a user the model does not know: "keep" (null score), "drop" or "error".
        mapping: column names of src and dst where they are not recognised.

    Raises:
        DataError: an input cannot be read or used, an unknown user with "error", or the disk is full.
        UsageError: the threshold is outside 0..1, or ``out`` holds something else.
    """
    if not 0.0 <= threshold <= 1.0:
        raise UsageError(f"threshold = {threshold}: expected a number from 0 to 1")
    if unknown not in get_args(UnknownUsers):
        raise UsageError(f"unknown = {unknown!r}: accepted are {', '.join(get_args(UnknownUsers))}")
    begun = time.monotonic()
    source = EdgeSource.open(edges, mapping or {}, integers=scorer.lookup.ids.integers)
    total = source.total_rows()
    with _disk_errors(out):
        journal = Journal(out, _fingerprint(scorer, source, threshold, unknown), resume=resume)
        resumed = sum(done.rows for done in journal.done)
        report(_STAGE, resumed, total)
        work = _Work(scorer, threshold, unknown, journal, report, total)
        with ThreadPoolExecutor(scorer.threads, thread_name_prefix="recdiff-stream") as pool:
            for segment in source.segments():
                work.run(source, segment, pool)
        if not journal.done:
            raise DataError(f"{edges}: there are no ties in it; it needs at least one row")
        summary = _summary(journal, threshold, resumed, time.monotonic() - begun)
        journal.finish(vars(summary))
    return summary


def score_file(
    scorer: Scorer,
    edges: Path,
    out: Path,
    *,
    unknown: UnknownUsers = "keep",
    mapping: Mapping[str, str] | None = None,
    report: Report = silent,
) -> int:
    """Write the ties in ``edges`` with their fake_score, in order, to the Parquet file ``out``; return the rows.

    ``out`` appears, or replaces an older file, when it is complete.

    Raises:
        DataError: as `clean_stream`.
    """
    source = EdgeSource.open(edges, mapping or {}, integers=scorer.lookup.ids.integers)
    total, rows = source.total_rows(), 0
    draft = out.with_name(f".{out.name}.draft")

    def score(batch: pa.RecordBatch, first: int, path: Path) -> _Scored:
        # No score reaches 2: everything is kept.
        return _scored(scorer, batch, 2.0, unknown, path, first)

    with _disk_errors(out):
        out.parent.mkdir(parents=True, exist_ok=True)
        try:
            with ThreadPoolExecutor(scorer.threads) as pool, _Sink(draft) as sink:
                for segment in source.segments():
                    for result in _pipeline(source, segment, pool, scorer.threads, score):
                        sink.write(result.kept)
                        rows += result.done.rows
                        report(_STAGE, rows, total)
            draft.replace(out)
        finally:
            draft.unlink(missing_ok=True)
    return rows


@dataclass(frozen=True)
class _Work:
    scorer: Scorer
    threshold: float
    unknown: UnknownUsers
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

    def _parts(self, source: EdgeSource, segment: Segment, pool: ThreadPoolExecutor) -> None:
        """Write parts of whole batches, each closed once it holds ``SEGMENT_ROWS``; Parquet segments are one part."""
        results = _pipeline(source, segment, pool, self.scorer.threads, self._score)
        limit = SEGMENT_ROWS if segment.rows is None else segment.rows
        first = segment.first
        for head in results:
            first += self._part(chain([head], results), replace(segment, first=first), limit).rows

    def _part(self, results: Iterator[_Scored], segment: Segment, limit: int) -> Done:
        counted = Done(str(segment.path), segment.first, 0, 0, 0, 0, 0, 0.0, True)
        finished = sum(done.rows for done in self.journal.done)
        paths = [self.journal.part(side) for side in ("kept", "removed")]
        drafts = [path.with_name(f".{path.name}") for path in paths]
        with _Sink(drafts[0]) as kept, _Sink(drafts[1]) as removed:
            for result in results:
                kept.write(result.kept)
                removed.write(result.removed)
                counted = _added(counted, result.done)
                self.report(_STAGE, finished + counted.rows, self.total)
                if counted.rows >= limit:
                    counted = replace(counted, last=segment.rows is not None)
                    break
        for draft, path in zip(drafts, paths, strict=True):
            draft.replace(path)
        self.journal.add(counted)
        return counted

    def _score(self, batch: pa.RecordBatch, first: int, path: Path) -> _Scored:
        return _scored(self.scorer, batch, self.threshold, self.unknown, path, first)


def _pipeline(
    source: EdgeSource,
    segment: Segment,
    pool: ThreadPoolExecutor,
    threads: int,
    score: Callable[[pa.RecordBatch, int, Path], _Scored],
) -> Iterator[_Scored]:
    """Yield scored batches in order; this thread reads ahead while the pool scores and the caller writes."""
    pending: deque[Future[_Scored]] = deque()
    first = segment.first
    try:
        for batch in source.batches(segment):
            pending.append(pool.submit(score, batch, first, segment.path))
            first += batch.num_rows
            if len(pending) >= _AHEAD * threads:
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()
    finally:
        for future in pending:
            future.cancel()


def _scored(
    scorer: Scorer, batch: pa.RecordBatch, threshold: float, unknown: UnknownUsers, path: Path, first: int
) -> _Scored:
    src, dst = scorer.lookup.pair(batch.column("src"), batch.column("dst"))
    scores = scorer.score_positions(src, dst)
    missing = np.isnan(scores)
    count = int(missing.sum())
    if count and unknown == "error":
        raise _unknown_error(batch, src, dst, path, first)
    fake = scores.astype(np.float64) >= threshold
    columns = [*batch.columns[:2], pa.array(scores, mask=missing if count else None), *batch.columns[2:]]
    names = [*batch.schema.names[:2], "fake_score", *batch.schema.names[2:]]
    rows = pa.RecordBatch.from_arrays(columns, names)
    stays = ~fake & ~missing if unknown == "drop" else ~fake
    kept, removed = _where(rows, stays), _where(rows, fake)
    dropped = len(rows) - len(kept) - len(removed)
    total = float(np.nansum(scores, dtype=np.float64))
    done = Done(str(path), first, len(rows), len(kept), len(removed), count, dropped, total, True)
    return _Scored(kept, removed, done)


def _where(rows: pa.RecordBatch, mask: NDArray[np.bool_]) -> pa.RecordBatch:
    return rows if mask.all() else rows.filter(pa.array(mask))


def _added(a: Done, b: Done) -> Done:
    counts = ("rows", "kept", "removed", "unknown", "dropped", "score_sum")
    return replace(a, **{name: getattr(a, name) + getattr(b, name) for name in counts})


def _unknown_error(batch: pa.RecordBatch, src: Int64, dst: Int64, path: Path, first: int) -> DataError:
    absent = [batch.column(name).filter(pa.array(at < 0)) for name, at in (("src", src), ("dst", dst))]
    names = pc.unique(pa.chunked_array(absent))
    shown = ", ".join(shorten(name) for name in names[:_NAMED].to_pylist())
    more = f" and {len(names) - _NAMED} more in this batch" if len(names) > _NAMED else ""
    row = first + int(np.flatnonzero(np.minimum(src, dst) < 0)[0]) + 1
    return DataError(
        f"{path}, row {row}: users that the model does not know: {shown}{more}. "
        "Fit with them, or pass --unknown keep (null score) or --unknown drop"
    )


class _Sink:
    """A Parquet file written in groups of ``_GROUP_ROWS``; an error leaves no file behind."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._writer: pq.ParquetWriter | None = None
        self._held: list[pa.RecordBatch] = []
        self._rows = 0

    def __enter__(self) -> _Sink:
        return self

    def write(self, rows: pa.RecordBatch) -> None:
        self._held.append(rows)
        self._rows += rows.num_rows
        if self._rows >= _GROUP_ROWS:
            self._flush()

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        try:
            if kind is None:
                self._flush()
        except BaseException:
            self._close(keep=False)
            raise
        self._close(keep=kind is None)

    def _flush(self) -> None:
        if not self._held:
            return
        table = pa.Table.from_batches(self._held)
        if self._writer is None:
            # Ids in random order gain nothing from dictionaries, and fast compression little: see the benchmark.
            self._writer = pq.ParquetWriter(self._path, table.schema, use_dictionary=False, compression="snappy")
        self._writer.write_table(table, row_group_size=_GROUP_ROWS)
        self._held, self._rows = [], 0

    def _close(self, *, keep: bool) -> None:
        if self._writer is not None:
            self._writer.close()
        if not keep:
            self._path.unlink(missing_ok=True)


def _summary(journal: Journal, threshold: float, resumed: int, seconds: float) -> CleanSummary:
    total = Done("", 0, 0, 0, 0, 0, 0, 0.0, True)
    for done in journal.done:
        total = _added(total, done)
    scored = total.rows - total.unknown
    mean = total.score_sum / scored if scored else None
    counts = (total.rows, total.kept, total.removed, total.unknown, total.dropped)
    return CleanSummary(*counts, threshold, mean, resumed, seconds)


def _fingerprint(scorer: Scorer, source: EdgeSource, threshold: float, unknown: str) -> str:
    """Hash what decides the output: input files, model and settings."""
    files = [(str(file), file.stat().st_size, file.stat().st_mtime_ns) for file in source.files]
    settings = [threshold, unknown, sorted(source.mapping.items()), SEGMENT_ROWS, files]
    model = (scorer.folder / MANIFEST).read_bytes()
    return hashlib.sha256(json.dumps(settings).encode() + model).hexdigest()


@contextmanager
def _disk_errors(out: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        full = error.errno == errno.ENOSPC or "No space left" in str(error)
        what = "the disk is full" if full else f"writing failed ({' '.join(str(error).split())})"
        raise DataError(
            f"{out}: {what}. Finished parts are kept; make room and run the same command again to go on"
        ) from error

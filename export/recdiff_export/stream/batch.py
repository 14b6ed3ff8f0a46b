"""Batches of edges scored and divided, and the files they are written to: the pieces that streaming is made of."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Protocol

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from recdiff.arrays import Float32, Int64, Mask
from recdiff.data.problems import shorten
from recdiff.errors import DataError
from recdiff.model.told import FAKE, REAL, SILENT
from recdiff.storage.whole import drafted
from recdiff_export.runtime.lookup import IdLookup, self_ties
from recdiff_export.stream.journal import COUNTS, Done
from recdiff_export.stream.obeyed import Obeyed
from recdiff_export.stream.source import EdgeSource, Segment

if TYPE_CHECKING:
    from recdiff_export.runtime.provider import Provider

UnknownUsers = Literal["error", "keep", "drop"]
STAGE = "score edges"
SIDES = ("kept", "removed")
# Batches in flight per thread: enough that no thread waits for the disk, few enough to bound memory.
AHEAD = 3
_GROUP_ROWS = 1 << 20
_log = logging.getLogger(__name__)
_NAMED = 10


class Scorer(Protocol):
    """What streaming needs of a scorer; `OnnxScorer` is one."""

    folder: Path
    digest: str
    asked: Provider
    threads: int
    lookup: IdLookup

    def score_positions(self, src: Int64, dst: Int64) -> Float32:
        """Return fake_score of pairs of user positions, NaN where either is -1 or both are one user."""
        ...


class StrangersError(Exception):
    """The row at ``index`` of a file is the first of a batch with users that the model does not know."""

    def __init__(self, index: int, names: str) -> None:
        super().__init__(names)
        self.index = index


@dataclass(frozen=True)
class Scored:
    """One scored batch: the rows for each output, and what is counted."""

    kept: pa.RecordBatch
    removed: pa.RecordBatch
    done: Done


def pipeline(
    source: EdgeSource,
    segment: Segment,
    pool: ThreadPoolExecutor,
    threads: int,
    score: Callable[[pa.RecordBatch, int, Path], Scored],
) -> Iterator[Scored]:
    """Yield scored batches in order; this thread reads ahead while the pool scores and the caller writes."""
    pending: deque[Future[Scored]] = deque()
    first = segment.first
    try:
        for batch in source.batches(segment):
            pending.append(pool.submit(score, batch, first, segment.path))
            first += batch.num_rows
            if len(pending) >= AHEAD * threads:
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()
    except StrangersError as error:
        row = source.row(segment.path, error.index)
        raise DataError(
            f"{segment.path}, row {row}: users that the model does not know: {error}. "
            "Fit with them, or pass --unknown keep (null score) or --unknown drop"
        ) from None
    finally:
        for future in pending:
            future.cancel()


def score_batch(
    scorer: Scorer,
    batch: pa.RecordBatch,
    *,
    threshold: float,
    unknown: UnknownUsers,
    path: Path,
    first: int,
    obeyed: Obeyed | None = None,
) -> Scored:
    """Divide the rows of ``batch``, row ``first`` of ``path`` and on, by their scores and by what is obeyed.

    Rows of a user with itself are in neither part.
    """
    src, dst = scorer.lookup.pair(batch.column("src"), batch.column("dst"))
    tie = ~self_ties(batch.column("src"), batch.column("dst"), src, dst)
    scores = scorer.score_positions(src, dst)
    missing = np.isnan(scores)
    stranger = missing & tie
    count = int(stranger.sum())
    if count and unknown == "error":
        raise _strangers(batch, src, dst, stranger, first=first)
    fake = scores.astype(np.float64) >= threshold
    said = np.full(len(batch), SILENT, np.int8)
    if obeyed is not None:
        said = np.where(tie, obeyed.about(src, dst, (batch.column("src"), batch.column("dst"))), SILENT)
        fake = (fake | (said == FAKE)) & (said != REAL)
    columns = [*batch.columns[:2], pa.array(scores, mask=missing if missing.any() else None), *batch.columns[2:]]
    names = [*batch.schema.names[:2], "fake_score", *batch.schema.names[2:]]
    rows = pa.RecordBatch.from_arrays(columns, names)
    stays = tie & ~fake & ~missing if unknown == "drop" else tie & ~fake
    kept, removed = _where(rows, stays), _where(rows, fake)
    dropped = int(tie.sum()) - len(kept) - len(removed)
    total = float(np.nansum(scores, dtype=np.float64))
    done = Done(
        file=str(path),
        first=first,
        rows=len(rows),
        kept=len(kept),
        removed=len(removed),
        unknown=count,
        dropped=dropped,
        self_ties=len(rows) - int(tie.sum()),
        decided_fake=int((said == FAKE).sum()),
        decided_real=int((said == REAL).sum()),
        score_sum=total,
        last=True,
    )
    return Scored(kept, removed, done)


def _where(rows: pa.RecordBatch, mask: NDArray[np.bool_]) -> pa.RecordBatch:
    return rows if mask.all() else rows.filter(pa.array(mask))


def added(a: Done, b: Done) -> Done:
    return replace(a, **{name: getattr(a, name) + getattr(b, name) for name in (*COUNTS, "score_sum")})


def _strangers(batch: pa.RecordBatch, src: Int64, dst: Int64, where: Mask, *, first: int) -> StrangersError:
    absent = [batch.column(name).filter(pa.array(where & (at < 0))) for name, at in (("src", src), ("dst", dst))]
    names = pc.unique(pa.chunked_array(absent))
    shown = ", ".join(shorten(name) for name in names[:_NAMED].to_pylist())
    more = f" and {len(names) - _NAMED} more in this batch" if len(names) > _NAMED else ""
    return StrangersError(first + int(np.argmax(where)), f"{shown}{more}")


def warn_of(edges: Path, self_ties: int) -> None:
    """Say in the log how many rows of ``edges`` were left out because they tie a user to itself."""
    if self_ties:
        _log.warning("%s: edges of a user with itself left out: %s", edges, f"{self_ties:,}")


def write_part(paths: Sequence[Path], results: Iterator[Scored], begun: Done, tick: Callable[[Done], bool]) -> Done:
    """Write ``results`` to the two files ``paths`` (`SIDES`), which appear when both are complete.

    Args:
        begun: what is counted so far. tick: called with the counts after each batch; True ends the part.
    """
    counted = begun
    # On the disk before the journal names them.
    with drafted(paths[0]) as one, drafted(paths[1]) as other, Sink(one) as kept, Sink(other) as removed:
        for result in results:
            kept.write(result.kept)
            removed.write(result.removed)
            counted = added(counted, result.done)
            if tick(counted):
                break
    return counted


class Sink:
    """A Parquet file written in groups of ``_GROUP_ROWS``; an error leaves no file behind."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._writer: pq.ParquetWriter | None = None
        self._held: list[pa.RecordBatch] = []
        self._rows = 0

    def __enter__(self) -> Sink:
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

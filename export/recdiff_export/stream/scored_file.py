"""Score edges from files into one file, in order."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pyarrow as pa

from recdiff.machine.progress import Report, silent
from recdiff.storage.whole import replaced_file
from recdiff_export.stream.batch import STAGE, Scored, Scorer, Sink, UnknownUsers, pipeline, score_batch, warn_of
from recdiff_export.stream.journal import disk_errors
from recdiff_export.stream.source import EdgeSource


def score_file(
    scorer: Scorer,
    edges: Path,
    out: Path,
    *,
    unknown: UnknownUsers = "keep",
    mapping: Mapping[str, str] | None = None,
    report: Report = silent,
) -> int:
    """Write the edges in ``edges`` with their fake_score, in order, to the Parquet file ``out``.

    ``out`` appears, or replaces an older file, when it is complete. Edges of a user with itself are left out, and a
    warning tells how many.

    Returns:
        how many rows were written.

    Raises:
        DataError: as `clean_stream`.
    """
    source = EdgeSource.open(edges, mapping or {}, integers=scorer.lookup.ids.integers)
    total, read, written, twice = source.total_rows(), 0, 0, 0

    def score(batch: pa.RecordBatch, first: int, path: Path) -> Scored:
        # No score reaches 2: everything is kept.
        return score_batch(scorer, batch, threshold=2.0, unknown=unknown, path=path, first=first)

    with disk_errors(out), replaced_file(out) as draft, ThreadPoolExecutor(scorer.threads) as pool, Sink(draft) as sink:
        for segment in source.segments():
            for result in pipeline(source, segment, pool, scorer.threads, score):
                sink.write(result.kept)
                read += result.done.rows
                twice += result.done.self_ties
                written += result.done.kept
                report(STAGE, read, total)
    warn_of(edges, twice)
    return written

"""The folder of cleaned edges: kept.parquet, removed.parquet, summary.json; and putting edges back."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from recdiff.cleaning.summary import Summary
from recdiff.errors import DataError, UsageError
from recdiff.storage.bounded import read_parquet
from recdiff.storage.whole import foreign, in_the_way, replaced_folder

KEPT, REMOVED, SUMMARY = "kept.parquet", "removed.parquet", "summary.json"
SIDES = ("kept", "removed")
PART = re.compile(r"\.?part-\d{5}\.parquet.*")
"""What a streamed cleaning of many edges writes instead of two files: folders of parts."""
NAMES = frozenset({KEPT, REMOVED, SUMMARY})
MOST_SHOWN = 80
"""Characters of an id in a message."""
DIRECTED = b"recdiff_directed"
"""Key of a table's metadata: whether its edges have a direction; the adapters go by it."""


def with_direction(edges: pa.Table, directed: bool) -> pa.Table:
    """Return the table with a note, which Parquet files keep, of whether its edges have a direction."""
    note = {DIRECTED: b"true" if directed else b"false"}
    return edges.replace_schema_metadata({**(edges.schema.metadata or {}), **note})


def write_cleaned(folder: Path, kept: Any, removed: Any, summary: Mapping[str, Any]) -> None:
    """Write the folder whole; an existing one of the same kind is replaced when the new one is complete.

    Removed edges are a queue to look through: the most suspicious come first, equal ones as they were given.

    Args:
        kept, removed: what ``RecDiff.clean_edges`` returns, or Arrow tables of its columns.
        summary: the attributes of a ``Summary``.

    Raises:
        UsageError: ``folder`` exists and holds something else.
    """
    check_target(folder)
    with replaced_folder(folder) as new:
        pq.write_table(pa.table(kept), new / KEPT, compression="zstd")
        worst_first = pa.table(removed).sort_by([("fake_score", "descending")])
        pq.write_table(worst_first, new / REMOVED, compression="zstd")
        Summary(**summary).write(new / SUMMARY)


def check_target(folder: Path) -> None:
    """Refuse a ``folder`` whose place cleaned edges may not take: only an empty one and our own are replaced.

    Raises:
        UsageError: it is something else, or holds something that is no part of cleaned edges; the message names it.
    """
    if folder.is_file():
        raise UsageError(f"{folder} is a file, so it is not replaced; name another --out")
    other = in_the_way(folder, lambda entry: entry.name in NAMES, lambda place: _is_summary(place / SUMMARY))
    if other:
        raise UsageError(f"{folder} holds {other!r}, which clean-edges did not write; name another --out")


def is_cleaned(folder: Path) -> bool:
    """Tell whether ``folder`` holds cleaned edges and nothing else."""
    return _is_summary(folder / SUMMARY) and not foreign(folder, belongs)


def belongs(entry: Path) -> bool:
    """Tell whether ``entry`` of a folder is one that a plain or a streamed cleaning writes."""
    if entry.is_dir():
        return entry.name in SIDES and all(PART.fullmatch(part.name) for part in entry.iterdir())
    return entry.name in NAMES


def _is_summary(file: Path) -> bool:
    try:
        Summary.read(file)
    except (OSError, ValueError):
        return False
    return True


def restore_edges(
    folder: Path,
    pairs: Sequence[tuple[str, str]],
    decide: Callable[[pa.Table, Summary], object] = lambda back, summary: None,
) -> Summary:
    """Move named edges from the removed to the kept ones and return the new summary.

    Args:
        pairs: raw ids as text; of undirected edges the mirror image is restored too.
        decide: told of the rows that are put back and the summary, before anything is changed.

    Raises:
        DataError: the folder has no cleaned edges, or an edge is not among the removed ones; nothing is changed.
    """
    kept, removed, summary = _read(folder)
    hit = np.zeros(removed.num_rows, bool)
    src, dst = (pc.cast(removed[name], pa.string()) for name in ("src", "dst"))
    missing = []
    for one, other in pairs:
        found = _rows(src, dst, one, other)
        if not summary.directed:
            found = found | _rows(src, dst, other, one)
        if not found.any():
            text = f"{one},{other}"
            missing.append(text if len(text) <= MOST_SHOWN else f"{text[: MOST_SHOWN - 3]}...")
        hit |= found
    if missing:
        raise DataError(
            f"{folder / REMOVED}: {', '.join(missing)} not among the {removed.num_rows} removed edges; nothing changed"
        )
    back = removed.filter(pa.array(hit))
    if "keep" in back.column_names:
        back = back.set_column(back.column_names.index("keep"), "keep", pa.array(np.ones(back.num_rows, bool)))
    decide(back, summary)
    left = removed.filter(pa.array(~hit))
    summary = _without(summary, back, left.num_rows)
    write_cleaned(folder, pa.concat_tables([kept, back]), left, summary.plain())
    return summary


def _read(folder: Path) -> tuple[pa.Table, pa.Table, Summary]:
    for name in sorted(NAMES):
        if not (folder / name).is_file():
            raise DataError(f"{folder}: {name} is not there; expected a folder that clean-edges wrote")
    try:
        tables = [read_parquet(folder / name) for name in (KEPT, REMOVED)]
        summary = Summary.read(folder / SUMMARY)
    except (pa.ArrowException, ValueError) as error:
        raise DataError(f"{folder}: cannot be read ({error}); run clean-edges again") from error
    return tables[0], tables[1], summary


def _rows(src: pa.ChunkedArray, dst: pa.ChunkedArray, one: str, other: str) -> np.ndarray[Any, np.dtype[np.bool_]]:
    found = pc.and_(pc.equal(src, one), pc.equal(dst, other))
    return np.asarray(found.to_numpy(), bool)


def _without(summary: Summary, back: pa.Table, removed: int) -> Summary:
    """Return the summary after ``back`` was restored: counts and expectations follow, decisions are counted."""
    score = np.asarray(back["fake_score"].to_numpy(), np.float64)
    moves = {"expected_fake_removed": -score.sum(), "expected_real_removed": -(1 - score).sum()}
    moves["expected_fake_kept"] = score.sum()
    moved: dict[str, Any] = {}
    for name, move in moves.items():
        before = getattr(summary, name)
        moved[name] = None if before is None else float(before + move)
    return replace(summary, removed=removed, restored=(summary.restored or 0) + back.num_rows, **moved)

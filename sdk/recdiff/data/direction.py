"""Turn rows of a social file into distinct edges, and settle whether they have a direction.

Letters: E edges, U users.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import scipy.sparse as sp

from recdiff.arrays import Int64, Mask, Positions
from recdiff.data.notice import Notice, counted
from recdiff.data.text_file import TextFile, is_parquet
from recdiff.graph.keys import distinct, keys_of
from recdiff.graph.social_graph import SocialGraph
from recdiff.storage.bounded import parquet_columns


@dataclass(frozen=True)
class Ties:
    """Distinct edges in first-seen order.

    Attributes:
        edges: int64 (E, 2) user positions; each arc when directed, else each edge once in first-seen orientation.
        directed: whether (a, b) and (b, a) are two different edges.
        mirrored: undirected, and every edge was listed in both directions.
        notices: what was dropped, merged and decided.
        rows: which row each edge was first seen in, (E,); a slice of all where each row is an edge of its own.
    """

    edges: Int64
    directed: bool
    mirrored: bool
    notices: tuple[Notice, ...]
    rows: Int64 | slice


def settle(src: Positions, dst: Positions, num_users: int, directed: bool | None) -> Ties:
    """Drop self edges and repeats, and decide the direction.

    Args:
        src: (rows,) user positions.
        dst: (rows,) user positions.
        num_users: U.
        directed: the answer, or None: undirected exactly when every edge also stands the other way round.
    """
    real = src != dst
    looped, listed = int((~real).sum()), len(src)
    if looped:
        src, dst = src[real], dst[real]
    first = _first_seen(keys_of(src, dst, num_users, directed=True))
    if first is not None:
        src, dst = src[first], dst[first]
    reciprocal = _count_reciprocal(src, dst, num_users)
    notices = [
        *counted("self_ties", looped, "edges of a user with itself dropped: {n}"),
        *counted("duplicate_edges", listed - looped - len(src), "repeated edges dropped: {n}"),
    ]
    mirrored = len(src) > 0 and reciprocal == len(src)
    decided = directed if directed is not None else not mirrored
    if decided:
        notices.append(_directed_notice(len(src), reciprocal, directed is None))
        rows = _rows(listed, real if looped else None, first)
        return Ties(_pairs(src, dst), True, False, tuple(notices), rows)
    once = _first_seen(keys_of(src, dst, num_users, directed=False))
    if once is not None:
        src, dst = src[once], dst[once]
    notices.append(_undirected_notice(len(src), mirrored, directed is None))
    if not mirrored:
        notices += counted("merged_edges", reciprocal // 2, "edges listed in both directions, counted once: {n}")
    return Ties(_pairs(src, dst), False, mirrored, tuple(notices), _rows(listed, real if looped else None, first, once))


def _rows(listed: int, *chosen: Mask | Int64 | None) -> Int64 | slice:
    """Return which of the ``listed`` rows are left when each of ``chosen`` picks from those before; None picks all."""
    rows: Int64 | None = None
    for each in chosen:
        if each is not None:
            rows = (np.arange(listed) if rows is None else rows)[each]
    return slice(None) if rows is None else rows


def _pairs(src: Positions, dst: Positions) -> Int64:
    pairs = np.empty((len(src), 2), np.int64)
    pairs[:, 0], pairs[:, 1] = src, dst
    return pairs


def stated(path: Path, columns: Sequence[str]) -> bool | None:
    """Return whether edges are directed as the file at ``path`` says; see ``said``.

    Args:
        columns: of the file, that stand for nothing else.

    Returns:
        None where it says nothing, or ``path`` is a folder of parts.
    """
    name = type_column(columns)
    if name is None or path.is_dir():
        return None
    if is_parquet(path):
        return said(parquet_columns(path, [name], ())[name].chunks)
    coded = pa.dictionary(pa.int32(), pa.string())
    return said([batch.column(0) for batch in TextFile.of(path).batches([name], coded, on_broken=lambda: None)])


def type_column(columns: Sequence[str]) -> str | None:
    """Return which of ``columns`` says the direction in a graph editor's export, or None."""
    return next((column for column in columns if column.strip().lower() == "type"), None)


def said(parts: Sequence[pa.Array]) -> bool | None:
    """Return whether edges are directed: ``Directed`` or ``Undirected`` in each row; None for anything else."""
    words = {str(value).strip().lower() for part in parts for value in pc.unique(part).to_pylist()}
    return {"directed": True, "undirected": False}.get(words.pop()) if len(words) == 1 else None


def count_reciprocal(graph: SocialGraph) -> int:
    """Return how many edges also stand the other way round, by linear-time sparse algebra."""
    return _count_reciprocal(graph.edges[:, 0], graph.edges[:, 1], graph.num_users)


def _count_reciprocal(src: Positions, dst: Positions, num_users: int) -> int:
    graph = sp.csr_matrix((np.ones(len(src), np.int8), (src, dst)), shape=(num_users, num_users))
    return int(graph.multiply(graph.T.tocsr()).nnz)


def _first_seen(key: Int64) -> Int64 | None:
    """Return where each key stands first, in order of appearance; None where each stands once."""
    if len(distinct(key)) == len(key):
        return None
    return np.sort(np.unique(key, return_index=True)[1])


def _directed_notice(total: int, reciprocal: int, found: bool) -> Notice:
    if not found:
        return Notice("direction", total, f"directed edges, as asked: {total:,}")
    share = f"{reciprocal / total:.0%}" if total else "none"
    hint = "; if each friendship is listed once, pass --undirected" if reciprocal == 0 else ""
    return Notice("direction", total, f"directed edges: {total:,}, {share} of them also the other way round{hint}")


def _undirected_notice(total: int, mirrored: bool, found: bool) -> Notice:
    how = "each listed in both directions" if mirrored else "not all listed in both directions"
    asked = "" if found else ", as asked"
    return Notice("direction", total, f"undirected edges{asked}: {total:,}, {how}")

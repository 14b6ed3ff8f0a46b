"""How well item scores rank held-out items: recall, NDCG, precision and hit rate, per user.

Letters: B users of a block, U users, I items, N users with held-out items, K cutoffs.
The convention is the published one: all items are ranked, training items are masked, and the mean is over the users
that have held-out items. Held-out items that never occur in training count as misses.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp

from recdiff.arrays import Float32, Float64, Int64, Mask
from recdiff.errors import UsageError
from recdiff.machine.threads import side_by_side, thread_count

# Scores of all items for user positions (B,), as float32 (B, I); the array is the caller's to change. An item of score
# minus infinity is no candidate, so it is credited to nobody.
Score = Callable[[Int64], Float32]

METRICS = ("recall", "ndcg", "precision", "hit_rate")
CUTOFFS = (10, 20, 40)
# Scores of a block at most, 16 MiB of float32: a product of fewer users would pack the items again and again.
_BLOCK_SCORES = 2**22
# Items are parted into so many interleaved strips; their maxima bound a row's best ones from below.
_STRIPS = 16


@dataclass(frozen=True)
class Ranking:
    """Per-user metrics of one set of scores.

    Attributes:
        users: (N,) positions of the users with held-out items, ascending.
        values: "metric@k" -> (N,) float64, in the order of ``users``.
    """

    users: Int64
    values: dict[str, Float64]

    def means(self) -> dict[str, float]:
        """Return the mean of each metric over users."""
        return {name: float(value.mean()) for name, value in self.values.items()}


def by_tables(users: Float32, items: Float32) -> Score:
    """Return scores that are dot products of user rows (U, D) and item rows (I, D)."""
    columns = np.ascontiguousarray(items.T)
    return lambda chosen: np.asarray(users[chosen] @ columns, np.float32)


def rank(
    score: Score,
    seen: sp.csr_matrix,
    held: sp.csr_matrix,
    cutoffs: Sequence[int] = CUTOFFS,
    sample: Int64 | None = None,
) -> Ranking:
    """Rank all items but the ``seen`` ones (U, I) and judge the ranking by the ``held`` ones (U, I).

    Args:
        score: asked from as many threads as torch has, for a block of users each.
        sample: judge only these users (those without held-out items are skipped); None: all.

    Raises:
        UsageError: a cutoff is below 1, or no user has a held-out item.
    """
    if not cutoffs or min(cutoffs) < 1:
        raise UsageError(f"cutoffs {list(cutoffs)}: each must be at least 1")
    users = np.flatnonzero(np.diff(held.indptr)) if sample is None else np.unique(sample)
    users = users[np.diff(held.indptr)[users] > 0].astype(np.int64)
    if len(users) == 0:
        raise UsageError("no user has a held-out item, so a ranking cannot be judged")
    depth = min(max(cutoffs), held.shape[1])
    threads = thread_count()
    parts = threads * -(-len(users) * held.shape[1] // (threads * _BLOCK_SCORES))
    blocks = np.array_split(users, min(parts, len(users)))
    hits = side_by_side(lambda block: _hits(score, block, seen, held, depth), blocks)
    count = np.diff(held.indptr)[users]
    return Ranking(users, _metrics(np.concatenate(hits), count, cutoffs))


def top_items(scores: Float32, depth: int) -> Int64:
    """Return the positions of the ``depth`` largest of each row (B, I), best first, (B, depth).

    Of equal scores the first positions are taken, in order.
    """
    count = scores.shape[1]
    width = count // _STRIPS
    if width < 2 * depth:
        return np.argsort(-scores, axis=1, kind="stable")[:, :depth].astype(np.int64)
    # The ``depth`` largest of the maxima belong to as many items, so no item among the best is smaller than these.
    highest = scores[:, : width * _STRIPS].reshape(len(scores), _STRIPS, width).max(axis=1)
    bound = np.partition(highest, width - depth, axis=1)[:, width - depth]
    rows, columns = np.divmod(np.flatnonzero(scores >= bound[:, None]), count)
    order = np.lexsort((columns, -scores[rows, columns], rows))
    first = np.searchsorted(rows, np.arange(len(scores)))
    best: Int64 = columns[order[first[:, None] + np.arange(depth)]]
    return best


def mask_rows(scores: Float32, matrix: sp.csr_matrix, users: Int64) -> None:
    """Set ``scores`` (B, I) to minus infinity where ``matrix[users]`` has an entry, in place."""
    rows, columns = _entries(matrix, users)
    scores[rows, columns] = -np.inf


def _hits(score: Score, users: Int64, seen: sp.csr_matrix, held: sp.csr_matrix, depth: int) -> Mask:
    """Return which of the first ``depth`` ranks hold a held-out item, (B, depth)."""
    scores = score(users)
    mask_rows(scores, seen, users)
    rows, columns = _entries(held, users)
    wanted = np.sort(rows * held.shape[1] + columns)
    best = top_items(scores, depth)
    top = best + np.arange(len(users))[:, None] * held.shape[1]
    place = np.minimum(np.searchsorted(wanted, top), len(wanted) - 1)
    # Below the last candidate follow the items that are none, in the order of their positions: nobody put them there.
    return np.asarray((wanted[place] == top) & (np.take_along_axis(scores, best, axis=1) > -np.inf))


def _metrics(hits: Mask, held: Int64, cutoffs: Sequence[int]) -> dict[str, Float64]:
    """Return every metric at every cutoff from hits (N, depth) and the number of held-out items (N,).

    recall = hits / held; precision = hits / k; hit_rate = any hit;
    ndcg = sum over hits of 1 / log2(rank + 2), over the same sum for min(k, held) hits at the top.
    """
    discount = 1.0 / np.log2(np.arange(max(cutoffs)) + 2.0)
    ideal = np.cumsum(discount)
    values: dict[str, Float64] = {}
    for k in cutoffs:
        near = hits[:, :k]
        found = near.sum(axis=1).astype(np.float64)
        values[f"recall@{k}"] = found / held
        values[f"ndcg@{k}"] = near @ discount[: near.shape[1]] / ideal[np.minimum(held, k) - 1]
        values[f"precision@{k}"] = found / k
        values[f"hit_rate@{k}"] = (found > 0).astype(np.float64)
    return values


def _entries(matrix: sp.csr_matrix, users: Int64) -> tuple[Int64, Int64]:
    """Return row (0..B-1) and column of each entry in ``matrix[users]``."""
    rows = matrix[users]
    return np.repeat(np.arange(len(users)), np.diff(rows.indptr)), rows.indices.astype(np.int64)

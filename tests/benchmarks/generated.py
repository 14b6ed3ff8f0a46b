"""A made-up data set of exactly the size asked for, for scaling runs: communities, hubs, and popular items.

Letters: U users, I items, E ties, N interactions.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import scipy.sparse as sp

from recdiff.arrays import Int64
from recdiff.data.dataset import SocialDataset
from recdiff.data.ids import Ids
from recdiff.graph.keys import distinct

Pairs = tuple[Int64, Int64]

COMMUNITY = 100
NEAR = 0.7
"""Share of ties and interactions that stay within the community."""
TAIL = 1.8
"""Exponent of the users' activity (Pareto)."""
TASTE = 400
"""Items that a community likes."""


def make_dataset(users: int, items: int, interactions: int, ties: int, seed: int = 0) -> SocialDataset:
    """Return a data set with exactly these numbers of users, items, interactions (8:1:1) and ties."""
    rng = np.random.default_rng(seed)
    ticket = np.cumsum(rng.pareto(TAIL, users) + 1.0)

    def anyone(count: int) -> Int64:
        drawn: Int64 = np.searchsorted(ticket, rng.random(count) * ticket[-1]).astype(np.int64)
        return drawn

    def some_ties(count: int) -> Pairs:
        src = anyone(count)
        close = src // COMMUNITY * COMMUNITY + rng.integers(0, COMMUNITY, count)
        dst = np.where(rng.random(count) < NEAR, np.minimum(close, users - 1), anyone(count))
        apart = src != dst
        return np.minimum(src, dst)[apart], np.maximum(src, dst)[apart]

    def some_interactions(count: int) -> Pairs:
        who = anyone(count)
        popular = (items * rng.random(count) ** 3).astype(np.int64)
        liked = (who // COMMUNITY * 7919 + (TASTE * rng.random(count) ** 2).astype(np.int64)) % items
        return who, np.where(rng.random(count) < NEAR, liked, popular)

    edges = _distinct(some_ties, ties, users, rng)
    who, what = _distinct(some_interactions, interactions, items, rng)
    part = rng.choice(3, interactions, p=[0.8, 0.1, 0.1])
    matrices = [_matrix(who[part == number], what[part == number], (users, items)) for number in range(3)]
    return _dataset(users, items, matrices, np.stack(edges, axis=1))


def of_size(users: int, seed: int = 0) -> SocialDataset:
    """Return a data set with as many items as users, 10 interactions and 20 ties a user.

    What was made once is kept in a folder for temporary files, under a name that changes with this file.
    """
    code = hashlib.sha256(Path(__file__).read_bytes()).hexdigest()[:12]
    kept = Path(tempfile.gettempdir()) / f"recdiff-generated-{code}-{users}-{seed}.npz"
    if not kept.is_file():
        made = make_dataset(users, users, 10 * users, 20 * users, seed)
        _keep(kept, made)
        return made
    with np.load(kept, allow_pickle=False) as parts:
        edges, ends, cuts = parts["edges"], parts["interactions"], parts["cuts"]
    matrices = [_matrix(part[:, 0], part[:, 1], (users, users)) for part in np.split(ends, cuts)]
    return _dataset(users, users, matrices, edges)


def _keep(file: Path, made: SocialDataset) -> None:
    parts = [np.stack(part.nonzero(), axis=1).astype(np.int32) for part in (made.train, made.validation, made.test)]
    cuts = np.cumsum([len(part) for part in parts])[:-1]
    draft = file.with_suffix(f".{os.getpid()}.npz")
    np.savez(draft, edges=made.edges, interactions=np.concatenate(parts), cuts=cuts)
    draft.replace(file)


def _dataset(users: int, items: int, matrices: Sequence[sp.csr_matrix], edges: Int64) -> SocialDataset:
    ids, known = (Ids(pa.array(np.arange(count))) for count in (users, items))
    train, validation, test = matrices
    return SocialDataset(ids, known, train, validation, test, edges=edges, directed=False, mirrored=False)


def _distinct(draw: Callable[[int], Pairs], count: int, width: int, rng: np.random.Generator) -> Pairs:
    """Return exactly ``count`` distinct pairs in random order, drawing until there are enough."""
    keys = np.empty(0, np.int64)
    while len(keys) < count:
        left, right = draw((count - len(keys)) * 5 // 4 + 1000)
        keys = distinct(np.concatenate([keys, left * width + right]))
    chosen = rng.permutation(keys)[:count]
    return chosen // width, chosen % width


def _matrix(rows: Int64, columns: Int64, shape: tuple[int, int]) -> sp.csr_matrix:
    return sp.csr_matrix((np.ones(len(rows), np.float32), (rows, columns)), shape=shape, dtype=np.float32)

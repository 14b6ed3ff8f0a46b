"""What the scorer learns from: the observed ties beside sampled non-ties of every kind, all in folds alike.

A sampled non-tie has to look to the encoder just as an injected fake of its kind would. The ends of "degree" pairs
are therefore ends of two observed ties of one fold, both left out of that fold's encoding: such an end has lost
exactly the tie it was drawn for, as the end of an observed tie has.

Letters: U users, E observed ties, S sampled non-ties, K folds.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from recdiff.corrupt import Kind
from recdiff.nonties import Graph, Int64, pair_keys

DRAWN: tuple[Kind, ...] = ("uniform", "degree", "two-hop")


@dataclass(frozen=True, eq=False)
class FakePool:
    """Observed ties and sampled non-ties.

    Attributes:
        pairs: (E + S, 2), the observed ties and then the non-ties.
        label: (E + S,), 0 for observed ties, 1 + its place in ``DRAWN`` for a non-tie.
        fold: (E + S,) the fold in whose encoding a pair is scored; its ties are left out there.
        observed: E.
    """

    pairs: Int64
    label: Int64
    fold: Int64
    observed: int


def fake_pool(
    graph: Graph, edges: Int64, tie_fold: Int64, folds: int, per_kind: int, rng: np.random.Generator
) -> FakePool:
    """Return the pool for ``edges`` (E, 2) of ``graph`` with ``per_kind`` sampled non-ties per kind."""
    drawn = [_drawn(kind, graph, edges, tie_fold, per_kind, folds, rng) for kind in DRAWN]
    return FakePool(
        pairs=np.concatenate([edges, *(pairs for pairs, _ in drawn)]),
        label=np.repeat(np.arange(len(DRAWN) + 1), [len(edges), *(len(pairs) for pairs, _ in drawn)]),
        fold=np.concatenate([tie_fold, *(fold for _, fold in drawn)]),
        observed=len(edges),
    )


def tie_folds(ties: Int64, num_users: int, directed: bool, folds: int, rng: np.random.Generator) -> Int64:
    """Return a fold per tie; the two arcs of a mutual pair share one, so that neither is seen beside the other."""
    if not directed:
        return rng.permutation(len(ties)) % folds
    _, pair = np.unique(pair_keys(ties, num_users, directed=False), return_inverse=True)
    fold: Int64 = (rng.permutation(int(pair.max()) + 1) % folds)[pair]
    return fold


def _drawn(
    kind: Kind, graph: Graph, edges: Int64, tie_fold: Int64, count: int, folds: int, rng: np.random.Generator
) -> tuple[Int64, Int64]:
    if kind == "degree":
        return _rewired(graph, edges, tie_fold, count, folds, rng)
    pairs = graph.draw(kind, count, rng)
    return pairs, rng.integers(0, folds, len(pairs))


def _rewired(
    graph: Graph, edges: Int64, tie_fold: Int64, count: int, folds: int, rng: np.random.Generator
) -> tuple[Int64, Int64]:
    """Return at most ``count`` non-ties that join an end of one tie to an end of another of the same fold."""
    pairs, pair_fold = [], []
    for fold in range(folds):
        rows = np.flatnonzero(tie_fold == fold)
        if not len(rows):
            continue
        wanted = -(-count * 5 // (folds * 4))
        first, second = edges[rng.choice(rows, wanted)], edges[rng.choice(rows, wanted)]
        side = np.zeros(wanted, np.int64) if graph.directed else rng.integers(0, 2, wanted)
        rows_of = np.arange(wanted)
        other = 1 - side if graph.directed else rng.integers(0, 2, wanted)
        joined = np.stack([first[rows_of, side], second[rows_of, other]], axis=1)
        keys = pair_keys(joined, graph.num_users, graph.directed)
        joined = joined[(joined[:, 0] != joined[:, 1]) & ~graph.is_taken(keys)][: -(-count // folds)]
        pairs.append(joined)
        pair_fold.append(np.full(len(joined), fold))
    return np.concatenate(pairs), np.concatenate(pair_fold)


def trusted_two_hops(
    edges: Int64, trusted: NDArray[np.bool_], num_users: int, directed: bool, count: int, rng: np.random.Generator
) -> Int64:
    """Return ``count`` non-ties at distance two along ``trusted`` ties (E,) alone.

    Injected two-hop fakes were two hops apart in a graph without fakes. Where many ties are fakes, most of the
    pairs that are two hops apart are so by way of a fake, and look less alike than injected ones do.
    """
    return Graph.of(edges[trusted], num_users, directed, avoid=edges).draw("two-hop", count, rng)

"""What the scorer learns from: the observed edges beside sampled non-edges of every kind, all in folds alike.

A sampled non-edge has to look to the encoder just as an injected fake of its kind would. Ends that are drawn by degree
are therefore ends of observed edges of one fold, left out of that fold's encoding: each is missing exactly one edge
there, just like the ends of an observed edge.

Letters: U users, E observed edges, S sampled non-edges, K folds.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp

from recdiff.arrays import Int64, Positions
from recdiff.config.scorer import MANY_EDGES
from recdiff.fakes.drawing import Graph
from recdiff.fakes.kinds import sampled
from recdiff.graph.edge_index import EdgeIndex
from recdiff.graph.pairs import pair_keys
from recdiff.graph.social_graph import SocialGraph
from recdiff.machine.threads import side_by_side

MISSING_ONE = 0.2
"""How often a user drawn evenly is the end of an edge that it misses."""
EVEN_ENDS = {"uniform": (True, True), "hub": (True, False), "degree": (False, False)}
"""Kinds whose pairs join ends of two edges, and which of the ends are drawn evenly instead of by degree."""
LOST_PATH = "lost-path"
"""A two-hop pair in the fold of an edge between its ends: as fakes look whose common friend is gone by now."""
PATHS_AT_ONCE = 1 << 14
MOST_ENDS = 1 << 20
"""Edges of a fold whose ends are joined, at most; of more, so many are drawn."""
FEWEST_PAIRS = 20
"""A kind that the graph has fewer pairs of is left out."""


@dataclass(frozen=True, eq=False)
class FakePool:
    """Observed edges and, behind them, sampled non-edges.

    Attributes:
        edges: (E, 2) the observed ones, not copied; drawn: (S, 2) the non-edges.
        drawn_as: (S,), 1 + the place in ``kinds`` of each non-edge.
        fold: (E + S,) the fold in whose encoding a pair is scored; its edges are left out there. The narrowest type.
        kinds: the sampled kinds that the graph has room for.
    """

    edges: Int64
    drawn: Int64
    drawn_as: Int64
    fold: Positions
    kinds: tuple[str, ...]

    @property
    def observed(self) -> int:
        """E."""
        return len(self.edges)

    @property
    def pairs(self) -> Int64:
        """All pairs, (E + S, 2)."""
        return np.concatenate([self.edges, self.drawn])

    @property
    def label(self) -> Int64:
        """0 for observed edges, ``drawn_as`` for non-edges, (E + S,)."""
        return np.concatenate([np.zeros(len(self.edges), np.int64), self.drawn_as])

    def rows_of(self, label: int) -> range:
        """Return the rows of all pairs of a ``label``, which lie side by side."""
        if not label:
            return range(len(self.edges))
        first, last = np.searchsorted(self.drawn_as, [label, label + 1]).tolist()
        return range(len(self.edges) + first, len(self.edges) + last)

    def taken(self, rows: Int64) -> tuple[Int64, Int64]:
        """Return the pairs (B, 2) and labels (B,) in ``rows`` (B,)."""
        pairs, label = np.empty((len(rows), 2), np.int64), np.zeros(len(rows), np.int64)
        real = rows < len(self.edges)
        others = rows[~real] - len(self.edges)
        pairs[real], pairs[~real], label[~real] = self.edges[rows[real]], self.drawn[others], self.drawn_as[others]
        return pairs, label


def fake_pool(
    drawable: Graph, graph: SocialGraph, *, edge_fold: Positions, folds: int, per_kind: int, rng: np.random.Generator
) -> FakePool:
    """Return the pool for the edges of ``graph`` with at most ``per_kind`` sampled non-edges per kind.

    Args:
        drawable: the same graph made ready for drawing. edge_fold: (E,).
    """
    of_fold = [graph.edges[_at_most(np.flatnonzero(edge_fold == fold), rng)] for fold in range(folds)]

    def drawn_as(kind: str, own: np.random.Generator) -> tuple[Int64, Int64]:
        if kind in EVEN_ENDS:
            return _joined(kind, drawable, of_fold, per_kind, own)
        return _drawn(kind, drawable, graph, edge_fold=edge_fold, count=per_kind, folds=folds, rng=own)

    kinds = sampled()
    several = side_by_side(lambda each: drawn_as(*each), zip(kinds, rng.spawn(len(kinds)), strict=True))
    drawn = {kind: each for kind, each in zip(kinds, several, strict=True) if len(each[0]) >= FEWEST_PAIRS}
    return FakePool(
        edges=graph.edges,
        drawn=np.concatenate([np.empty((0, 2), np.int64), *(pairs for pairs, _ in drawn.values())]),
        drawn_as=np.repeat(np.arange(1, len(drawn) + 1), [len(pairs) for pairs, _ in drawn.values()]),
        fold=np.concatenate([edge_fold, *(fold.astype(edge_fold.dtype) for _, fold in drawn.values())]),
        kinds=tuple(drawn),
    )


def edge_folds(graph: SocialGraph, folds: int, rng: np.random.Generator) -> Positions:
    """Return a fold per edge; the two arcs of a mutual pair share one, so that neither is seen beside the other.

    They are of the narrowest type that holds them.
    """
    edges, narrow = graph.edges, np.min_scalar_type(-folds)
    if not graph.directed and len(edges) > MANY_EDGES:
        return rng.integers(0, folds, len(edges)).astype(narrow)
    if not graph.directed:
        return (rng.permutation(len(edges)) % folds).astype(narrow)
    _, pair = np.unique(pair_keys(edges, graph.num_users, directed=False), return_inverse=True)
    return (rng.permutation(int(pair.max()) + 1) % folds)[pair].astype(narrow)


def _at_most(rows: Int64, rng: np.random.Generator) -> Int64:
    return rows if len(rows) <= MOST_ENDS else rows[rng.integers(0, len(rows), MOST_ENDS)]


def _joined(kind: str, graph: Graph, of_fold: list[Int64], count: int, rng: np.random.Generator) -> tuple[Int64, Int64]:
    """Return pairs that join ends of edges of one fold, about ``count``, and their folds."""
    each, even = -(-count // len(of_fold)), EVEN_ENDS[kind]
    parts = [_of_one_fold(graph, edges, each, rng, even=even) for edges in of_fold]
    return np.concatenate(parts), np.repeat(np.arange(len(of_fold)), [len(part) for part in parts])


def _drawn(
    kind: str,
    drawable: Graph,
    graph: SocialGraph,
    *,
    edge_fold: Positions,
    count: int,
    folds: int,
    rng: np.random.Generator,
) -> tuple[Int64, Int64]:
    if kind == LOST_PATH:
        pairs = drawable.draw_at_most("two-hop", count, rng)
        first_steps = np.stack([pairs[:, 0], _between(drawable, pairs, rng)], axis=1)
        rows = EdgeIndex.of(graph).rows_of(first_steps)
        return pairs, edge_fold[rows].astype(np.int64)
    pairs = drawable.draw_at_most(kind, count, rng)
    return pairs, rng.integers(0, folds, len(pairs))


def _between(graph: Graph, pairs: Int64, rng: np.random.Generator) -> Int64:
    """Return one of the users m with edges src - m - dst for each of ``pairs`` (B, 2), which must have one."""
    found = np.empty(len(pairs), np.int64)
    for rows in np.array_split(np.arange(len(pairs)), len(pairs) // PATHS_AT_ONCE + 1):
        both = sp.csr_matrix(graph.out[pairs[rows, 0]].multiply(graph.into[pairs[rows, 1]]))
        place = both.indptr[:-1] + (rng.random(len(rows)) * np.diff(both.indptr)).astype(np.int64)
        found[rows] = both.indices[place]
    return found


def _of_one_fold(graph: Graph, edges: Int64, count: int, rng: np.random.Generator, *, even: tuple[bool, bool]) -> Int64:
    """Return at most ``count`` distinct non-edges that join an end of one of ``edges`` to an end of another.

    Args:
        even: which end (directed: source, target) is drawn evenly from the users instead of by degree. Whom a fake is
            injected to may have had no edge before, and hardly any user without edges is seen: so now and then
            such a user is the end of one of ``edges``, and misses it.
    """
    wanted = -(-count * 5 // 4) if len(edges) else 0
    turned = edges[:, ::-1] if graph.directed else edges
    if not graph.directed:
        swapped = rng.random(len(edges)) < 0.5
        turned = np.where(swapped[:, None], edges[:, ::-1], edges)
    ends = [_ends(graph, part, wanted, rng, evenly) for part, evenly in zip((edges, turned), even, strict=True)]
    joined = np.stack(ends, axis=1)
    if not graph.directed:
        swapped = rng.random(wanted) < 0.5
        joined = np.where(swapped[:, None], joined[:, ::-1], joined)
    keys = pair_keys(joined, graph.num_users, graph.directed)
    free = np.flatnonzero((joined[:, 0] != joined[:, 1]) & ~graph.is_taken(keys))
    first = np.sort(np.unique(keys[free], return_index=True)[1])
    found: Int64 = joined[free[first]][:count]
    return found


def _ends(graph: Graph, edges: Int64, count: int, rng: np.random.Generator, evenly: bool) -> Int64:
    """Return ``count`` first ends of ``edges``, by degree, or users drawn ``evenly``."""
    own = edges[:, 0] if graph.directed else edges[np.arange(len(edges)), rng.integers(0, 2, len(edges))]
    if not evenly or not count:
        return own[rng.integers(0, max(len(own), 1), count)]
    degree = (np.diff(graph.out.indptr) + (np.diff(graph.into.indptr) if graph.directed else 0))[own]
    ends = own[rng.choice(len(own), count, p=(1.0 / degree) / (1.0 / degree).sum())]
    return np.where(rng.random(count) < MISSING_ONE, ends, graph.active[rng.integers(0, len(graph.active), count)])

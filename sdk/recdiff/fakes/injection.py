"""Inject fake edges into a social graph, by protocol, to measure how well they are found.

uniform     both ends drawn evenly
hub         one end drawn evenly, the other by degree
degree      both ends drawn by degree, so that degree tells nothing
walk        the ends of a walk of three steps from a random edge
two-hop     a random pair at distance two: the ends do have a common friend
farm        new accounts tied to each other and to a few popular users
camouflage  bought followers: new accounts tied to one user and to friends of that user

Letters: U users, E edges, F fakes. Sparse throughout; every draw comes from the generator passed in.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from recdiff.arrays import Int64
from recdiff.errors import UsageError
from recdiff.fakes import kinds
from recdiff.fakes.drawing import Graph
from recdiff.fakes.kinds import injected
from recdiff.graph.pairs import pair_keys
from recdiff.graph.social_graph import SocialGraph

Mode = Literal["replace", "add"]
MODES: tuple[Mode, ...] = get_args(Mode)

EDGES_PER_ACCOUNT = 10
"""Edges that each new account of a farm or of camouflage makes."""
FARM_TARGETS = 10
"""Popular users that all accounts of one farm follow."""
FARM_WITHIN = 0.5
"""Share of a farm's edges that stay within it."""
MOST_WITHIN, FEW_TARGETS = 0.9, (4, 400)
"""Share of a ring's edges that stay within it, at most; between how many users are the targets that it shares."""


@dataclass(frozen=True, eq=False)
class Corruption:
    """A graph with injected fakes.

    Attributes:
        graph: of real and fake edges in random order. Accounts that the fakes brought along have the positions U,
            U + 1, ...
        is_fake: bool (E',).
    """

    graph: SocialGraph
    is_fake: NDArray[np.bool_]

    @property
    def edges(self) -> Int64:
        """Real and fake edges, (E', 2)."""
        return self.graph.edges

    @property
    def num_users(self) -> int:
        """U plus the accounts that the fakes brought along."""
        return self.graph.num_users


def corrupt(graph: SocialGraph, *, kind: str, share: float, mode: Mode, rng: np.random.Generator) -> Corruption:
    """Return ``graph`` with round(share * E) fakes of ``kind``.

    Args:
        share: fakes as a share of the edges there are, 0 to 1.
        mode: "replace" as many random edges, or "add" to them.

    Raises:
        UsageError: for an unknown kind or mode, or a share outside 0 to 1.
        DataError: where the graph has no room for that many.
    """
    if kind not in injected():
        raise UsageError(f"kind {kind!r}: accepted are {', '.join(injected())}")
    if mode not in MODES:
        raise UsageError(f"mode {mode!r}: accepted are {', '.join(MODES)}")
    if not 0.0 <= share <= 1.0:
        raise UsageError(f"share {share}: expected a number from 0 to 1")
    edges = graph.edges
    count = round(share * len(edges))
    fakes, accounts = draw_fakes(graph, kind, count, rng)
    kept = edges[np.sort(rng.permutation(len(edges))[count:])] if mode == "replace" else edges
    order = rng.permutation(len(kept) + len(fakes))
    is_fake = np.arange(len(order)) >= len(kept)
    made = SocialGraph(np.concatenate([kept, fakes])[order], graph.num_users + accounts, graph.directed)
    return Corruption(made, is_fake[order])


def draw_fakes(graph: SocialGraph, kind: str, count: int, rng: np.random.Generator) -> tuple[Int64, int]:
    """Return ``count`` fakes of ``kind`` (count, 2) and how many new accounts they bring along."""
    if count == 0:
        return np.empty((0, 2), np.int64), 0
    return draw_from(Graph.of(graph), kind, count, rng)


def draw_from(graph: Graph, kind: str, count: int, rng: np.random.Generator) -> tuple[Int64, int]:
    """Return what `draw_fakes` does, of a graph made ready."""
    bring = kinds.kind(kind).bring or _BRING.get(kind)
    return (graph.draw(kind, count, rng), 0) if bring is None else bring(graph, count, rng)


def _farm(graph: Graph, count: int, rng: np.random.Generator) -> tuple[Int64, int]:
    """Half of the edges join accounts of the farm, half go to targets drawn by degree."""
    users = graph.num_users
    accounts = max(4, -(-count // EDGES_PER_ACCOUNT))
    degree = np.diff(graph.out.indptr) + np.diff(graph.into.indptr) + 1e-9
    targets = rng.choice(users, min(FARM_TARGETS, users), replace=False, p=degree / degree.sum())
    within = distinct_cells(accounts, accounts, min(round(count * FARM_WITHIN), accounts * (accounts - 1) // 2), rng)
    outward = distinct_cells(accounts, len(targets), count - len(within), rng, square=False)
    pairs = np.concatenate([within + users, np.stack([outward[:, 0] + users, targets[outward[:, 1]]], axis=1)])
    return pairs, accounts


def _ring(graph: Graph, count: int, rng: np.random.Generator) -> tuple[Int64, int]:
    """Join at most ``count`` pairs of one group of accounts, of any size, density and reach.

    An account has from three edges to half as many again as there would be accounts in a full square of them. Up to
    nine tenths of the edges stay within; the others go to a few users or to all, evenly or by degree or both.
    """
    users, ends = graph.num_users, graph.out.indices
    per_account = np.exp(rng.uniform(np.log(3.0), np.log(max(1.5 * np.sqrt(count), 6.0))))
    size = max(4, round(count / per_account))
    within = distinct_cells(size, size, round(count * rng.uniform(0.0, MOST_WITHIN)), rng)
    outward = count - len(within)
    few = round(np.exp(rng.uniform(*np.log(FEW_TARGETS))))
    known = rng.choice(ends, few) if rng.random() < 0.5 else ends
    anybody = graph.active[rng.integers(0, len(graph.active), outward)]
    target = np.where(rng.random(outward) < rng.random(), anybody, rng.choice(known, outward))
    followed = np.stack([rng.integers(0, size, outward) + users, target], axis=1)
    return np.unique(np.concatenate([within + users, followed]), axis=0), size


def distinct_cells(rows: int, columns: int, count: int, rng: np.random.Generator, square: bool = True) -> Int64:
    """Return ``count`` distinct cells (count, 2); ``square``: as unordered pairs off the diagonal."""
    total = rows * (rows - 1) // 2 if square else rows * columns
    chosen = rng.choice(total, min(count, total), replace=False, shuffle=True)
    if not square:
        return np.stack(np.divmod(chosen, columns), axis=1).astype(np.int64)
    # The pair (a, b), a > b, has the number a (a - 1) / 2 + b.
    a = np.floor((1.0 + np.sqrt(1.0 + 8.0 * chosen)) / 2.0).astype(np.int64)
    a += a * (a + 1) // 2 <= chosen
    a -= a * (a - 1) // 2 > chosen
    return np.stack([a, chosen - a * (a - 1) // 2], axis=1)


def _camouflage(graph: Graph, count: int, rng: np.random.Generator) -> tuple[Int64, int]:
    """Each account ties itself to one user, drawn by degree, and to random friends of that user."""
    users, friends = graph.num_users, graph.out if not graph.directed else graph.out + graph.into
    degree = np.diff(friends.indptr)
    parts, found, accounts = [], 0, 0
    while found < count:
        size = -(-(count - found) // 4) + 8
        target = rng.choice(users, size, p=degree / degree.sum())
        drawn = rng.random((size, EDGES_PER_ACCOUNT - 1)) * degree[target][:, None]
        near = friends.indices[friends.indptr[target][:, None] + drawn.astype(np.int64)]
        account = users + accounts + np.arange(size)
        ends = np.concatenate([target[:, None], near], axis=1).astype(np.int64)
        pairs = np.stack([np.repeat(account, EDGES_PER_ACCOUNT), ends.ravel()], axis=1)
        keys = pair_keys(pairs, users + accounts + size, directed=True)
        pairs = pairs[np.sort(np.unique(keys, return_index=True)[1])][: count - found]
        parts.append(pairs)
        found += len(pairs)
        accounts = int(pairs[-1, 0]) - users + 1
    return np.concatenate(parts), accounts


_BRING = {"farm": _farm, "camouflage": _camouflage, "ring": _ring}

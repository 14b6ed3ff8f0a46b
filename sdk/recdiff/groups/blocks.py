"""Dense blocks of a graph: users that are tied to each other far more often than their degrees explain.

Edges are sorted by how much of their neighbourhoods the two ends share. Joining users along them, the strongest first,
gives a tree whose every node is a candidate block. With degrees d, e edges and volume v = sum of d inside a block, a
graph of M edges with these degrees has mu = v^2 / 4 M edges there, and the gain of calling it a block is

    e log(e / mu) - (e - mu),

the log likelihood of its own rate against that. The disjoint blocks of the highest total gain are kept. All steps are
sorts, cumulative sums and one pass over the tree.

Letters: U users, E edges, G blocks.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
from scipy.sparse.csgraph import minimum_spanning_tree

from recdiff.arrays import Float64, Int64
from recdiff.graph.adjacency import adjacency
from recdiff.graph.pairs import common_neighbours, undirected

FEWEST, MOST = 5, 2_000
"""Members of a block."""
CLOSE = 1e-6
"""Length of the tree's shortest edge; a length of 0 would be no edge."""


@dataclass(frozen=True, eq=False)
class Tree:
    """Users joined step by step; node k joins two earlier ones. Every node is a stretch of ``order``.

    Attributes:
        order: (U,) users, those of a node side by side.
        start, stop: (U - 1,) the node's stretch.
        left, right: (U - 1,) what it joins: a user below U, else U + a node.
        steps: how many nodes, the first ones, join along an edge.
    """

    order: Int64
    start: Int64
    stop: Int64
    left: Int64
    right: Int64
    steps: int


def find_blocks(edges: Int64, num_users: int) -> Int64:
    """Return the number of each user's block (U,), -1 for users in none; the densest evidence comes first."""
    pairs = undirected(edges, num_users)
    if not len(pairs):
        return np.full(num_users, -1)
    graph = adjacency(pairs, num_users, directed=False)
    tree = _joined(pairs, similarity(graph, pairs), num_users)
    gain = _gains(tree, pairs, np.diff(graph.indptr).astype(np.float64))
    chosen = _chosen(tree, gain)
    block = np.full(num_users, -1)
    for number, node in enumerate(chosen[np.argsort(-gain[chosen], kind="stable")]):
        block[tree.order[tree.start[node] : tree.stop[node]]] = number
    return block


def similarity(graph: sp.csr_matrix, pairs: Int64) -> Float64:
    """Return how much of their neighbourhoods the ends of each edge share, (E,), from 0 to 1."""
    degree = np.diff(graph.indptr)
    ends = degree[pairs[:, 0]].astype(np.float64) * degree[pairs[:, 1]]
    return np.asarray(common_neighbours(graph, graph, pairs) / np.sqrt(ends))


def _joined(pairs: Int64, alike: Float64, num_users: int) -> Tree:
    """Return the tree of single linkage by ``alike`` (E,)."""
    length = (CLOSE + alike.max() - alike, (pairs[:, 0], pairs[:, 1]))
    spanning = minimum_spanning_tree(sp.csr_matrix(length, shape=(num_users, num_users))).tocoo()
    by_length = np.lexsort((spanning.col, spanning.row, spanning.data))
    ends = np.stack([spanning.row, spanning.col], axis=1)[by_length].astype(np.int64)
    left, right = _nodes(ends, num_users)
    return _laid_out(left, right, num_users, len(ends))


def _nodes(ends: Int64, num_users: int) -> tuple[Int64, Int64]:
    """Return what each step joins; parts that no edge joins are joined last, in order."""
    above = list(range(num_users))
    node = list(range(num_users))
    left, right = [], []

    def top(user: int) -> int:
        while above[user] != user:
            above[user] = user = above[above[user]]
        return user

    for one, other in ends.tolist():
        first, second = top(one), top(other)
        left.append(node[first])
        right.append(node[second])
        above[second] = first
        node[first] = num_users + len(left) - 1
    tops = [user for user in range(num_users) if above[user] == user]
    last = node[tops[0]]
    for user in tops[1:]:
        left.append(last)
        right.append(node[user])
        last = num_users + len(left) - 1
    return np.array(left), np.array(right)


def _laid_out(left: Int64, right: Int64, num_users: int, along_edges: int) -> Tree:
    """Return the tree with each node's users side by side."""
    steps = len(left)
    size = [1] * num_users + [0] * steps
    for step, (one, other) in enumerate(zip(left.tolist(), right.tolist(), strict=True)):
        size[num_users + step] = size[one] + size[other]
    start = [0] * (num_users + steps)
    for step in range(steps - 1, -1, -1):
        begin = start[num_users + step]
        start[left[step]] = begin
        start[right[step]] = begin + size[left[step]]
    at = np.array(start)
    order = np.argsort(at[:num_users])
    nodes = at[num_users:]
    stop = nodes + np.array(size[num_users:], np.int64)
    return Tree(order=order, start=nodes, stop=stop, left=left, right=right, steps=along_edges)


def _gains(tree: Tree, pairs: Int64, degree: Float64) -> Float64:
    """Return the gain of each node, (U - 1,)."""
    total = np.concatenate([[0.0], np.cumsum(degree[tree.order])])
    volume = total[tree.stop] - total[tree.start]
    inside = _inside(tree, pairs, len(degree))
    expected = volume**2 / (4.0 * len(pairs))
    return gain_of(inside, expected)


def gain_of(count: Float64, expected: Float64) -> Float64:
    """Return how much more likely counts (N,) are at their own rate than at the ``expected`` one, as a logarithm."""
    return np.asarray(count * np.log(np.maximum(count, 1e-9) / np.maximum(expected, 1e-9)) - (count - expected))


def _inside(tree: Tree, pairs: Int64, num_users: int) -> Float64:
    """Return the number of edges within each node: those whose ends it, or one below it, joins first."""
    place = np.empty(num_users, np.int64)
    place[tree.order] = np.arange(num_users)
    spots = np.sort(place[pairs], axis=1)
    # What parts two neighbours in the order is the node that joins them; the last of a stretch joins its ends.
    between = np.empty(num_users - 1, np.int64)
    seam = np.where(tree.left < num_users, tree.start + 1, tree.stop[np.maximum(tree.left - num_users, 0)])
    between[seam - 1] = np.arange(num_users - 1)
    count = np.bincount(_highest(between, spots[:, 0], spots[:, 1]), minlength=num_users - 1).astype(np.float64)
    for step, (one, other) in enumerate(zip(tree.left.tolist(), tree.right.tolist(), strict=True)):
        for below in (one, other):
            if below >= num_users:
                count[step] += count[below - num_users]
    return count


def _highest(values: Int64, start: Int64, stop: Int64) -> Int64:
    """Return the maximum of ``values`` over each stretch (start, stop), by maxima over stretches of powers of 2."""
    level = np.frexp((stop - start).astype(np.float64))[1] - 1
    found = np.empty(len(start), np.int64)
    table, width = values, 1
    for step in range(int(level.max()) + 1):
        here = level == step
        found[here] = np.maximum(table[start[here]], table[stop[here] - width])
        if 2 * width <= len(values):
            table = np.maximum(table[: len(table) - width], table[width:])
        width *= 2
    return found


def _chosen(tree: Tree, gain: Float64) -> Int64:
    """Return the disjoint nodes of the highest total gain among those of a size that counts."""
    users = len(tree.order)
    size = tree.stop - tree.start
    fits = (size >= FEWEST) & (size <= MOST) & (np.arange(len(size)) < tree.steps)
    own = np.where(fits, gain, 0.0)
    best = own.tolist()
    take = [False] * len(best)
    for step, (one, other) in enumerate(zip(tree.left.tolist(), tree.right.tolist(), strict=True)):
        parts = sum(best[below - users] for below in (one, other) if below >= users)
        take[step] = best[step] > parts
        best[step] = max(best[step], parts)
    chosen = []
    todo = [len(best) - 1]
    while todo:
        step = todo.pop()
        if take[step] and own[step] > 0:
            chosen.append(step)
        else:
            todo += [below - users for below in (int(tree.left[step]), int(tree.right[step])) if below >= users]
    return np.array(chosen, np.int64)

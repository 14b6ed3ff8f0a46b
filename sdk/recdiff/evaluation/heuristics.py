"""The floor: what counting says about an edge, each count without the edge itself.

Higher means more alike, so an edge looks fake where the count is low. Letters: U users, E pairs.
For a directed graph the counts are those of the graph without directions; degrees are out-degree of the source
and in-degree of the target.
"""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp
from sklearn.utils.extmath import randomized_svd

from recdiff.arrays import Float64, Int64
from recdiff.graph.adjacency import adjacency, normalised
from recdiff.graph.pairs import common_neighbours
from recdiff.graph.social_graph import SocialGraph

SVD_WIDTH = 32
SVD_FOLDS = 10
SVD_ITERATIONS = 12
HEURISTICS = (
    "degree_sum",
    "common_neighbours",
    "jaccard",
    "adamic_adar",
    "resource_allocation",
    "preferential_attachment",
    "svd_dot",
    "svd_cosine",
    "shared_items",
)


def heuristic_scores(graph: SocialGraph, train: sp.csr_matrix | None, rng: np.random.Generator) -> dict[str, Float64]:
    """Return every heuristic that the data allow, (E,) each, for the edges of ``graph`` themselves.

    Args:
        train: (U, I) interactions, or None: then there is no "shared_items".
        rng: splits the edges into folds for the SVD scores.
    """
    scores = neighbourhood_scores(graph) | svd_scores(graph, rng)
    if train is not None and train.nnz:
        scores["shared_items"] = shared_items(train, graph.edges)
    return {name: scores[name] for name in HEURISTICS if name in scores}


def neighbourhood_scores(graph: SocialGraph) -> dict[str, Float64]:
    """Return the counts of degrees and common neighbours; a pair's own edge is part of neither."""
    friends, edges = graph.friends(), graph.edges
    degree = np.diff(friends.indptr).astype(np.float64)
    # The edge itself is one neighbour of each end.
    out, into = _outer_degrees(graph)
    common = common_neighbours(friends, friends, edges)
    union = degree[edges].sum(axis=1) - 2.0 - common
    return {
        "degree_sum": out + into,
        "common_neighbours": common,
        "jaccard": common / np.maximum(union, 1.0),
        "adamic_adar": common_neighbours(friends, friends, edges, 1.0 / np.log(np.maximum(degree, 2.0))),
        "resource_allocation": common_neighbours(friends, friends, edges, 1.0 / np.maximum(degree, 1.0)),
        "preferential_attachment": out * into,
    }


def svd_scores(graph: SocialGraph, rng: np.random.Generator) -> dict[str, Float64]:
    """Return two scores from rank-32 factors U s V^T of D^-1/2 A D^-1/2, each edge left out of those that score it.

    "svd_dot" is the dot product of the rows of U s and V s, "svd_cosine" the cosine of those of U s^1/2 and V s^1/2.
    """
    edges = graph.edges
    fold = rng.permutation(len(edges)) % SVD_FOLDS
    dot, cosine = np.zeros(len(edges)), np.zeros(len(edges))
    seed = int(rng.integers(0, 2**31))
    for held in range(SVD_FOLDS):
        rows = np.flatnonzero(fold == held)
        seen = adjacency(edges[fold != held], graph.num_users, graph.directed)
        left, value, right = _factors(normalised(seen, 0.0), seed)
        a, b = left[edges[rows, 0]], right[edges[rows, 1]]
        dot[rows] = np.sum(a * b * np.square(value), axis=1)
        length = np.sqrt((np.square(a) @ value) * (np.square(b) @ value))
        cosine[rows] = np.sum(a * b * value, axis=1) / np.maximum(length, 1e-12)
    return {"svd_dot": dot, "svd_cosine": cosine}


def shared_items(train: sp.csr_matrix, edges: Int64) -> Float64:
    """Return the cosine of the two users' interaction rows, (E,)."""
    used = np.sqrt(np.diff(train.indptr)[edges].prod(axis=1).astype(np.float64))
    cosine: Float64 = common_neighbours(train, train, edges) / np.maximum(used, 1.0)
    return cosine


def _outer_degrees(graph: SocialGraph) -> tuple[Float64, Float64]:
    edges, num_users = graph.edges, graph.num_users
    if not graph.directed:
        degree = np.bincount(edges.ravel(), minlength=num_users).astype(np.float64)
        return degree[edges[:, 0]] - 1.0, degree[edges[:, 1]] - 1.0
    out, into = (np.bincount(edges[:, side], minlength=num_users).astype(np.float64) for side in (0, 1))
    return out[edges[:, 0]] - 1.0, into[edges[:, 1]] - 1.0


def _factors(graph: sp.csr_matrix, seed: int) -> tuple[Float64, Float64, Float64]:
    """Return U, s, V; for a symmetric graph U is used on both sides, so that its negative eigenvalues count as such."""
    rank = min(SVD_WIDTH, graph.shape[0] - 2)
    left, value, right = randomized_svd(graph, n_components=rank, n_iter=SVD_ITERATIONS, random_state=seed)
    symmetric = abs(graph - graph.T).max() < 1e-6
    return left, value, left if symmetric else right.T

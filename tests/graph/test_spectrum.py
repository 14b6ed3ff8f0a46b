"""Subspace iteration against dense decompositions."""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp

from recdiff.graph.adjacency import normalised, social_adjacency
from recdiff.graph.spectrum import aligned, eigenvectors, singular_vectors
from tests.graph_samples import community_edges, community_items


def matrix() -> sp.csr_matrix:
    return normalised(social_adjacency(community_edges(), 320, directed=False), ridge=0.1)


def test_normalised_divides_by_the_ridged_degrees() -> None:
    graph = social_adjacency(np.array([[0, 1], [0, 2]]), 3, directed=True)
    found = normalised(graph, ridge=0.5).toarray()
    extra = 0.5 * 2 / 3
    assert found[0, 1] == np.float32(1 / np.sqrt((2 + extra) * (1 + extra)))


def test_leading_eigenvalues_match_the_dense_ones() -> None:
    found = eigenvectors(matrix(), 7, 2, 10, np.random.default_rng(0))
    exact = np.linalg.eigvalsh(matrix().toarray().astype(np.float64))
    np.testing.assert_allclose(found.value[:7], exact[::-1][:7], atol=5e-3)
    np.testing.assert_allclose(found.value[7:], exact[:2], atol=2e-2)
    np.testing.assert_allclose(found.left.T @ found.left, np.eye(9), atol=1e-4)
    residual = matrix() @ found.left[:, :7] - found.left[:, :7] * found.value[:7]
    assert np.linalg.norm(residual, axis=0).max() < 0.05


def test_eigenvectors_of_the_same_ties_otherwise_weighted_are_a_head_start() -> None:
    edges = community_edges()
    before = eigenvectors(matrix(), 7, 2, 10, np.random.default_rng(0)).left
    weight = np.random.default_rng(1).uniform(0.5, 1.0, len(edges))
    weighted = normalised(social_adjacency(edges, 320, directed=False, weight=weight), ridge=0.1)

    def residual(start: np.ndarray | None) -> float:
        found = eigenvectors(weighted, 7, negative=2, iterations=3, rng=np.random.default_rng(2), start=start)
        return float(np.linalg.norm(weighted @ found.left - found.left * found.value, axis=0).max())

    assert residual(before.astype(np.float16)) < 0.5 * residual(None)


def test_leading_singular_triples_match_the_dense_ones() -> None:
    items = community_items()
    found = singular_vectors(items, 6, 10, np.random.default_rng(0))
    exact = np.linalg.svd(items.toarray().astype(np.float64), compute_uv=False)
    np.testing.assert_allclose(found.value, exact[:6], rtol=1e-2)
    rebuilt = found.left * found.value @ found.right.T
    assert np.linalg.norm(items.toarray() - rebuilt) < 1.01 * np.linalg.norm(exact[6:])


def test_small_graphs_are_padded() -> None:
    graph = normalised(social_adjacency(np.array([[0, 1], [1, 2]]), 3, directed=False), 0.1)
    found = eigenvectors(graph, 4, 4, 10, np.random.default_rng(0))
    assert found.left.shape == (3, 8)
    assert np.isfinite(found.left).all()
    again = eigenvectors(graph, 4, negative=4, iterations=3, rng=np.random.default_rng(0), start=found.left)
    np.testing.assert_allclose(again.value, found.value, atol=1e-5)
    assert singular_vectors(graph, 5, 10, np.random.default_rng(0)).left.shape == (3, 5)


def test_aligned_finds_the_rotation() -> None:
    rng = np.random.default_rng(0)
    rows = rng.standard_normal((50, 4)).astype(np.float32)
    turn, _ = np.linalg.qr(rng.standard_normal((4, 4)))
    np.testing.assert_allclose(rows @ aligned(rows, (rows @ turn).astype(np.float32)), rows @ turn, atol=1e-4)

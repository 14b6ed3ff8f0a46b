"""Subspace iteration against dense decompositions."""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp
import torch

from recdiff.graph.adjacency import normalised, social_adjacency
from recdiff.graph.sparse import csr_tensor
from recdiff.graph.spectrum import Spectrum, aligned, block_width, eigenvectors, singular_vectors
from tests.graph_samples import community_edges, community_items


def matrix() -> sp.csr_matrix:
    return normalised(social_adjacency(community_edges(), 320, directed=False), ridge=0.1)


def block(rows: int, width: int, seed: int = 0) -> torch.Tensor:
    return torch.as_tensor(np.random.default_rng(seed).standard_normal((rows, width), np.float32))


def leading(graph: sp.csr_matrix, positive: int, negative: int, start: torch.Tensor | None = None) -> Spectrum:
    users = graph.shape[0]
    first = block(users, block_width(positive + negative, users))
    return eigenvectors(
        csr_tensor(graph), positive, negative, iterations=10 if start is None else 3, first=first, start=start
    )


def triples(matrix: sp.csr_matrix, count: int) -> Spectrum:
    first = block(matrix.shape[1], block_width(count, min(matrix.shape)))
    return singular_vectors(csr_tensor(matrix), csr_tensor(sp.csr_matrix(matrix.T)), count, 10, first)


def test_normalised_divides_by_the_ridged_degrees() -> None:
    graph = social_adjacency(np.array([[0, 1], [0, 2]]), 3, directed=True)
    found = normalised(graph, ridge=0.5).toarray()
    extra = 0.5 * 2 / 3
    assert found[0, 1] == np.float32(1 / np.sqrt((2 + extra) * (1 + extra)))


def test_leading_eigenvalues_match_the_dense_ones() -> None:
    found = leading(matrix(), 7, 2)
    exact = np.linalg.eigvalsh(matrix().toarray().astype(np.float64))
    np.testing.assert_allclose(found.value[:7], exact[::-1][:7], atol=5e-3)
    np.testing.assert_allclose(found.value[7:], exact[:2], atol=2e-2)
    np.testing.assert_allclose(found.left.T @ found.left, np.eye(9), atol=1e-4)
    left = found.left.numpy()
    residual = matrix() @ left[:, :7] - left[:, :7] * found.value[:7]
    assert np.linalg.norm(residual, axis=0).max() < 0.05


def test_eigenvectors_of_the_same_ties_otherwise_weighted_are_a_head_start() -> None:
    edges = community_edges()
    before = leading(matrix(), 7, 2).left
    weight = np.random.default_rng(1).uniform(0.5, 1.0, len(edges))
    weighted = normalised(social_adjacency(edges, 320, directed=False, weight=weight), ridge=0.1)

    def residual(start: torch.Tensor | None) -> float:
        first = block(320, block_width(9, 320), 2)
        found = eigenvectors(csr_tensor(weighted), 7, 2, iterations=3, first=first, start=start)
        left = found.left.numpy()
        return float(np.linalg.norm(weighted @ left - left * found.value, axis=0).max())

    assert residual(before.half()) < 0.5 * residual(None)


def test_leading_singular_triples_match_the_dense_ones() -> None:
    items = community_items()
    found = triples(items, 6)
    exact = np.linalg.svd(items.toarray().astype(np.float64), compute_uv=False)
    np.testing.assert_allclose(found.value, exact[:6], rtol=1e-2)
    rebuilt = found.left.numpy() * found.value @ found.right.numpy().T
    assert np.linalg.norm(items.toarray() - rebuilt) < 1.01 * np.linalg.norm(exact[6:])


def test_small_graphs_are_padded() -> None:
    graph = normalised(social_adjacency(np.array([[0, 1], [1, 2]]), 3, directed=False), 0.1)
    found = leading(graph, 4, 4)
    assert found.left.shape == (3, 8)
    assert torch.isfinite(found.left).all()
    again = leading(graph, 4, 4, found.left)
    np.testing.assert_allclose(again.value, found.value, atol=1e-5)
    assert triples(graph, 5).left.shape == (3, 5)


def test_aligned_finds_the_rotation() -> None:
    rng = np.random.default_rng(0)
    rows = rng.standard_normal((50, 4)).astype(np.float32)
    turn, _ = np.linalg.qr(rng.standard_normal((4, 4)))
    found = aligned(torch.as_tensor(rows), torch.as_tensor((rows @ turn).astype(np.float32)))
    np.testing.assert_allclose(rows @ found.numpy(), rows @ turn, atol=1e-4)

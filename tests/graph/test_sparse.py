"""Adjacency, normalisation, propagation with its gradients, and degree-preserving rewiring."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp
import torch

from recdiff.graph import sparse
from recdiff.graph import sparse as graph
from recdiff.graph.adjacency import bipartite_adjacency, social_adjacency, symmetric_normalised
from recdiff.graph.folded import FoldedGraph
from recdiff.graph.rewired import rewired
from recdiff.graph.social_graph import SocialGraph
from recdiff.graph.sparse import Propagator, csr_tensor
from tests import reference


def random_graph(nodes: int = 40, edges: int = 120, seed: int = 0) -> sp.csr_matrix:
    rng = np.random.default_rng(seed)
    pairs = np.unique(np.sort(rng.integers(0, nodes, (edges, 2)), axis=1), axis=0)
    return social_adjacency(pairs[pairs[:, 0] != pairs[:, 1]], nodes, directed=False)


def test_undirected_edges_are_listed_both_ways() -> None:
    edges = np.array([[0, 1], [2, 1]])
    assert social_adjacency(edges, 4, directed=False).toarray().tolist() == [
        [0, 1, 0, 0],
        [1, 0, 1, 0],
        [0, 1, 0, 0],
        [0, 0, 0, 0],
    ]
    assert social_adjacency(edges, 3, directed=True).toarray().tolist() == [[0, 1, 0], [0, 0, 0], [0, 1, 0]]


def test_weights_of_edges_are_kept() -> None:
    graph = social_adjacency(np.array([[0, 1], [2, 1]]), 3, directed=False, weight=np.array([0.5, 2.0]))
    assert graph.dtype == np.float32
    assert graph.toarray().tolist() == [[0, 0.5, 0], [0.5, 0, 2], [0, 2, 0]]


@pytest.mark.parametrize("entries", [1, 37, 1 << 22])
@pytest.mark.parametrize("directed", [False, True])
def test_a_graph_without_a_fold_is_that_of_the_other_ties(
    directed: bool, entries: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sparse, "ENTRIES", entries)
    rng = np.random.default_rng(0)
    pairs = rng.permutation(np.unique(np.sort(rng.integers(0, 50, (300, 2)), axis=1), axis=0))
    edges = pairs[pairs[:, 0] != pairs[:, 1]]
    fold, weight = rng.integers(0, 3, len(edges)), rng.random(len(edges)).astype(np.float32)
    graph = FoldedGraph.of(SocialGraph(edges, 50, directed), fold)
    assert (graph.whole != social_adjacency(edges, 50, directed)).nnz == 0
    for left_out in range(4):
        kept = fold != left_out
        for found, given in (
            (graph.without(left_out), None),
            (graph.without(left_out, torch.as_tensor(weight)), weight[kept]),
        ):
            expected = social_adjacency(edges[kept], 50, directed, given).toarray()
            assert found.directed == directed
            both = expected + expected.T if directed else expected
            for matrix, dense in ((found.out, expected), (found.into, expected.T), (found.both, both)):
                np.testing.assert_allclose(matrix.to_dense().numpy(), dense, rtol=1e-6)
                np.testing.assert_allclose(graph_sums(matrix), dense.sum(axis=1), rtol=1e-6)
                scaled = sparse.scaled_sides(matrix, torch.arange(50.0), torch.arange(50.0) + 1)
                expected_sides = np.arange(50)[:, None] * dense * (np.arange(50) + 1)
                np.testing.assert_allclose(scaled.to_dense().numpy(), expected_sides, rtol=1e-5)


def test_edges_that_are_answered_are_counted() -> None:
    edges = np.array([[0, 1], [1, 0], [1, 2], [3, 1], [1, 3]])
    graph = FoldedGraph.of(SocialGraph(edges, 4, True), np.array([0, 0, 0, 1, 1]))
    whole, without = graph.without(2), graph.without(1)
    assert whole.sent is not None
    assert without.received is not None
    assert whole.sent.tolist() == [[1, 1], [3, 2], [0, 0], [1, 1]]
    assert without.received.tolist() == [[1, 1], [1, 1], [1, 0], [0, 0]]


def graph_sums(matrix: torch.Tensor) -> np.ndarray:
    return graph.row_sums(matrix).numpy()


def test_scaled_and_enlarged_matrices() -> None:
    matrix, rng = random_graph(), np.random.default_rng(2)
    left, right = (torch.as_tensor(rng.random(40).astype(np.float32)) for _ in range(2))
    found = graph.scaled_sides(csr_tensor(matrix), left, right).to_dense().numpy()
    np.testing.assert_allclose(found, left[:, None].numpy() * matrix.toarray() * right.numpy(), rtol=1e-6)
    wider = graph.enlarged(csr_tensor(matrix), 43).to_dense().numpy()
    assert (wider[:40, :40] == matrix.toarray()).all()
    assert not wider[40:].any()
    assert not wider[:, 40:].any()


def test_bipartite_adjacency_has_interactions_off_the_diagonal() -> None:
    block = np.array([[1, 0, 1], [0, 1, 0]], np.float32)
    expected = np.block([[np.zeros((2, 2)), block], [block.T, np.zeros((3, 3))]])
    assert np.array_equal(bipartite_adjacency(sp.csr_matrix(block)).toarray(), expected)


def test_propagation_is_the_reference_one() -> None:
    dense = random_graph().toarray()
    dense[3], dense[:, 3] = 0, 0
    graph = sp.csr_matrix(dense)
    x = np.random.default_rng(1).normal(size=(40, 5)).astype(np.float32)
    product = (Propagator.of(symmetric_normalised(graph)) @ torch.as_tensor(x)).numpy()
    np.testing.assert_allclose(product, reference.propagate(graph.toarray(), x), atol=1e-5)
    assert not product[3].any()


@pytest.mark.parametrize("shape", [(6, 6), (6, 9), (9, 4)])
def test_gradients_go_through_the_transpose(shape: tuple[int, int]) -> None:
    matrix = sp.random(*shape, 0.4, format="csr", dtype=np.float32, random_state=2)
    dense = torch.randn(shape[1], 3, generator=torch.Generator().manual_seed(0), requires_grad=True)
    rows = torch.tensor([0, 2, 2])
    upstream = torch.randn(shape[0], 3, generator=torch.Generator().manual_seed(1))
    graph = Propagator.of(matrix)
    (graph @ dense).backward(upstream)
    expected = torch.as_tensor(matrix.toarray()).T @ upstream
    torch.testing.assert_close(dense.grad, expected)
    dense.grad = None
    product, taken = graph.with_rows(dense, rows)
    torch.testing.assert_close(product, graph @ dense)
    assert torch.equal(taken, dense[rows])
    ((product * upstream).sum() + 3 * taken.sum()).backward()
    expected[0] += 3
    expected[2] += 6
    torch.testing.assert_close(dense.grad, expected)


def test_a_symmetric_graph_is_stored_once() -> None:
    symmetric = Propagator.of(random_graph())
    assert symmetric.forward is symmetric.backward
    directed = Propagator.of(social_adjacency(np.array([[0, 1], [2, 1]]), 3, directed=True))
    assert torch.equal(directed.backward.to_dense(), directed.forward.to_dense().T)


@pytest.mark.parametrize("block", [7, 40, 64])
def test_products_by_blocks_of_rows_are_the_product(block: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(graph, "ROW_BLOCK", block)
    matrix = symmetric_normalised(random_graph())
    dense = np.random.default_rng(1).standard_normal((40, 5)).astype(np.float32)
    np.testing.assert_allclose(graph.product(csr_tensor(matrix), dense), matrix @ dense, rtol=1e-5, atol=1e-6)
    table, out = torch.from_numpy(dense), torch.empty(40, 5)
    assert graph.times(csr_tensor(matrix), table, added=table, scale=0.5, out=out) is out
    np.testing.assert_allclose(out.numpy(), (matrix @ dense + dense) / 2, rtol=1e-5, atol=1e-6)


def test_an_empty_graph_propagates_zeros() -> None:
    graph = Propagator.of(sp.csr_matrix((4, 5), dtype=np.float32))
    assert torch.equal(graph @ torch.ones(5, 2), torch.zeros(4, 2))


def test_sparse_tensors_have_narrow_indices_in_order() -> None:
    matrix = sp.csr_matrix((np.ones(3, np.float32), ([0, 0, 1], [2, 0, 1])), shape=(2, 3))
    tensor = csr_tensor(matrix)
    assert tensor.col_indices().dtype == torch.int32
    assert tensor.col_indices().tolist() == [0, 2, 1]


@pytest.mark.parametrize("directed", [False, True])
def test_rewiring_keeps_degrees_and_little_else(directed: bool) -> None:
    rng = np.random.default_rng(4)
    weight = rng.pareto(1.5, 300) + 1
    pairs = rng.choice(300, (1500, 2), p=weight / weight.sum())
    pairs = pairs if directed else np.sort(pairs, axis=1)
    pairs = np.unique(pairs[pairs[:, 0] != pairs[:, 1]], axis=0)
    graph = social_adjacency(pairs, 300, directed)
    random = rewired(graph, np.random.default_rng(0))
    for axis in (0, 1):
        assert np.array_equal(random.sum(axis=axis), graph.sum(axis=axis))
    assert random.nnz == graph.nnz
    assert set(random.data) == {1.0}
    assert not random.diagonal().any()
    assert ((random != random.T).nnz == 0) is not directed
    # Hubs must keep many neighbours, so some edges are bound to come back.
    assert graph.multiply(random).nnz < 0.4 * graph.nnz


def test_rewiring_is_seeded_and_leaves_its_input() -> None:
    graph = random_graph()
    before = graph.copy()
    first, again, other = (rewired(graph, np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert (first != again).nnz == 0
    assert (first != other).nnz > 0
    assert (graph != before).nnz == 0


def test_rewiring_a_graph_that_has_one_form_only_returns_it() -> None:
    for edges in (np.array([[0, 1]]), np.array([[0, 1], [1, 2], [0, 2]])):
        graph = social_adjacency(edges, 3, directed=False)
        assert (rewired(graph, np.random.default_rng(0)) != graph).nnz == 0


def test_a_graph_without_edges_is_a_tensor_too() -> None:
    tensor = csr_tensor(sp.csr_matrix((3, 2), dtype=np.float32))
    assert tensor.shape == (3, 2)
    assert not graph.times(tensor, torch.ones(2, 4)).any()

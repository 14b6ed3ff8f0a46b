"""The joint graph holds interactions and weighted ties, symmetrically."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp

from recdiff.graph.adjacency import bipartite_adjacency, symmetric_normalised
from recdiff.recommender.joint_graph import JointGraph, joint_adjacency

TRAIN = sp.csr_matrix(np.array([[1, 0], [1, 1], [0, 0]], np.float32))


def test_blocks_are_in_their_places() -> None:
    social = sp.csr_matrix(np.array([[0, 1, 0], [1, 0, 1], [0, 1, 0]], np.float32))
    dense = joint_adjacency(TRAIN, social, 0.5).toarray()
    assert np.array_equal(dense[:3, :3], 0.5 * social.toarray())
    assert np.array_equal(dense[:3, 3:], TRAIN.toarray())
    assert np.array_equal(dense, dense.T)


def test_a_directed_tie_counts_half_each_way() -> None:
    social = sp.csr_matrix(np.array([[0, 1, 0], [0, 0, 0], [0, 0, 0]], np.float32))
    dense = joint_adjacency(TRAIN, social, 1.0).toarray()
    assert dense[0, 1] == dense[1, 0] == 0.5


def test_weight_zero_leaves_ties_out() -> None:
    social = sp.csr_matrix(np.ones((3, 3), np.float32))
    assert joint_adjacency(TRAIN, social, 0.0).nnz == 2 * TRAIN.nnz


@pytest.mark.parametrize("weight", [0.0, 0.3])
def test_the_graph_that_is_walked_is_the_normalised_adjacency(weight: float) -> None:
    rng = np.random.default_rng(0)
    train = sp.csr_matrix((rng.random((9, 7)) < 0.3).astype(np.float32))
    upper = np.triu(rng.random((9, 9)) < 0.3, 1).astype(np.float32) * rng.random((9, 9)).astype(np.float32)
    upper[4], upper[:, 4] = 0.0, 0.0
    social = sp.csr_matrix(upper + upper.T)
    found, expected = JointGraph.of(train, social, weight), joint_adjacency(train, social, weight)
    np.testing.assert_allclose(found.walked.to_dense(), symmetric_normalised(expected).toarray(), rtol=1e-5, atol=1e-7)
    np.testing.assert_allclose(found.degree, np.asarray(expected.sum(axis=1)).ravel(), rtol=1e-6)
    np.testing.assert_array_equal(found.observed.to_dense(), bipartite_adjacency(train).toarray())

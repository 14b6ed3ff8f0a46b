"""The joint graph holds interactions and weighted ties, symmetrically."""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp

from recdiff.recommender.joint_graph import joint_adjacency

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

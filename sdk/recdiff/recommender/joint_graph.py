"""Interactions and edges as one graph over users and items.

Letters: U users, I items, w edge weight.
"""

from __future__ import annotations

import scipy.sparse as sp


def joint_adjacency(train: sp.csr_matrix, social: sp.csr_matrix, tie_weight: float) -> sp.csr_matrix:
    """Return the symmetric (U + I, U + I) adjacency [[w S, R], [R^T, 0]] of interactions R and edges S.

    A directed S enters as the mean of S and its transpose, since a normalised walk needs a symmetric graph.
    """
    between_users = (tie_weight / 2) * (social + social.T) if tie_weight else None
    if between_users is None:
        between_users = sp.csr_matrix((train.shape[0], train.shape[0]), dtype=train.dtype)
    return sp.csr_matrix(sp.bmat([[between_users, train], [train.T, None]], format="csr", dtype="float32"))

"""The ten triangle motifs of MHCN (Yu et al., 2021) as sparse matrices, for mutual and one-way edges.

Letters: U users; B mutual edges, O one-way edges, R interactions (U, I).
Every product is masked by an edge matrix before it is kept, so only pairs with an edge are stored, except in the
purchase motif, which joins users without an edge that share at least ``SHARED`` items.
"""

from __future__ import annotations

from functools import reduce
from operator import add

import numpy as np
import scipy.sparse as sp

from recdiff.baselines.diffnet import row_mean

# One shared item joins nearly everybody through the popular ones.
SHARED = 2


def motif_channels(train: sp.csr_matrix, social: sp.csr_matrix) -> tuple[sp.csr_matrix, sp.csr_matrix, sp.csr_matrix]:
    """Return the social, joint and purchase channels, each (U, U), rows summing to 1 (or to 0)."""
    edges = sp.csr_matrix(social != 0, dtype=np.float32)
    mutual = sp.csr_matrix(edges.multiply(edges.T))
    one_way = sp.csr_matrix(edges - mutual)
    common = sp.csr_matrix(train @ train.T, dtype=np.float32)
    common.setdiag(0)
    return (
        row_mean(social_motif(mutual, one_way)),
        row_mean(joint_motif(common, mutual, one_way)),
        row_mean(purchase_motif(common, mutual, one_way)),
    )


def social_motif(b: sp.csr_matrix, o: sp.csr_matrix) -> sp.csr_matrix:
    """Return the sum of motifs 1 to 7, triangles of edges: for each tied pair, how many it takes part in."""
    t = o.T.tocsr()
    return _total(
        _symmetric(_closed(o, o, t)),
        _symmetric(_closed(b, o, t), _closed(o, b, t), _closed(o, o, b)),
        _symmetric(_closed(b, b, o), _closed(b, o, b), _closed(o, b, b)),
        _closed(b, b, b),
        _symmetric(_closed(o, o, o), _closed(o, t, o), _closed(t, o, o)),
        _closed(o, b, o), _closed(b, t, t), _closed(t, o, b),
        _closed(t, b, t), _closed(b, o, o), _closed(o, t, b),
    )  # fmt: skip


def joint_motif(common: sp.csr_matrix, b: sp.csr_matrix, o: sp.csr_matrix) -> sp.csr_matrix:
    """Return motifs 8 and 9: the number of shared items of each tied pair."""
    return _total(common.multiply(b), _symmetric(common.multiply(o)))


def purchase_motif(common: sp.csr_matrix, b: sp.csr_matrix, o: sp.csr_matrix) -> sp.csr_matrix:
    """Return motif 10: the shared items of pairs without an edge, where there are at least ``SHARED``."""
    rest = sp.csr_matrix(common - joint_motif(common, b, o))
    return sp.csr_matrix(rest.multiply(rest >= SHARED))


def _closed(first: sp.csr_matrix, second: sp.csr_matrix, closing: sp.csr_matrix) -> sp.csr_matrix:
    """Return (first @ second) at the pairs of ``closing``; nothing is multiplied where nothing can close."""
    if not (first.nnz and second.nnz and closing.nnz):
        return sp.csr_matrix(closing.shape, dtype=np.float32)
    return sp.csr_matrix((first @ second).multiply(closing))


def _symmetric(*parts: sp.csr_matrix) -> sp.csr_matrix:
    total = _total(*parts)
    return sp.csr_matrix(total + total.T)


def _total(*parts: sp.csr_matrix) -> sp.csr_matrix:
    return sp.csr_matrix(reduce(add, parts), dtype=np.float32)

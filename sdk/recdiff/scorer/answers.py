"""Whether directed edges are answered: an edge that nobody asked for is rarely returned.

With a the share of edges whose reverse exists, and per user the edges received and sent,

    t = (answered of received + 2) / (received + 2 / a),     asked  = phi log(a / t),
    s = (answered of sent + 2) / (sent + 2 / a),             asking = phi log(a / s),     phi = min(1, 2 a).

An edge's log odds of being fake rise by asked[dst] + asking[src] / 2, and by -log(1 - a) where it is not answered;
where it is, they fall by phi log(1 / 0.3). Where hardly any edge is answered, all of this fades.

Letters: U users, E edges.
"""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp

from recdiff.arrays import Float32, Float64, Int64
from recdiff.graph.pairs import pair_keys

EXPECTED = 2.0
"""Answers that every user is given beforehand."""
ASKING = 0.5
"""Weight of the source's answers beside the target's."""
KINDEST = 0.3
"""How likely a fake is to be answered, as a part of how likely a real edge is."""
SUREST = 0.95


def answer_columns(graph: sp.csr_matrix) -> dict[str, Float32]:
    """Return the columns "asked" and "asking", (U, 1) each, of a directed graph A[src, dst], (U, U)."""
    there = sp.csr_matrix((np.ones(graph.nnz, np.float32), graph.indices, graph.indptr), shape=graph.shape)
    answered = sp.csr_matrix(there.multiply(there.T))
    usual = answered.nnz / max(there.nnz, 1)
    columns = {}
    for name, axis in (("asked", 0), ("asking", 1)):
        total, found = (np.asarray(each.sum(axis=axis), np.float64).ravel() for each in (there, answered))
        columns[name] = _rarely(found, total, usual)[:, None]
    return columns


def _rarely(answered: Float64, total: Float64, usual: float) -> Float32:
    """Return how much less often than ``usual`` the edges of each user are answered, (U,)."""
    if not usual:
        return np.zeros(len(total), np.float32)
    rate = (answered + EXPECTED) / (total + EXPECTED / usual)
    return np.asarray(min(1.0, 2.0 * usual) * np.log(usual / rate), np.float32)


def silence(edges: Int64, num_users: int) -> Float64:
    """Return what an answer, or none, adds to the log odds that each of the directed ``edges`` (E, 2) is fake, (E,)."""
    keys = pair_keys(edges, num_users, directed=True)
    answered = np.isin(pair_keys(edges[:, ::-1], num_users, directed=True), keys)
    usual = float(answered.mean())
    alone = -np.log1p(-min(usual, SUREST))
    found: Float64 = np.where(answered, min(1.0, 2.0 * usual) * np.log(KINDEST), alone)
    return found

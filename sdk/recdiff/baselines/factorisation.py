"""Matrix factorisation: BPR-MF (Rendle et al., 2009) and implicit alternating least squares (Hu et al., 2008).

Letters: U users, I items, D width, Y the fixed side's table.
"""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp

from recdiff.arrays import Float32
from recdiff.baselines.lightgcn import fit_lightgcn
from recdiff.baselines.pairwise import EPOCHS, PATIENCE
from recdiff.baselines.task import Task
from recdiff.metrics.ranking import Score, by_tables
from recdiff.metrics.selection import Best

SWEEPS = 20
# Rows solved at a time: (rows, D, D) normal equations, 16 MiB at D = 64.
_BLOCK = 1024


def fit_bpr(task: Task, regularisation: float, learning_rate: float, epochs: int = EPOCHS) -> Score:
    """Score by BPR matrix factorisation, which is LightGCN without layers."""
    return fit_lightgcn(task, 0, regularisation, learning_rate=learning_rate, epochs=epochs)


def fit_als(task: Task, width: int, background: float, regularisation: float, epochs: int = SWEEPS) -> Score:
    """Score by the factors that minimise, over all pairs,

    background * s^2 + [observed] * ((s - 1)^2 - background * s^2) + regularisation * (|x|^2 + |y|^2)

    (unobserved pairs count ``background``, observed ones 1); the sweep is chosen by ``task.judge``.
    """
    rng = np.random.default_rng(task.seed)
    users = (rng.standard_normal((task.train.shape[0], width)) * 0.1).astype(np.float32)
    items = (rng.standard_normal((task.train.shape[1], width)) * 0.1).astype(np.float32)
    columns = task.train.T.tocsr()
    best = Best(by_tables(users, items))
    for _ in range(epochs):
        users = solve_rows(task.train, items, background, regularisation)
        items = solve_rows(columns, users, background, regularisation)
        score = by_tables(users, items)
        if best.offer(task.judge(score)):
            best.kept = score
        if best.waited >= PATIENCE:
            break
    return best.kept


def solve_rows(matrix: sp.csr_matrix, fixed: Float32, background: float, regularisation: float) -> Float32:
    """Return the best row for each row of ``matrix`` (N, M) given the ``fixed`` table (M, D), (N, D).

    x = (background Y^T Y + (1 - background) sum_observed y y^T + regularisation)^-1 sum_observed y.
    """
    width = fixed.shape[1]
    shared = background * (fixed.T @ fixed) + regularisation * np.eye(width, dtype=np.float32)
    rows = np.zeros((matrix.shape[0], width), np.float32)
    for start in range(0, len(rows), _BLOCK):
        block = matrix[start : start + _BLOCK]
        present = np.unique(block.indices)
        outer = (fixed[present, :, None] * fixed[present, None, :]).reshape(len(present), -1)
        normal = shared + (1.0 - background) * (block[:, present] @ outer).reshape(-1, width, width)
        rows[start : start + _BLOCK] = np.linalg.solve(normal, (block @ fixed)[:, :, None])[:, :, 0]
    return rows

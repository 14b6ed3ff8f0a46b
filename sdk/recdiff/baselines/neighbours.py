"""Neighbourhood models: items alike, users alike, and users alike or tied.

Letters: U users, I items. Similarity is the shrunk cosine a.b / (|a| |b| + shrink) of rows, never of a row with itself.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
import scipy.sparse as sp

from recdiff.baselines.task import Task, degrees, inverse, products, scaled, strongest
from recdiff.metrics.ranking import Score

Weights = Literal["none", "tfidf"]


def fit_item_neighbours(task: Task, neighbours: int, shrink: float) -> Score:
    """Score item j for user u by the summed similarity of j to the items of u."""
    return products(task.train, shrunk_cosine(task.train.T.tocsr(), neighbours, shrink))


def fit_user_neighbours(task: Task, neighbours: int, shrink: float, weights: Weights) -> Score:
    """Score item j for user u by the summed similarity to u of the neighbours that have j."""
    return products(shrunk_cosine(_weighted(task.train, weights), neighbours, shrink), task.train)


def fit_tied_neighbours(task: Task, neighbours: int, shrink: float, weights: Weights, tie_weight: float) -> Score:
    """Score as ``fit_user_neighbours``, every edge adding ``tie_weight`` / sqrt(both ends' number of edges)."""
    alike = shrunk_cosine(_weighted(task.train, weights), neighbours, shrink)
    social = task.social
    ties_out, ties_in = degrees(social)
    tied = scaled(inverse(ties_out, 0.5), social, inverse(ties_in, 0.5))
    return products(sp.csr_matrix(alike + tie_weight * tied), task.train)


def shrunk_cosine(rows: sp.csr_matrix, neighbours: int, shrink: float) -> sp.csr_matrix:
    """Return each row's ``neighbours`` most similar other rows with their similarities, (N, N)."""
    norms = np.sqrt(np.asarray(rows.multiply(rows).sum(axis=1), np.float64).ravel())
    similar = sp.coo_matrix(rows @ rows.T)
    other = (similar.row != similar.col) & (similar.data > 0)
    row, column = similar.row[other], similar.col[other]
    values = similar.data[other] / (norms[row] * norms[column] + shrink)
    return strongest(sp.csr_matrix((values, (row, column)), shape=similar.shape, dtype=np.float32), neighbours)


def _weighted(train: sp.csr_matrix, weights: Weights) -> sp.csr_matrix:
    """Return ``train`` as it is, or each entry times log(U / the item's number of users)."""
    if weights == "none":
        return train
    users, (_, counts) = train.shape[0], degrees(train)
    rarity = np.log(users * inverse(counts) + (counts == 0))
    return scaled(np.ones(users), train, rarity)

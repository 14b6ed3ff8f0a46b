"""What accounts labelled fake, and real ones where there are some, add to the score found without them.

With s the log odds found without labels and x standardised features of an account,

    P(fake) = sigmoid(a s + w . x + b),    |w|^2 / 2 C small,

averaged over several C by how well each tells labels left out. Where only fakes are labelled, unlabelled accounts
stand for the real ones, each with the weight 1 - P(fake). Labels are rarely drawn at random, so the order is learned
from them and the level is not: b is chosen such that as many accounts as before are expected to be fake.

How near an account is to labelled ones is a feature: mean labels of friends, of their friends and so on, and of those
who use the same. A label must not meet itself there, so the features of a labelled account are found without its fold.

Letters: U users, L labelled accounts, N features.
"""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp
from scipy.sparse.csgraph import connected_components
from scipy.special import expit

from recdiff.arrays import Float64, Int64
from recdiff.graph.social_graph import SocialGraph
from recdiff.metrics.odds import intercept_for_share, weights_of

FOLDS = 5
STEPS = 4
FADES = 0.7
"""What is left of a label one step further."""
STRENGTHS = (1e-3, 1e-2, 3e-2, 0.1, 0.3, 1.0)
FREE = 30.0
"""By what s is multiplied, so that the penalty hardly touches its factor."""
FEWEST = 5
"""Labelled fakes, or accounts to set them against, below which nothing is learned but the labels themselves."""
STAND_INS, MOST_STAND_INS = 20, 4_000
"""Unlabelled accounts per labelled fake that stand for real ones, and how many at most."""
CERTAIN = 6.0
"""Log odds of an account whose label is known."""


def taught(
    graph: SocialGraph, items: sp.csr_matrix, odds: Float64, *, parts: dict[str, Float64], known: Int64
) -> Float64:
    """Return the log odds (U,) that labels lead to.

    Args:
        items: (U, I), what each account uses. odds: (U,) found without labels, and what they add up from.
        known: (U,) 1 labelled fake, 0 labelled real, -1 not labelled.
    """
    rows, label, weight = _examples(odds, known)
    if min((label == 1).sum(), (label == 0).sum()) < FEWEST:
        found = odds
    else:
        plain, around = _features(graph, items, odds, parts), _Around(graph, items)
        found = _learned(plain, around, odds, known=known, rows=rows, label=label, weight=weight)
    return np.where(known == 1, np.maximum(found, CERTAIN), np.where(known == 0, np.minimum(found, -CERTAIN), found))


def _examples(odds: Float64, known: Int64) -> tuple[Int64, Int64, Float64]:
    """Return what is learned from: accounts, their labels and weights."""
    rows = np.flatnonzero(known >= 0)
    if (known == 0).any() or not len(rows):
        return rows, known[rows], np.ones(len(rows))
    others = np.flatnonzero(known < 0)
    count = min(STAND_INS * len(rows), MOST_STAND_INS, len(others))
    chosen = np.sort(np.random.default_rng(0).choice(others, count, replace=False))
    label = np.concatenate([np.ones(len(rows), np.int64), np.zeros(count, np.int64)])
    return np.concatenate([rows, chosen]), label, np.concatenate([np.ones(len(rows)), 1.0 - expit(odds[chosen])])


def _features(graph: SocialGraph, items: sp.csr_matrix, odds: Float64, parts: dict[str, Float64]) -> Float64:
    """Return what labels may turn out to speak of, (U, N)."""
    users = len(odds)
    friends = graph.friends()
    degree, used = np.diff(friends.indptr).astype(np.float64), np.log1p(np.diff(items.indptr))
    part = connected_components(friends, directed=False)[1]
    columns = [*parts.values(), np.log1p(degree), used, np.log(np.bincount(part)[part])]
    columns += [_mean(friends, each) for each in (np.log1p(degree), used, odds)]
    if graph.directed:
        columns += [np.log1p(np.bincount(graph.edges[:, end], minlength=users)) for end in (0, 1)]
    return np.stack(columns, axis=1)


class _Around:
    """Which accounts are near which: by edges, and by what they use."""

    def __init__(self, graph: SocialGraph, items: sp.csr_matrix) -> None:
        self.friends, self.items = graph.friends(), items
        self.users_of = sp.csr_matrix(items.T)

    def labels(self, known: Int64) -> Float64:
        """Return how many labelled fakes and real ones are around each account, (U, 4), as logarithms."""
        columns = []
        for sort in (1, 0):
            seeds = (known == sort).astype(np.float64)
            near, here = np.zeros(len(known)), seeds
            for _ in range(STEPS):
                here = FADES * _mean(self.friends, here)
                near += here
            shared = _mean(self.items, _mean(self.users_of, seeds))
            columns += [np.log(each + 1e-4) for each in (near, shared)]
        return np.stack(columns, axis=1)


def _mean(matrix: sp.csr_matrix, values: Float64) -> Float64:
    """Return the mean of ``values`` over the entries of each row; 0 for empty rows."""
    total = np.maximum(np.asarray(matrix.sum(axis=1)).ravel(), 1e-9)
    return np.asarray(matrix @ values / total, np.float64)


def _learned(
    plain: Float64, around: _Around, odds: Float64, *, known: Int64, rows: Int64, label: Int64, weight: Float64
) -> Float64:
    """Return the log odds (U,) learned from examples: accounts ``rows`` with their labels and weights."""
    # Only here: scores without labels do without scikit-learn.
    from sklearn.linear_model import LogisticRegression

    fold = np.random.default_rng(1).permutation(len(rows)) % FOLDS
    near = around.labels(known)
    x = np.concatenate([plain, near], axis=1)
    for held in range(FOLDS):
        without = known.copy()
        without[rows[fold == held]] = -1
        x[rows[fold == held], plain.shape[1] :] = around.labels(without)[rows[fold == held]]
    x = (x - x.mean(axis=0)) / np.maximum(x.std(axis=0), 1e-6)
    x = np.concatenate([FREE * odds[:, None], x], axis=1)

    def fitted(strength: float, chosen: Int64) -> LogisticRegression:
        model = LogisticRegression(C=strength, max_iter=1000)
        return model.fit(x[rows[chosen]], label[chosen], sample_weight=weight[chosen])

    def surprise(strength: float) -> float:
        """Return the negative log likelihood of what was left out."""
        lost = 0.0
        for held in range(FOLDS):
            left, learned = np.flatnonzero(fold == held), np.flatnonzero(fold != held)
            if len(set(label[learned])) < 2:
                continue
            z = fitted(strength, learned).decision_function(x[rows[left]])
            lost += float((weight[left] * np.logaddexp(0.0, np.where(label[left] == 1, -z, z))).sum())
        return lost

    weights = weights_of(np.array([surprise(each) for each in STRENGTHS]), np.ones(len(STRENGTHS)))
    models = [(part, fitted(each, np.arange(len(rows)))) for part, each in zip(weights, STRENGTHS, strict=True) if part]
    found = sum(part * model.decision_function(x) for part, model in models)
    return np.asarray(found + intercept_for_share(found, float(expit(odds).mean())))

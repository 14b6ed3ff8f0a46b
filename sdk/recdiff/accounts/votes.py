"""What an account's edges say of it: every edge votes, and what the other end explains does not count.

An edge of a fake account is fake. An edge between real accounts is fake with a small probability e. With the odds of
the edge's score against the usual odds as its likelihood ratio R, and the other end fake with probability p, an edge's
vote is

    log R - log(R f + 1 - f),    f = p + (1 - p) e:

near log R where the other end is real, near 0 where the other end is fake and explains the edge. The votes of one
account are far from independent, so d of them count as sqrt(d); and what accounts of like degree get is taken out.

Letters: U users, E edges.
"""

from __future__ import annotations

import numpy as np
from scipy.special import logit

from recdiff.arrays import Float32, Float64, Int64

LEAST_CHANCE = 1e-4
MOST_RATIO = 4.0
"""Of a single edge, as a logarithm."""
LEAST_SHARE = 0.005
SCALES = 2
"""Groups of degrees per doubling in which accounts are compared."""
NEIGHBOURS = 20.0
"""Accounts of like degree that count as much as all accounts together."""


def votes(edges: Int64, scores: Float32, chance: Float64, member: Int64) -> Float64:
    """Return what the edges (E, 2) with their fake ``scores`` (E,) say of each account, (U,): log odds.

    Args:
        chance: (U,) the probability that each account is fake, as far as is known.
        member: (U,) number of each account's group, -1 for none; the group speaks for the edges inside.
    """
    usual = float(np.clip(scores.mean(), LEAST_SHARE, 0.5))
    inside = (member[edges[:, 0]] == member[edges[:, 1]]) & (member[edges[:, 0]] >= 0)
    degree = np.bincount(edges.ravel(), minlength=len(chance))
    edges, scores = edges[~inside], scores[~inside]
    score = np.clip(scores.astype(np.float64), LEAST_CHANCE, 1.0 - LEAST_CHANCE)
    ratio = np.exp(np.clip(logit(score) - logit(usual), -MOST_RATIO, MOST_RATIO))
    total = np.zeros(len(chance))
    for end in (0, 1):
        explained = chance[edges[:, 1 - end]]
        explained = explained + (1.0 - explained) * usual
        vote = np.log(ratio) - np.log(ratio * explained + 1.0 - explained)
        total += np.bincount(edges[:, end], vote, minlength=len(chance))
    return total / np.sqrt(np.maximum(degree, 1))


def beyond_degree(values: Float64, degree: Int64) -> Float64:
    """Return ``values`` (U,) less their mean over accounts of like ``degree`` (U,), where that is above the mean."""
    scale = np.rint(SCALES * np.log2(degree + 1.0)).astype(np.int64)
    count, total = np.bincount(scale), np.bincount(scale, values)
    overall = values.mean()
    usual = (total + NEIGHBOURS * overall) / (count + NEIGHBOURS)
    return np.asarray(values - usual[scale])

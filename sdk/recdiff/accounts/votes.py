"""What an account's edges say of it: every edge votes, and what the other end explains does not count.

An edge of a fake account is fake. An edge between real accounts is fake with a small probability e. With the odds of
the edge's score against the usual odds as its likelihood ratio R, and the other end fake with probability p, an edge's
vote is

    log R - log(R f + 1 - f),    f = p + (1 - p) e:

near log R where the other end is real, near 0 where the other end is fake and explains the edge; e is found from what
fake ends do not explain. The votes of one account are far from independent: of d, their mean counts as often as
sqrt(10 d / (10 + d)); and what rises or falls with the degree is taken out.

Letters: U users, E edges, G groups.
"""

from __future__ import annotations

import numpy as np
from scipy.special import logit

from recdiff.arrays import Float32, Float64, Int64, Mask

LEAST_CHANCE = 1e-4
MOST_RATIO = 4.0
"""Of a single edge, as a logarithm."""
ENOUGH = 10.0
"""Votes beyond which more of them hardly say more."""


def votes(edges: Int64, scores: Float32, chance: Float64, member: Int64) -> Float64:
    """Return what the edges (E, 2) with their fake ``scores`` (E,) say of each account, (U,): log odds.

    Args:
        chance: (U,) the probability that each account is fake, as far as is known.
        member: (U,) number of each account's group, -1 for none; the group speaks for the edges inside.
    """
    inside = _inside(edges, member)
    degree = np.bincount(edges.ravel(), minlength=len(chance))
    ratio = np.exp(log_ratios(scores)[~inside])
    edges, score = edges[~inside], _bounded(scores[~inside])
    honest = (1.0 - chance[edges]).prod(axis=1)
    alone = float((score * honest).sum() / max(float(honest.sum()), 1e-9)) if len(edges) else 0.0
    total = np.zeros(len(chance))
    for end in (0, 1):
        explained = chance[edges[:, 1 - end]]
        explained = explained + (1.0 - explained) * alone
        vote = np.log(ratio) - np.log(ratio * explained + 1.0 - explained)
        total += np.bincount(edges[:, end], vote, minlength=len(chance))
    return counted(total, degree)


def together(edges: Int64, scores: Float32, member: Int64, groups: int) -> Float64:
    """Return what the edges inside each group say of all its members together, (G,): log odds.

    Its members are taken to be all fake or all real, so that none of them explains an edge to another.
    """
    inside = _inside(edges, member)
    own = member[edges[inside, 0]]
    total = np.asarray(np.bincount(own, log_ratios(scores)[inside], minlength=groups), np.float64)
    return counted(total, np.bincount(own, minlength=groups))


def log_ratios(scores: Float32) -> Float64:
    """Return the log of R of each edge, (E,): the odds of its score against the usual odds."""
    usual = float(np.clip(scores.mean(), LEAST_CHANCE, 0.5)) if len(scores) else 0.5
    return np.asarray(np.clip(logit(_bounded(scores)) - logit(usual), -MOST_RATIO, MOST_RATIO))


def counted(total: Float64, count: Int64) -> Float64:
    """Return ``total`` votes as what they say together: the mean of n = ``count`` votes, sqrt(10 n / (10 + n))-fold."""
    return np.asarray(total / np.maximum(count, 1) * np.sqrt(ENOUGH * count / (ENOUGH + count)))


def _inside(edges: Int64, member: Int64) -> Mask:
    return np.asarray((member[edges[:, 0]] == member[edges[:, 1]]) & (member[edges[:, 0]] >= 0))


def _bounded(scores: Float32) -> Float64:
    return np.clip(scores.astype(np.float64), LEAST_CHANCE, 1.0 - LEAST_CHANCE)


def beyond_degree(values: Float64, degree: Int64, real: Float64) -> Float64:
    """Return ``values`` (U,) less what a line through them over log ``degree`` (U,) rises or falls by.

    Args:
        real: (U,) the probability that each account is real, its weight: fakes must not excuse each other.
    """
    size = np.log1p(degree)
    there = real * (degree > 0)
    if not there.any():
        return values
    middle, usual = np.average(size, weights=there), np.average(values, weights=there)
    spread = np.average((size - middle) ** 2, weights=there)
    slope = np.average((size - middle) * (values - usual), weights=there) / max(float(spread), 1e-9)
    return np.asarray(values - np.where(degree > 0, slope * (size - middle), 0.0))

"""How odd an edge is, whatever a fake may be: what fakes of no known kind are told by.

Networks know the kinds that they were taught, and order other fakes by chance. Edges of no known kind are therefore
weighed by a few numbers that all real edges share, and nothing is learned: improper linear models lose little, and
nothing where the world changes (Dawes, 1979). With x an edge's features out of its fold, standardised over all edges,

    log p_odd / p_real = c - 1/2 sum_i x_i + 2 max(v(src), v(dst)),
    v(u) = sum_e h_e / (n(u) + 6),     h_e = -1/2 sum_j x_j clipped to +-3, less its median,

i over the degrees of the ends and of their friends, the cosine of their places in the graph and the denoiser's
evidence; j over the last two alone. The sum in v goes over the n(u) other edges of u: accounts that were made for it
are in odd company everywhere, and the targets of bought edges too. c makes the mean of p_odd / p_real 1.

Where edges have directions, who answers whom says more and is added to every kind. What is above takes from it on
labelled distrust (bitcoin_alpha 0.80 to 0.75, wiki_rfa 0.60 to 0.57), so there p_odd / p_real is 1, and company is
left to labels.

Letters: U users, E edges, N pair features, K folds.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from recdiff.arrays import Float32, Float64, Mask
from recdiff.scorer.pair_scorer import PairTerm
from recdiff.scorer.round import Round, each_edge
from recdiff.scorer.setup import Setup
from recdiff.scorer.table import COMPANY

WEIGHT, BY_COMPANY = 0.5, 2.0
ENDS = 2
"""Terms of the ends where edges have no direction; else each end has its own."""
NEUTRAL = 6.0
"""Edges that speak for nothing, beside those of a user."""
FARTHEST = 3.0
USUAL, FADING, FADING_SOON = 0.1, 0.06, 0.03
"""Share of fakes of no known kind where none of a known one are found, and the share of those by which it fades: the
more is found, the less is left to be explained. It fades sooner where half of the graph bore out what was found."""
LEAST_ODD = 0.004
OF_FOUND, LEAST_DIRECTED = 0.25, 0.001
"""The same where edges have directions: that part of those found, and at least so much."""


@dataclass(frozen=True, eq=False)
class Oddity:
    """A linear function of the inputs: log p_odd / p_real = x . weights + constant.

    Attributes:
        weights: (N,), of inputs as networks take them.
    """

    weights: Float32
    constant: float

    @classmethod
    def of(cls, setup: Setup, made: Round) -> Oddity:
        """Measure the edges, and fill in the company of the users in the tables of ``made``."""
        terms, weight, apart = _read(made)
        places = made.places(terms)
        mean, spread = _moments(each_edge(setup, made, terms, _moment))
        slope = torch.as_tensor(weight).to(spread.device) / spread
        near = torch.as_tensor(apart).to(spread.device)
        odd, far = (torch.empty(setup.pool.observed, dtype=torch.float64, device=setup.device) for _ in range(2))

        def take(_: int, rows: Tensor, inputs: Tensor) -> None:
            parts = (inputs.double() - mean) * slope
            odd.index_copy_(0, rows, parts.sum(dim=1))
            far.index_copy_(0, rows, parts[:, near].sum(dim=1).clamp(-FARTHEST, FARTHEST))

        each_edge(setup, made, terms, take)
        odd += BY_COMPANY * _filled(setup, made, far.sub_(far.median()))
        constant = math.log(len(odd)) - float(torch.logsumexp(odd, dim=0)) - float(mean @ slope)
        weights = np.zeros(len(made.mean), np.float32)
        if setup.graph.directed:
            return cls(weights, 0.0)
        weights[places] = slope.cpu().numpy()
        weights[made.places([_company(made)])] = -BY_COMPANY
        return cls(weights, constant)


def share_of_odd(found: Float64, directed: bool, fading: float) -> Float64:
    """Return the usual share (N,) of fakes of no known kind where those of known ones are ``found`` (N,).

    Args:
        fading: by which share found it fades.
    """
    if directed:
        return np.maximum(OF_FOUND * found, LEAST_DIRECTED)
    return np.maximum(USUAL * np.exp(-found / fading), LEAST_ODD)


def _read(made: Round) -> tuple[tuple[PairTerm, ...], Float64, Mask]:
    """Return the terms that are read, what each counts for, and which of them say how near the ends are."""
    at, known = made.encodings.at, set(made.terms)
    ends = [PairTerm(how, at[name], at[name]) for name in ("degree", "near") for how in ("sum", "src", "dst")]
    ends = [term for term in ends if term in known]
    each = 1.0 if len(ends) == ENDS else math.sqrt(0.5)
    levels = sorted(name for name in at if name.startswith("joint"))
    near = [PairTerm("dot", at["unit"], at["unit"])]
    near += [PairTerm("split", at[name], at[name.replace("joint", "apart")]) for name in levels]
    counts = np.array([each] * len(ends) + [1.0] * len(near))
    return (*ends, *near), -WEIGHT * counts, np.arange(len(counts)) >= len(ends)


def _company(made: Round) -> PairTerm:
    return PairTerm("low", made.encodings.at[COMPANY], made.encodings.at[COMPANY])


def _moment(_: int, rows: Tensor, inputs: Tensor) -> tuple[int, Tensor, Tensor]:
    """Return the number of ``inputs`` (B, n), their mean (n,) and the sum of squares about it (n,)."""
    wide = inputs.double()
    mean = wide.mean(dim=0)
    return len(rows), mean, (wide - mean).square().sum(dim=0)


def _moments(blocks: Sequence[tuple[int, Tensor, Tensor]]) -> tuple[Tensor, Tensor]:
    """Return mean and standard deviation (n,) of all inputs, from what ``_moment`` says of blocks of them."""
    (count, mean, square), *further = (each for each in blocks if each[0])
    for more, other, others in further:
        gap, part = other - mean, more / (count + more)
        mean, square = mean + gap * part, square + others + gap**2 * (count * part)
        count += more
    return mean, (square / count).sqrt() + 1e-6


def _filled(setup: Setup, made: Round, apart: Tensor) -> Tensor:
    """Fill in ``company``, -v, and return max(v(src), v(dst)) of each edge (E,), both from other edges ``apart`` (E,).

    Edges of an edge's own fold are left out with it, as they are in the table that it is scored by.
    """
    encodings, worst, edges, fold = made.encodings, torch.zeros_like(apart), setup.edges, setup.edge_fold
    total, count = _summed(setup, edges, apart)
    for held, table in enumerate(encodings.tables):
        rows = (fold == held).nonzero().squeeze(1)
        ends = edges.index_select(0, rows)
        less, fewer = _summed(setup, ends, apart.index_select(0, rows))
        company = (total - less) / (count - fewer + NEUTRAL)
        table[:, slice(*encodings.at[COMPANY])] = -company[:, None]
        worst[rows] = torch.maximum(company.index_select(0, ends[:, 0]), company.index_select(0, ends[:, 1]))
    return worst


def _summed(setup: Setup, edges: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
    """Return the sum of ``values`` (B,) over the edges (B, 2) of each user, and their number, (U,) both."""
    users = setup.graph.num_users
    total, count = values.new_zeros(users), torch.zeros(users, dtype=torch.int64, device=values.device)
    for ends in edges.T:
        total.index_add_(0, ends, values)
        count += torch.bincount(ends, minlength=users)
    return total, count

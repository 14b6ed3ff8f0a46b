"""Squared error over all user-item pairs, without visiting them: no negatives are drawn.

Letters: U users, I items, N = U + I nodes, R observed interactions, D embedding width, c background weight; Z rows of
the nodes, users first; s = u.v of a user's and an item's row.

Loss = c sum_{all pairs} s^2 + sum_{observed} ((1 - c) s^2 - 2 s): unobserved pairs should score 0 and count c,
observed ones should score 1 and count 1 (the constant R is left out). The first sum equals c <V_u^T V_u, V_i^T V_i>, so
one pass costs O(R D + N D^2) (Hu et al., 2008; Chen et al., 2020).
"""

from __future__ import annotations

import torch
from torch import Tensor

from recdiff.graph.sparse import dots, row_parts, times, with_values


def loss(observed: Tensor, rows: Tensor, users: int, background: float) -> Tensor:
    """Return the loss, a scalar, of ``rows`` Z (N, D) of which the first ``users`` are users'."""
    scores = dots(observed, rows, rows)
    everywhere = ((rows[:users].T @ rows[:users]) * (rows[users:].T @ rows[users:])).sum()
    return background * everywhere + ((1 - background) * scores.square() - 2 * scores).sum() / 2


def gradient(observed: Tensor, rows: Tensor, users: int, background: float, out: Tensor | None = None) -> Tensor:
    """Return the derivative of ``loss`` by ``rows``, (N, D); ``out`` (N, D) is overwritten with it."""
    return own_gradient(
        observed, rows, everyone=rows, users=users, squares=squares(rows, users), background=background, out=out
    )


def squares(rows: Tensor, users: int) -> Tensor:
    """Return V_u^T V_u and V_i^T V_i, (2, D, D), of ``rows`` of which the first ``users`` are users'."""
    return torch.stack([side.T @ side for side in (rows[:users], rows[users:])])


def own_gradient(
    observed: Tensor,
    own: Tensor,
    *,
    everyone: Tensor,
    users: int,
    squares: Tensor,
    background: float,
    out: Tensor | None = None,
) -> Tensor:
    """Return the derivative of ``loss`` by some nodes' rows ``own``, (B, D).

    Args:
        observed: (B, N) CSR, the observed pairs of these nodes.
        everyone: (N, D) rows of all nodes.
        users: how many of these nodes, the first ones, are users.
        squares: those of all nodes, (2, D, D).
        out: (B, D), overwritten with what is returned.
    """
    found = torch.empty_like(own) if out is None else out
    for rows, part in row_parts(observed):
        scores = dots(part, own[rows], everyone)
        times(with_values(part, scores.mul_(2 * (1 - background)).sub_(2)), everyone, out=found[rows])
        boundary = min(max(users, rows.start), rows.stop)
        for side, other in ((slice(rows.start, boundary), squares[1]), (slice(boundary, rows.stop), squares[0])):
            found[side].addmm_(own[side], other, alpha=2 * background)
    return found

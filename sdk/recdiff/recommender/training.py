"""The loop of the default recommender's training: Adam over whole passes, stopped and chosen on validation."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import scipy.sparse as sp
import torch
from torch import Tensor

from recdiff.arrays import Float32
from recdiff.config.recommender import RecommenderConfig
from recdiff.metrics.selection import Best

# Judges node rows (N, D), users first; larger is better.
RowJudge = Callable[[Float32], float]
# Passes where there is no validation to choose them by: about as many as it chose on the graphs measured.
BLIND_STEPS = 50


@dataclass(frozen=True, eq=False)
class Trial:
    """What one training led to.

    Attributes:
        table: at the evaluation that validation likes best, or after the last pass where nothing judges.
        value: of that evaluation, 0 where nothing judges.
        history: one row per evaluation: step, validation.
    """

    table: Tensor
    value: float
    history: tuple[dict[str, float], ...]


# Trains somewhere else: settings, interactions (U, A), edges (U, U), what judges (None: nothing), seed.
Trainer = Callable[[RecommenderConfig, sp.csr_matrix, sp.csr_matrix, RowJudge | None, int], Trial]


@torch.no_grad()
def descend(
    config: RecommenderConfig,
    first: Tensor,
    gradient: Callable[[Tensor], Tensor],
    judge: Callable[[Tensor], float] | None,
) -> Trial:
    """Train from the table ``first``, which is overwritten.

    Args:
        gradient: returns the objective's derivative by the table.
        judge: returns how good a table is on validation; None: take the table after the last pass.
    """
    table = torch.nn.Parameter(first)
    optimiser = torch.optim.Adam([table], lr=config.learning_rate, fused=True)
    best, history = Best(table.detach().clone()), list[dict[str, float]]()
    for step in range(1, config.steps + 1):
        table.grad = gradient(table)
        optimiser.step()
        if judge is None or (step % config.evaluate_every and step < config.steps):
            continue
        value = judge(table)
        if best.offer(value):
            best.kept = table.detach().clone()
        history.append({"step": step, "validation": value})
        if best.waited >= config.patience:
            break
    if judge is None:
        return Trial(table.detach(), 0.0, ())
    return Trial(best.kept, best.value, tuple(history))

"""How a model is chosen on validation: what is measured, what is kept, and when to stop."""

from __future__ import annotations

from typing import Generic, TypeVar

import scipy.sparse as sp

from recdiff.arrays import Int64
from recdiff.metrics.ranking import Score, rank

Kept = TypeVar("Kept")
JUDGED = ("recall@20", "ndcg@20")


def validation_value(
    score: Score, train: sp.csr_matrix, validation: sp.csr_matrix, sample: Int64 | None = None
) -> float:
    """Return recall@20 + ndcg@20 on ``validation`` (U, I), items of ``train`` left out.

    Args:
        sample: users to judge by; None: all.
    """
    means = rank(score, train, validation, (20,), sample).means()
    return sum(means[name] for name in JUDGED)


class Best(Generic[Kept]):
    """What validation likes best so far: ``if best.offer(value): best.kept = ...``.

    Attributes:
        kept: what the caller kept at the best evaluation; ``first`` before any.
        value: of that evaluation.
        waited: evaluations since it.
    """

    def __init__(self, first: Kept, value: float = float("-inf"), waited: int = 0) -> None:
        self.kept, self.value, self.waited = first, value, waited

    def offer(self, value: float) -> bool:
        """Take note of an evaluation and tell whether no other was as good."""
        better = value > self.value
        self.value, self.waited = (value, 0) if better else (self.value, self.waited + 1)
        return better

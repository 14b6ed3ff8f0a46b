"""How a model is chosen on validation: what is measured, what is kept, and when to stop."""

from __future__ import annotations

from collections.abc import Callable
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
    """What validation likes best so far.

    Attributes:
        kept: what was kept at the best evaluation; ``first`` before any.
        value: of that evaluation.
        waited: evaluations since it.
    """

    def __init__(self, first: Kept) -> None:
        self.kept, self.value, self.waited = first, float("-inf"), 0

    def offer(self, value: float, keep: Callable[[], Kept]) -> None:
        """Take note of an evaluation; keep what ``keep`` returns, called at once, where no other was as good."""
        self.waited += 1
        if value > self.value:
            self.kept, self.value, self.waited = keep(), value, 0

"""A system that was fitted to be compared, and how validation saw its fit."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from recdiff.baselines.task import Judge
from recdiff.metrics.ranking import Score


@dataclass
class History:
    """The validation scores of a fit, with the training seconds that led there (judging not counted)."""

    judge: Judge
    every: int
    rows: list[dict[str, float]] = field(default_factory=list)
    began: float = field(default_factory=time.perf_counter)
    judged: float = 0.0

    def __call__(self, score: Score) -> float:
        """Judge ``score`` after ``every`` more epochs."""
        seconds = self.seconds
        start = time.perf_counter()
        value = self.judge(score)
        self.judged += time.perf_counter() - start
        self.rows.append({"epoch": self.every * (len(self.rows) + 1), "validation": value, "seconds": seconds})
        return value

    @property
    def best(self) -> float:
        """The highest validation score so far."""
        return max(row["validation"] for row in self.rows)

    @property
    def seconds(self) -> float:
        """Seconds of training so far."""
        return time.perf_counter() - self.began - self.judged


@dataclass(frozen=True)
class Contender:
    """A model that was fitted to be compared.

    Attributes:
        score: all items for some users.
        history: epoch, validation and seconds of each evaluation; a single one for models without epochs.
        seconds: of training, without judging.
        validation: the score of what was chosen.
    """

    score: Score
    history: list[dict[str, float]]
    seconds: float
    validation: float

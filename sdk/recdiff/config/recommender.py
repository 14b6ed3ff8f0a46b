"""Settings of the default recommender, importable without torch."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class RecommenderConfig:
    """Settings of the default recommender.

    Attributes:
        width: D.
        layers: L.
        tie_weight: w, the weight of a tie beside an interaction.
        background: weight of an unobserved pair beside an observed one.
        regularisation: weight of |X|^2.
        learning_rate: of Adam.
        steps, evaluate_every, patience: at most so many passes; evaluations that may go by without gain.
        search: choose regularisation, tie_weight and layers on validation, starting from those given.
    """

    width: int = 64
    layers: int = 2
    tie_weight: float = 0.3
    background: float = 0.1
    regularisation: float = 1.0
    learning_rate: float = 0.02
    steps: int = 150
    evaluate_every: int = 5
    patience: int = 4
    search: bool = True

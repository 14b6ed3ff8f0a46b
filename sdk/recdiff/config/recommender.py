"""Settings of the default recommender, importable without torch."""

from __future__ import annotations

from dataclasses import dataclass

from recdiff.config.bounds import expect


@dataclass(frozen=True)
class RecommenderConfig:
    """Settings of the default recommender.

    Attributes:
        width: D.
        layers: L.
        tie_weight: w, the weight of an edge beside an interaction.
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

    def __post_init__(self) -> None:
        """Refuse what makes no sense.

        Raises:
            UsageError: naming the setting.
        """
        expect(self, "recommender.", ("width", "layers", "steps", "evaluate_every", "patience"), least=1)
        expect(self, "recommender.", ("tie_weight", "regularisation"), least=0)
        expect(self, "recommender.", ("background",), above=0, most=1)
        expect(self, "recommender.", ("learning_rate",), above=0)

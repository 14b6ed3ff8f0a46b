"""The settings of the scorer, by the step they belong to. Nothing here needs torch."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from recdiff.config.bounds import expect

Denoising = Literal["diffusion", "autoencoder", "identity", "none"]


@dataclass(frozen=True)
class TableConfig:
    """What the columns hold.

    Attributes:
        positive, negative: eigenvectors from either end of the spectrum.
        singular: singular vectors of a directed graph.
        ridge: added to the degrees, as a share of their mean.
        taste: TF-IDF directions.
        iterations: of the subspaces behind eigenvectors and singular vectors.
        more_iterations: of eigenvectors that continue from those of a graph with the same edges, otherwise weighted.
    """

    positive: int = 32
    negative: int = 8
    singular: int = 24
    ridge: float = 0.1
    taste: int = 16
    iterations: int = 10
    more_iterations: int = 3

    def __post_init__(self) -> None:
        """Refuse what makes no sense."""
        expect(self, "scorer.table.", ("positive", "singular", "taste", "iterations", "more_iterations"), least=1)
        expect(self, "scorer.table.", ("negative", "ridge"), least=0)


@dataclass(frozen=True)
class EvidenceConfig:
    """How the denoiser is built and trained.

    Attributes:
        denoising: "diffusion", or an ablation: "autoencoder" (one noise level), "identity" (h(x_t, t) is the best
            multiple of x_t, so nothing is learned about single users), "none" (no evidence at all).
        steps: T; noise to signal, as standard deviations, runs evenly on a log scale from ``noise_low`` to
            ``noise_high``.
        levels: noise-to-signal ratios at which evidence is taken, each at the nearest step.
        walk_from: the noise-to-signal ratio at which the reverse walk starts.
        hidden: H; condition_width: R.
        dropped: share of the rows whose condition is dropped.
        epochs, batch_size, learning_rate: of training on the ends of edges.
        least_steps: as many more epochs as it takes to make this many steps; small graphs have few batches.
        by_heart: of fewer ties a denoiser knows each one by heart, so no tie is seen by one that it was learned from.
    """

    denoising: Denoising = "diffusion"
    steps: int = 20
    noise_low: float = 0.1
    noise_high: float = 4.0
    levels: tuple[float, ...] = (1.0, 2.5)
    walk_from: float = 0.7
    hidden: int = 96
    condition_width: int = 8
    dropped: float = 0.3
    epochs: int = 5
    batch_size: int = 1024
    learning_rate: float = 3e-3
    least_steps: int = 300
    by_heart: int = 10_000

    def __post_init__(self) -> None:
        """Refuse what makes no sense."""
        section = "scorer.evidence."
        expect(self, section, ("steps",), least=2)
        expect(self, section, ("hidden", "condition_width", "epochs", "batch_size"), least=1)
        expect(self, section, ("noise_low", "noise_high", "walk_from", "learning_rate"), above=0)
        expect(self, section, ("dropped",), least=0, most=1)
        expect(self, section, ("least_steps", "by_heart"), least=0)


@dataclass(frozen=True)
class ClassifierConfig:
    """How the class network is built and trained.

    Attributes:
        hidden: widths of the SiLU layers.
        epochs, batch_size, learning_rate, weight_decay: of AdamW with a one-cycle pace.
        least_steps: as many more epochs as it takes to make this many steps; small graphs have few batches.
        smoothing: of labels, which bounds the density ratios: nobody is fake beyond doubt by what few samples say.
    """

    hidden: tuple[int, ...] = (32, 16)
    epochs: int = 6
    batch_size: int = 2048
    learning_rate: float = 3e-3
    weight_decay: float = 1e-4
    least_steps: int = 400
    smoothing: float = 0.0

    def __post_init__(self) -> None:
        """Refuse what makes no sense."""
        section = "scorer.classifier."
        expect(self, section, ("epochs", "batch_size"), least=1)
        expect(self, section, ("learning_rate",), above=0)
        expect(self, section, ("weight_decay", "least_steps"), least=0)
        expect(self, section, ("smoothing",), least=0, below=1)


@dataclass(frozen=True)
class MixtureConfig:
    """How the shares of the kinds are read.

    Attributes:
        draws: of shares; moves: of each draw at every temperature.
        smallest_region: a region holds at least this share of its kinds, and more where there are few edges: as much
            as ``least_counted`` edges are of all.
        account_region: the same for planted kinds. What is planted is of many sorts; a group that is there need be like
            half of it at most.
        regions: how many per mixture of kinds, evenly spaced on a log scale.
        rows: pairs per class that regions are counted on, at most.
        halved_from: so many edges are also read in half of the graph. Half of fewer leaves users next to no friends.
        doubt: standard errors by which a region's count of observed edges may be too low.
        least_error, relative_error: standard error of a bound: so much, and so much of the bound; besides, that of
            counting the edges in a region that holds ``counted_region`` of the kinds.
    """

    draws: int = 3_000
    moves: int = 24
    smallest_region: float = 0.03
    account_region: float = 0.5
    least_counted: int = 200
    regions: int = 30
    rows: int = 100_000
    least_error: float = 0.008
    relative_error: float = 0.08
    counted_region: float = 0.3
    halved_from: int = 10_000
    doubt: float = 2.0

    def __post_init__(self) -> None:
        """Refuse what makes no sense."""
        section = "scorer.mixture."
        expect(self, section, ("draws", "regions", "rows", "least_counted"), least=1)
        expect(self, section, ("smallest_region", "account_region", "counted_region"), above=0, most=1)
        expect(self, section, ("moves", "least_error", "relative_error", "doubt", "halved_from"), least=0)

    def smallest_for(self, edges: int) -> float:
        """Return which share of its kinds the smallest region holds."""
        return min(max(self.smallest_region, self.least_counted / edges), 0.5)


FOLDS, FEW_FOLDS = 10, 3
FEWEST_EDGES = 50
MANY_EDGES = 1_000_000
"""Larger graphs are encoded without a third at a time instead of a tenth, and only once from scratch; evidence is taken
in the last round alone."""
ENOUGH_EDGES = 12_000
MOST_DIVISIONS = 4
FEW_EDGES = 4_000
"""On smaller graphs a network without hidden layers learns more than one with them."""


@dataclass(frozen=True)
class ScorerConfig:
    """Settings of the scorer.

    Attributes:
        folds: K, or None: what ``folds_for`` says.
        divisions: into folds, over which scores are averaged, or None: what ``divisions_for`` says.
        planted_share: planted edges per kind that brings accounts along, as a share of the edges.
        least_pairs, most_pairs: non-edges per class to learn from; edges and planted edges at most ``most_pairs``.
        rounds: encodings of the graph, each weighted by what the one before found, or None: what ``rounds_for`` says.
        continued: whether a later one continues from the eigenvectors before, with few iterations, and only the last
            one takes evidence; None: for graphs of many edges.
        worthwhile: no further round where less than this share of fakes was found: the weights would all be 1.
        table, evidence, mixture: of the columns, the denoiser and the shares.
        classifier, few: of the network over pairs, on graphs of many edges and of few.
        accounts, rings: of the networks over accounts. Rings are of all sorts, of which a few are planted, so theirs
            learns more slowly.
    """

    folds: int | None = None
    divisions: int | None = None
    planted_share: float = 0.05
    least_pairs: int = 10_000
    most_pairs: int = 100_000
    rounds: int | None = None
    continued: bool | None = None
    worthwhile: float = 0.02
    table: TableConfig = field(default_factory=TableConfig)
    evidence: EvidenceConfig = field(default_factory=EvidenceConfig)
    classifier: ClassifierConfig = field(default_factory=ClassifierConfig)
    accounts: ClassifierConfig = field(
        default_factory=lambda: ClassifierConfig(hidden=(16, 8), epochs=4, least_steps=300, smoothing=0.05)
    )
    rings: ClassifierConfig = field(
        default_factory=lambda: ClassifierConfig(
            hidden=(16, 8), epochs=4, learning_rate=1e-3, least_steps=300, smoothing=0.05
        )
    )
    few: ClassifierConfig = field(
        default_factory=lambda: ClassifierConfig(hidden=(), epochs=10, weight_decay=1e-2, least_steps=300)
    )
    mixture: MixtureConfig = field(default_factory=MixtureConfig)

    def __post_init__(self) -> None:
        """Refuse what makes no sense; None leaves a setting to the number of edges.

        Raises:
            UsageError: naming the setting.
        """
        expect(self, "scorer.", ("folds",), least=2)
        expect(self, "scorer.", ("divisions", "rounds", "least_pairs", "most_pairs"), least=1)
        expect(self, "scorer.", ("planted_share",), above=0, most=1)
        expect(self, "scorer.", ("worthwhile",), least=0)

    @property
    def least_edges(self) -> int:
        """How many edges there must be to learn from."""
        return max(FEWEST_EDGES, self.folds or 0)

    def folds_for(self, edges: int) -> int:
        """Return K: as set, or 10, and 3 for many edges."""
        return self.folds or (FOLDS if edges <= MANY_EDGES else FEW_FOLDS)

    def divisions_for(self, edges: int) -> int:
        """Return how many divisions into folds are averaged: as set, or more the smaller the graph."""
        return self.divisions or min(MOST_DIVISIONS, max(1, round(ENOUGH_EDGES / max(edges, 1))))

    def rounds_for(self, edges: int) -> int:
        """Return how often the graph is encoded: as set, or once where there are few edges, else twice."""
        return self.rounds or (1 if edges < FEW_EDGES else 2)

    def network_for(self, edges: int) -> ClassifierConfig:
        """Return the settings of the network over pairs."""
        return self.few if edges < FEW_EDGES else self.classifier

    def pairs_for(self, edges: int) -> int:
        """Return how many non-edges to sample per kind."""
        return min(max(edges, self.least_pairs), self.most_pairs)

    def continued_for(self, edges: int) -> bool:
        """Return whether later rounds continue: as set, or for many edges."""
        return edges > MANY_EDGES if self.continued is None else self.continued

    def planted_for(self, edges: int) -> int:
        """Return how many edges to plant per kind that brings accounts along."""
        return min(max(round(self.planted_share * edges), self.least_pairs // 20), self.most_pairs)

"""The settings of the scorer, by the step they belong to. Nothing here needs torch."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

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
        more_iterations: of eigenvectors that continue from those of a graph with the same ties, otherwise weighted.
    """

    positive: int = 32
    negative: int = 8
    singular: int = 24
    ridge: float = 0.1
    taste: int = 16
    iterations: int = 10
    more_iterations: int = 3


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
        epochs, batch_size, learning_rate: of training on the ends of ties.
        least_steps: as many more epochs as it takes to make this many steps; small graphs have few batches.
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
    epochs: int = 8
    batch_size: int = 1024
    learning_rate: float = 3e-3
    least_steps: int = 300


@dataclass(frozen=True)
class ClassifierConfig:
    """How the class network is built and trained.

    Attributes:
        hidden: widths of the SiLU layers.
        epochs, batch_size, learning_rate, weight_decay: of AdamW with a one-cycle pace.
        least_steps: as many more epochs as it takes to make this many steps; small graphs have few batches.
    """

    hidden: tuple[int, ...] = (32, 16)
    epochs: int = 10
    batch_size: int = 2048
    learning_rate: float = 3e-3
    weight_decay: float = 1e-4
    least_steps: int = 500


@dataclass(frozen=True)
class RegionsConfig:
    """Where shares are read.

    Attributes:
        smallest_region: a region holds at least this share of its kind.
        regions: how many per kind, evenly spaced on a log scale.
        doubt: standard errors by which a region's count may be exceeded.
    """

    smallest_region: float = 0.03
    regions: int = 40
    doubt: float = 1.3


@dataclass(frozen=True)
class SharesConfig(RegionsConfig):
    """How the shares of kinds that compete are read.

    Attributes:
        worthwhile: a further kind has to raise the total by this much.
    """

    worthwhile: float = 0.08


FOLDS, FEW_FOLDS = 10, 3
MANY_TIES = 1_000_000
"""Graphs of more ties are encoded without a third at a time instead of a tenth, and only once from scratch; evidence is
taken in the last round alone."""


@dataclass(frozen=True)
class ScorerConfig:
    """Settings of the scorer.

    Attributes:
        folds: K, or None: what ``folds_for`` says.
        planted_share: planted ties per kind that brings accounts along, as a share of the ties.
        most_pairs: ties, non-ties and planted ties per class to learn from, at most.
        rounds: encodings of the graph, each weighted by what the one before found.
        continued: whether a later one continues from the eigenvectors before, with few iterations, and only the last
            one takes evidence; None: for many ties.
        worthwhile: no further round where less than this share of fakes was found.
    """

    folds: int | None = None
    planted_share: float = 0.05
    most_pairs: int = 100_000
    rounds: int = 2
    continued: bool | None = None
    worthwhile: float = 0.1
    table: TableConfig = field(default_factory=TableConfig)
    evidence: EvidenceConfig = field(default_factory=EvidenceConfig)
    classifier: ClassifierConfig = field(default_factory=ClassifierConfig)
    accounts: ClassifierConfig = field(default_factory=lambda: ClassifierConfig(hidden=(8, 4)))
    shares: SharesConfig = field(default_factory=SharesConfig)
    account_shares: RegionsConfig = field(default_factory=lambda: RegionsConfig(smallest_region=0.4))

    def folds_for(self, ties: int) -> int:
        """Return K: as set, or 10, and 3 for many ties."""
        return self.folds or (FOLDS if ties <= MANY_TIES else FEW_FOLDS)

    def continued_for(self, ties: int) -> bool:
        """Return whether later rounds continue: as set, or for many ties."""
        return ties > MANY_TIES if self.continued is None else self.continued

    def planted_for(self, ties: int) -> int:
        """Return how many ties to plant per kind that brings accounts along."""
        return min(round(self.planted_share * ties), self.most_pairs)

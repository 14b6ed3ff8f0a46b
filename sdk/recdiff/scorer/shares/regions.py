"""Regions of pairs that look most like a mixture of kinds, and how well shares explain what is observed there.

Letters: B pairs, D mixtures of kinds, A regions, N draws.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations

import numpy as np

from recdiff.arrays import Float64, Int64
from recdiff.config.scorer import MixtureConfig

STEEPEST = 20.0
"""Log ratios beyond which a pair is all of one class."""
ALMOST_NONE = 1e-12
ROUNDING = 1e-3
"""Part by which densities of pairs that look the same may differ: networks round by the block."""
CUT_BY = 2_000
"""Quantiles of each kind that regions are cut by: any regions bound a share."""


def mixtures_of(kinds: int) -> list[Float64]:
    """Return the mixtures that bounds are read for: each kind, each two in halves, and all alike."""
    single = np.eye(kinds)
    pairs = [(single[a] + single[b]) / 2 for a, b in combinations(range(kinds), 2)]
    return [*single, *pairs, np.full(kinds, 1.0 / kinds)]


@dataclass(frozen=True, eq=False)
class Regions:
    """What the regions of a mixture hold: of ``count`` observed edges (A,), of each class (A, classes), of it (A,)."""

    observed: Float64
    classes: Float64
    mixture: Float64
    count: int

    def bound(self, doubt: float) -> float:
        """Return the bound on the observed edges, whose counts may be ``doubt`` standard errors too low."""
        error = np.sqrt(self.observed * (1.0 - self.observed) / self.count)
        return float(((self.observed + doubt * error) / self.mixture).min())

    @property
    def relative(self) -> Float64:
        """How much larger each class is in a region than the mixture is, (A, classes)."""
        return np.asarray(self.classes / self.mixture[:, None])


def regions_of(
    ratio: Float64,
    label: Int64,
    mixtures: list[Float64],
    *,
    classes: int,
    config: MixtureConfig,
    rng: np.random.Generator,
) -> list[Regions]:
    """Return the regions of every mixture of the ratio's kinds, which are the last of ``classes``."""
    density = np.exp(np.clip(ratio, -STEEPEST, STEEPEST))
    rows = [_at_most(np.flatnonzero(label == c), config.rows, rng) for c in range(classes + 1)]
    first = classes - ratio.shape[1] + 1
    smallest = config.smallest_for(len(rows[0]))
    found = []
    for mixture in mixtures:
        held = [np.sort(density[each] @ mixture) for each in rows]
        cuts = _cuts(held[first:], mixture, smallest, config.regions)
        above = np.stack([1.0 - np.searchsorted(each, cuts) / max(len(each), 1) for each in held], axis=1)
        within = above[:, first:] @ mixture
        found.append(Regions(above[:, 0], above[:, 1:], np.maximum(within, ALMOST_NONE), len(rows[0])))
    return found


def _cuts(kinds: list[Float64], mixture: Float64, smallest: float, count: int) -> Float64:
    """Return where the ``count`` regions begin that hold from ``smallest`` to all of a mixture, (A,).

    Args:
        kinds: the mixture's density at the pairs of each kind, in ascending order.
    """
    kinds = [each[:: max(1, len(each) // CUT_BY)] for each in kinds]
    value = np.concatenate(kinds)
    weight = np.repeat(mixture / np.array([max(len(each), 1) for each in kinds]), [len(each) for each in kinds])
    order = np.argsort(value)
    reached = np.cumsum(weight[order])
    levels = 1.0 - np.geomspace(smallest, 1.0, count)
    place = np.minimum(np.searchsorted(reached / reached[-1], levels), len(value) - 1)
    return np.asarray(value[order][place], np.float64) * (1.0 - ROUNDING)


class Likelihood:
    """How near the bounds of shares come to those observed."""

    def __init__(self, regions: list[Regions], config: MixtureConfig) -> None:
        self.regions, self.config = regions, config
        self.observed = np.array([each.bound(config.doubt) for each in regions])
        # Regions first: the minimum over them is then one of whole rows.
        self.relative = np.stack([each.relative.T for each in regions], axis=2).transpose(1, 0, 2).astype(np.float32)

    def __call__(self, shares: Float64) -> Float64:
        """Return the log likelihood (N,) of ``shares`` (N, classes)."""
        shares = shares / np.maximum(shares.sum(axis=1, keepdims=True), 1.0)
        # The bound of each mixture where nothing but these shares were observed.
        first, *others = self.relative
        narrow = shares.astype(np.float32)
        drawn = narrow @ first
        for each in others:
            np.minimum(drawn, narrow @ each, out=drawn)
        config, largest = self.config, np.maximum(self.observed, drawn)
        counted = np.sqrt(largest / (config.counted_region * self.regions[0].count))
        spread = config.least_error + config.relative_error * largest + counted
        fit: Float64 = -np.square((drawn - self.observed) / spread).sum(axis=1) / 2 - np.log(spread).sum(axis=1)
        return fit


def _at_most(rows: Int64, count: int, rng: np.random.Generator) -> Int64:
    return rows if len(rows) <= count else rng.choice(rows, count, replace=False)

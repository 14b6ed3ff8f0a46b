"""How many edges are fakes of which kind: a posterior over shares, read from how the observed edges are spread.

The observed edges are a mixture of sampled kinds and of a rest that nothing is known of:

    p_obs = (1 - sum_k t_k) p_rest + sum_k t_k p_k,     t_k = pi_k + l_k,

pi_k the share of fakes of kind k, l_k the share of real edges that look like them. A mixture d of kinds can make up at
most the part b_d of the observed edges, with regions A at the upper ends of its density ratio p_d / p_obs:

    b_d = min_A P_obs(A) / P_d(A).

Such bounds are all that the data say, and many shares agree with them (Blanchard, Lee and Scott, 2010). So shares are
drawn from a prior, the same bounds are computed from the kinds alone, and a draw counts by how near its bounds come to
those observed (importance weights, normal in the bounds). Means over the draws average over what the data cannot
decide: no kind is chosen, and none is switched off. The prior of l_k says how much of real graphs looks like a kind.

Letters: B pairs, K kinds, D mixtures of kinds, A regions, N draws.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from recdiff.config.scorer import MixtureConfig

Float64 = NDArray[np.float64]
Int64 = NDArray[np.int64]

STEEPEST = 20.0
"""Log ratios beyond which a pair is all of one class."""
ALMOST_NONE = 1e-12
GENTLER = 1.4
"""Factor by which the weights are flattened until enough draws count."""
INTERVAL = (0.05, 0.95)
LIKE_REAL = 0.01
"""How often any share of real edges looks like a kind."""


@dataclass(frozen=True, eq=False)
class Mixture:
    """A posterior over the shares of K kinds among the observed edges.

    Attributes:
        draws: (N, K) shares of fakes; alike: (N, K) of real edges that look like them; weight: (N,), sums to 1.
    """

    draws: Float64
    alike: Float64
    weight: Float64

    @property
    def shares(self) -> Float64:
        """The mean share of each kind, (K,)."""
        mean: Float64 = self.weight @ self.draws
        return mean

    @property
    def purity(self) -> Float64:
        """The mean part of fakes among the edges that look like each kind, (K,)."""
        part: Float64 = self.weight @ (self.draws / np.maximum(self.draws + self.alike, ALMOST_NONE))
        return part

    def resampled(self, count: int, rng: np.random.Generator) -> Float64:
        """Return ``count`` draws (count, K) that all count alike."""
        return self.draws[rng.choice(len(self.weight), count, p=self.weight)]


def infer_shares(
    ratio: Float64, label: Int64, natural: Sequence[float], config: MixtureConfig, rng: np.random.Generator
) -> Mixture:
    """Return the posterior over the shares of K kinds.

    Args:
        ratio: (B, K) log density ratios log p_k / p_obs of all pairs.
        label: (B,), 0 for observed edges, 1 + k for a pair sampled as kind k.
        natural: (K,) mean share of real edges that look like each kind, before the graph's own factor.
    """
    kinds = ratio.shape[1]
    shares, alike = _prior(kinds, natural, config.draws, rng)
    regions = _regions(ratio, label, _mixtures(kinds), kinds, config, rng)
    return Mixture(shares, alike, _weights(regions, shares + alike, config))


def infer_further(
    ratio: Float64,
    label: Int64,
    natural: Sequence[float],
    known: Mixture,
    config: MixtureConfig,
    rng: np.random.Generator,
) -> Mixture:
    """Return the posterior over the shares of kinds that are read beside ``known`` ones, (N, K) alone.

    Args:
        ratio: (B, K) log density ratios of the further kinds.
        label: (B,), 0 for observed edges, 1 + j for pairs of the J known kinds, 1 + J + k for the further ones.
        natural: (K,), as in ``infer_shares``.
    """
    further, before = ratio.shape[1], known.draws.shape[1]
    shares, alike = _prior(further, natural, config.draws, rng)
    regions = _regions(ratio, label, _mixtures(further), before + further, config, rng)
    whole = np.concatenate([known.resampled(config.draws, rng), shares + alike], axis=1)
    return Mixture(shares, alike, _weights(regions, whole, config))


def _prior(kinds: int, natural: Sequence[float], count: int, rng: np.random.Generator) -> tuple[Float64, Float64]:
    """Return shares of fakes and of real edges that look like them, (N, K) each.

    From none to all kinds take part, and up to three fifths of the edges are fakes. How much of a graph looks like
    fakes differs by a factor of its own, and now and then a kind cannot be told from real edges.
    """
    part = rng.gamma(1.0, 1.0, (count, kinds)) * (rng.random((count, kinds)) < rng.random((count, 1)))
    total = np.where(rng.random(count) < 0.15, 0.0, 0.6 * rng.random(count) ** 1.5)
    shares = part / np.maximum(part.sum(axis=1, keepdims=True), ALMOST_NONE) * total[:, None]
    factor = np.exp(rng.standard_normal((count, 1)))
    alike = rng.exponential(1.0, (count, kinds)) * np.asarray(natural) * factor
    return shares, np.where(rng.random((count, kinds)) < LIKE_REAL, rng.random((count, kinds)), alike)


def _mixtures(kinds: int) -> list[Float64]:
    """Return the mixtures that bounds are read for: each kind, each two in halves, and all alike."""
    single = np.eye(kinds)
    pairs = [(single[a] + single[b]) / 2 for a, b in combinations(range(kinds), 2)]
    return [*single, *pairs, np.full(kinds, 1.0 / kinds)]


@dataclass(frozen=True, eq=False)
class _Regions:
    """What the regions of a mixture hold: of ``count`` observed edges (A,), of each class (A, classes), of it (A,)."""

    observed: Float64
    classes: Float64
    mixture: Float64
    count: int

    def bound(self, doubt: float) -> float:
        """Return the bound on the observed edges, whose counts may be ``doubt`` standard errors too low."""
        error = np.sqrt(self.observed * (1.0 - self.observed) / self.count)
        return float(((self.observed + doubt * error) / self.mixture).min())

    def bounds(self, shares: Float64) -> Float64:
        """Return the bound (N,) where nothing but ``shares`` (N, classes) of the classes were observed."""
        found: Float64 = (shares @ (self.classes / self.mixture[:, None]).T).min(axis=1)
        return found


def _regions(
    ratio: Float64,
    label: Int64,
    mixtures: list[Float64],
    classes: int,
    config: MixtureConfig,
    rng: np.random.Generator,
) -> list[_Regions]:
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
        found.append(_Regions(above[:, 0], above[:, 1:], np.maximum(within, ALMOST_NONE), len(rows[0])))
    return found


def _cuts(kinds: list[Float64], mixture: Float64, smallest: float, count: int) -> Float64:
    """Return where the ``count`` regions begin that hold from ``smallest`` to all of a mixture, (A,)."""
    value = np.concatenate(kinds)
    weight = np.repeat(mixture / np.array([max(len(each), 1) for each in kinds]), [len(each) for each in kinds])
    order = np.argsort(value)
    reached = np.cumsum(weight[order])
    levels = 1.0 - np.geomspace(smallest, 1.0, count)
    place = np.minimum(np.searchsorted(reached / reached[-1], levels), len(value) - 1)
    return np.asarray(value[order][place], np.float64)


def _weights(regions: list[_Regions], shares: Float64, config: MixtureConfig) -> Float64:
    """Return how much each draw of ``shares`` (N, classes) counts, (N,)."""
    shares = shares / np.maximum(shares.sum(axis=1, keepdims=True), 1.0)
    observed = np.array([each.bound(config.doubt) for each in regions])
    drawn = np.stack([each.bounds(shares) for each in regions], axis=1)
    largest = np.maximum(observed, drawn)
    counted = np.sqrt(largest / (config.counted_region * regions[0].count))
    spread = config.least_error + config.relative_error * largest + counted
    fit = -np.square((drawn - observed) / spread).sum(axis=1) / 2 - np.log(spread).sum(axis=1)
    fit -= fit.max()
    weight = np.exp(fit)
    while weight.sum() ** 2 / np.square(weight).sum() < config.least_draws:
        fit /= GENTLER
        weight = np.exp(fit)
    even: Float64 = weight / weight.sum()
    return even


def _at_most(rows: Int64, count: int, rng: np.random.Generator) -> Int64:
    return rows if len(rows) <= count else rng.choice(rows, count, replace=False)

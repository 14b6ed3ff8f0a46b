"""How many edges are fakes of which kind: a posterior over shares, read from how the observed edges are spread.

The observed edges are a mixture of sampled kinds and of a rest that nothing is known of:

    p_obs = (1 - sum_k t_k) p_rest + sum_k t_k p_k,     t_k = pi_k + l_k,

pi_k the share of fakes of kind k, l_k the share of real edges that look like them. A mixture d of kinds can make up at
most the part b_d of the observed edges, with regions A at the upper ends of its density ratio p_d / p_obs:

    b_d = min_A P_obs(A) / P_d(A).

Such bounds are all that the data say, and many shares agree with them (Blanchard, Lee and Scott, 2010). So shares are
drawn from a prior, the same bounds are computed from the kinds alone, and a draw is as likely as its bounds are near
those observed (normal in the bounds). Draws are led from prior to posterior by tempering: they are chosen anew by
weight and moved one part at a time (sequential Monte Carlo; Del Moral, Doucet and Jasra, 2006). Means over the draws
average over what the data cannot decide: no kind is chosen, and none is switched off. The prior of l_k says how much
of real graphs looks like a kind.

Letters: B pairs, K kinds, D mixtures of kinds, A regions, N draws.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from recdiff.arrays import Float64, Int64
from recdiff.config.scorer import MixtureConfig

STEEPEST = 20.0
"""Log ratios beyond which a pair is all of one class."""
ALMOST_NONE = 1e-12
INTERVAL = (0.02, 0.98)
FACTOR_SPREAD = 1.0
"""Of how much of a graph looks like fakes: standard deviation of its logarithm."""
NO_FAKES = 0.15
"""How often a graph has none."""
MOST_FAKES = 0.6
LIKE_REAL = 0.01
"""How often any share of real edges looks like a kind."""
HEAT = (32.0, 16.0, 8.0, 4.0, 2.0, 1.0)
"""By what the log likelihood is divided, one after the other."""
ROUNDING = 1e-3
"""Part by which densities of pairs that look the same may differ: networks round by the block."""
STRIDE = 0.5
"""Standard deviation, on a log scale, of small moves."""


@dataclass(frozen=True, eq=False)
class Mixture:
    """A posterior over the shares of K kinds among the observed edges.

    Attributes:
        draws: (N, K) shares of fakes, all equally likely; alike: (N, K) of real edges that look like them.
        bound: (K,) which share of each kind the observed edges have room for.
    """

    draws: Float64
    alike: Float64
    bound: Float64

    @property
    def shares(self) -> Float64:
        """The mean share of each kind, (K,)."""
        return np.asarray(self.draws.mean(axis=0), np.float64)

    @property
    def purity(self) -> Float64:
        """The part of fakes among the edges that look like each kind, (K,)."""
        found: Float64 = self.shares / np.maximum(self.shares + self.alike.mean(axis=0), ALMOST_NONE)
        return found


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
    if not kinds:  # Where every two users are tied, no pair is left to draw.
        nothing = np.zeros((config.draws, 0))
        return Mixture(nothing, nothing, np.zeros(0))
    regions = _regions(ratio, label, mixtures=_mixtures(kinds), classes=kinds, config=config, rng=rng)
    return _posterior(regions, np.empty((config.draws, 0)), natural, config, rng)


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
    broad = replace(config, smallest_region=config.account_region)
    regions = _regions(ratio, label, mixtures=_mixtures(further), classes=before + further, config=broad, rng=rng)
    others = known.draws[rng.integers(0, len(known.draws), config.draws)]
    return _posterior(regions, others, natural, config, rng)


@dataclass(eq=False)
class _Draws:
    """N draws of everything that is not known; each part may be drawn anew by itself.

    Attributes:
        often: (N,) how often a kind is among the fakes; part: (N, K) a kind is where this is below; size: (N, K) how
            large it is beside the others.
        total: (N,) in 0 to 1, behind the share of all fakes; none: (N,) whether there are none.
        look: (N, K) behind the share of real edges that look like a kind; like: (N, K) that share itself, or nan.
        factor: (N,) of the graph's own.
    """

    often: Float64
    part: Float64
    size: Float64
    total: Float64
    none: NDArray[np.bool_]
    look: Float64
    like: Float64
    factor: Float64

    @classmethod
    def of(cls, count: int, kinds: int, rng: np.random.Generator) -> _Draws:
        """Draw from the prior."""
        shape = count, kinds
        like = np.where(rng.random(shape) < LIKE_REAL, rng.random(shape), np.nan)
        return cls(
            often=rng.random(count),
            part=rng.random(shape),
            size=rng.exponential(1.0, shape),
            total=rng.random(count),
            none=rng.random(count) < NO_FAKES,
            look=rng.exponential(1.0, shape),
            like=like,
            factor=np.exp(FACTOR_SPREAD * rng.standard_normal(count)),
        )

    def fakes(self) -> Float64:
        """Return the share of fakes of each kind, (N, K)."""
        part = (self.part < self.often[:, None]) * self.size
        total = np.where(self.none, 0.0, MOST_FAKES * self.total**1.5)
        found: Float64 = part / np.maximum(part.sum(axis=1, keepdims=True), ALMOST_NONE) * total[:, None]
        return found

    def alike(self, natural: Float64) -> Float64:
        """Return the share of real edges that look like each kind, (N, K)."""
        return np.where(np.isnan(self.like), self.look * natural * self.factor[:, None], self.like)

    def taken(self, rows: Int64) -> _Draws:
        """Return the draws ``rows``."""
        return _Draws(*(getattr(self, each.name)[rows] for each in fields(self)))

    def moved(self, rng: np.random.Generator) -> tuple[_Draws, Float64]:
        """Return draws with one part changed each, and the log of what the prior says to it, (N,).

        A part is drawn anew from its prior, which then says nothing, or multiplied by a number near 1.
        """
        count, kinds = self.size.shape
        fresh = _Draws.of(count, kinds, rng)
        row: Int64 = np.arange(count)
        which: Int64 = rng.integers(0, kinds, size=(count,))
        move: Int64 = rng.integers(0, 6, size=(count,))
        new = self.taken(row)
        for name, chosen in (("part", (0, 5)), ("size", (1,)), ("look", (1, 2)), ("like", (2,))):
            rows = row[np.isin(move, chosen)]
            getattr(new, name)[rows, which[rows]] = getattr(fresh, name)[rows, which[rows]]
        for name, chosen in (("total", (3,)), ("none", (3,)), ("factor", (4,)), ("often", (4,))):
            rows = row[np.isin(move, chosen)]
            getattr(new, name)[rows] = getattr(fresh, name)[rows]
        prior = np.zeros(count)
        rows = row[move == 5]
        for name in ("size", "look"):
            step = np.exp(STRIDE * rng.standard_normal(len(rows)))
            before = getattr(self, name)[rows, which[rows]]
            getattr(new, name)[rows, which[rows]] = before * step
            prior[rows] += np.log(step) - before * (step - 1.0)
        return new, prior


def _posterior(
    regions: list[_Regions], others: Float64, natural: Sequence[float], config: MixtureConfig, rng: np.random.Generator
) -> Mixture:
    """Return draws from the posterior, where ``others`` (N, J) are draws of the shares of classes known before."""
    mean = np.asarray(natural, np.float64)
    likelihood = _Likelihood(regions, config)
    draws = _Draws.of(config.draws, len(mean), rng)
    fit = likelihood(np.concatenate([others, draws.fakes() + draws.alike(mean)], axis=1))
    heat = np.inf
    for cooler in HEAT:
        weight = np.exp((fit - fit.max()) * (1.0 / cooler - 1.0 / heat))
        rows = _resampled(weight, rng)
        draws, others, fit, heat = draws.taken(rows), others[rows], fit[rows], cooler
        for _ in range(config.moves):
            new, prior = draws.moved(rng)
            found = likelihood(np.concatenate([others, new.fakes() + new.alike(mean)], axis=1))
            better = np.log(rng.random(len(fit))) < (found - fit) / heat + prior
            fit = np.where(better, found, fit)
            for each in fields(draws):
                getattr(draws, each.name)[better] = getattr(new, each.name)[better]
    return Mixture(draws.fakes(), draws.alike(mean), likelihood.observed[: len(mean)])


def _resampled(weight: Float64, rng: np.random.Generator) -> Int64:
    """Return rows chosen by ``weight`` (N,), evenly (systematic resampling)."""
    place = (np.arange(len(weight)) + rng.random()) / len(weight)
    return np.minimum(np.searchsorted(np.cumsum(weight / weight.sum()), place), len(weight) - 1)


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

    @property
    def relative(self) -> Float64:
        """How much larger each class is in a region than the mixture is, (A, classes)."""
        return np.asarray(self.classes / self.mixture[:, None])


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
    return np.asarray(value[order][place], np.float64) * (1.0 - ROUNDING)


class _Likelihood:
    """How near the bounds of shares come to those observed."""

    def __init__(self, regions: list[_Regions], config: MixtureConfig) -> None:
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

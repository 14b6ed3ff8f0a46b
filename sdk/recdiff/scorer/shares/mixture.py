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

One graph does not tell pi from l. Half of it does: with half of the edges left out of what is encoded, as many are
fake, but real ones have fewer friends to show for themselves, and more of them look like a kind:

    t_k = pi_k + l_k in the graph,     pi_k + g_k l_k in half of it,     g_k > 1.

A bound that stays is of fakes, and one that grows is of real edges. Both sets of bounds are fitted at once.

Letters: B pairs, K kinds, D mixtures of kinds, A regions, N draws.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace

import numpy as np
from numpy.typing import NDArray

from recdiff.arrays import Float64, Int64
from recdiff.config.scorer import MixtureConfig
from recdiff.scorer.shares.regions import ALMOST_NONE, Likelihood, Regions, mixtures_of, regions_of

INTERVAL = (0.02, 0.98)
FACTOR_SPREAD = 1.0
"""Of how much of a graph looks like fakes: standard deviation of its logarithm."""
OWN_SPREAD = 0.75
"""The same of how much looks like each kind, beside the others."""
NO_FAKES = 0.15
"""How often a graph has none."""
MOST_FAKES = 0.6
HEAT = (32.0, 16.0, 8.0, 4.0, 2.0, 1.0)
"""By what the log likelihood is divided, one after the other."""
LOOSE = 2.0
"""What it is divided by for the interval: mixtures share regions, so that edges are counted more than once."""
USUAL_GROWTH, GROWTH_SPREAD = 0.7, 0.5
"""By how much more real edges look like a kind where half of a graph is gone: median, and standard deviation of its
logarithm. Read from ciao and lastfm as they are: 0.3 to 0.5 where many look so."""
WIDELY = 10
"""How many times as many draws are taken from the prior as are kept: explanations that few draws hit must be among
them, as that most of a graph looks like a kind."""
STRIDE = 0.5
"""Standard deviation, on a log scale, of small moves."""
_DRAWN_ANEW = (
    ("part", (0, 5)),
    ("size", (1,)),
    ("look", (1, 2)),
    ("like", (2,)),
    ("own", (1, 2, 6)),
    ("growth", (2, 6)),
)
"""Parts of a draw, and by which of seven moves each is drawn anew for one kind."""


@dataclass(frozen=True, eq=False)
class Mixture:
    """A posterior over the shares of K kinds among the observed edges.

    Attributes:
        draws: (N, K) shares of fakes, all equally likely; alike: (N, K) of real edges that look like them.
        bound: (K,) which share of each kind the observed edges have room for.
        loose: (N,) draws of the share of all kinds that go by the bounds less strictly (``LOOSE``).
    """

    draws: Float64
    alike: Float64
    bound: Float64
    loose: Float64

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
    ratio: Float64,
    label: Int64,
    natural: Sequence[float],
    config: MixtureConfig,
    rng: np.random.Generator,
    *,
    vague: Sequence[float],
    thinned: Float64 | None = None,
) -> Mixture:
    """Return the posterior over the shares of K kinds.

    Args:
        ratio: (B, K) log density ratios log p_k / p_obs of all pairs.
        label: (B,), 0 for observed edges, 1 + k for a pair sampled as kind k.
        natural: (K,) mean share of real edges that look like each kind, before the graph's own factor.
        vague: (K,) in how many graphs any share of real edges looks like a kind.
        thinned: (B, K) the log density ratios in the halved graph, or None where it was not halved.
    """
    kinds = ratio.shape[1]
    if not kinds:  # Where every two users are tied, no pair is left to draw.
        nothing = np.zeros((config.draws, 0))
        return Mixture(nothing, nothing, np.zeros(0), np.zeros(config.draws))
    several = [
        regions_of(each, label, mixtures=mixtures_of(kinds), classes=kinds, config=config, rng=rng)
        for each in (ratio, thinned)
        if each is not None
    ]
    return _posterior(several, np.empty((1, 0)), natural, vague, config=config, rng=rng)


def infer_further(
    ratio: Float64,
    label: Int64,
    natural: Sequence[float],
    *,
    vague: Sequence[float],
    known: Mixture,
    config: MixtureConfig,
    rng: np.random.Generator,
) -> Mixture:
    """Return the posterior over the shares of kinds that are read beside ``known`` ones, (N, K) alone.

    Args:
        ratio: (B, K) log density ratios of the further kinds.
        label: (B,), 0 for observed edges, 1 + j for pairs of the J known kinds, 1 + J + k for the further ones.
        natural, vague: (K,), as in ``infer_shares``.
    """
    further, before = ratio.shape[1], known.draws.shape[1]
    broad = replace(config, smallest_region=config.account_region)
    regions = regions_of(ratio, label, mixtures=mixtures_of(further), classes=before + further, config=broad, rng=rng)
    return _posterior([regions], known.draws, natural, vague, config=config, rng=rng)


@dataclass(eq=False)
class _Draws:
    """N draws of everything that is not known; each part may be drawn anew by itself.

    Attributes:
        often: (N,) how often a kind is among the fakes; part: (N, K) a kind is where this is below; size: (N, K) how
            large it is beside the others.
        total: (N,) in 0 to 1, behind the share of all fakes; none: (N,) whether there are none.
        look: (N, K) behind the share of real edges that look like a kind; like: (N, K) that share itself, or nan.
        factor: (N,) of the graph's own; own: (N, K) of each kind's in this graph. growth: (N, K) by which the share of
            real edges that look like a kind grows where the graph is halved.
    """

    often: Float64
    part: Float64
    size: Float64
    total: Float64
    none: NDArray[np.bool_]
    look: Float64
    like: Float64
    factor: Float64
    own: Float64
    growth: Float64

    @classmethod
    def of(cls, count: int, vague: Float64, rng: np.random.Generator) -> _Draws:
        """Draw from the prior; see ``infer_shares`` for what is ``vague`` (K,)."""
        shape = count, len(vague)
        like = np.where(rng.random(shape) < vague, rng.random(shape), np.nan)
        return cls(
            often=rng.random(count),
            part=rng.random(shape),
            size=rng.exponential(1.0, shape),
            total=rng.random(count),
            none=rng.random(count) < NO_FAKES,
            look=rng.exponential(1.0, shape),
            like=like,
            factor=np.exp(FACTOR_SPREAD * rng.standard_normal(count)),
            own=np.exp(OWN_SPREAD * rng.standard_normal(shape)),
            growth=1.0 + USUAL_GROWTH * np.exp(GROWTH_SPREAD * rng.standard_normal(shape)),
        )

    def fakes(self) -> Float64:
        """Return the share of fakes of each kind, (N, K)."""
        part = (self.part < self.often[:, None]) * self.size
        total = np.where(self.none, 0.0, MOST_FAKES * self.total**2)
        found: Float64 = part / np.maximum(part.sum(axis=1, keepdims=True), ALMOST_NONE) * total[:, None]
        return found

    def alike(self, natural: Float64) -> Float64:
        """Return the share of real edges that look like each kind, (N, K)."""
        return np.where(np.isnan(self.like), self.look * self.own * natural * self.factor[:, None], self.like)

    def taken(self, rows: Int64) -> _Draws:
        """Return the draws ``rows``."""
        return _Draws(**{each.name: getattr(self, each.name)[rows] for each in fields(self)})

    def moved(self, vague: Float64, rng: np.random.Generator) -> tuple[_Draws, Float64]:
        """Return draws with one part changed each, and the log of what the prior says to it, (N,).

        A part is drawn anew from its prior, which then says nothing, or multiplied by a number near 1.
        """
        count, kinds = self.size.shape
        fresh = _Draws.of(count, vague, rng)
        row: Int64 = np.arange(count)
        which: Int64 = rng.integers(0, kinds, size=(count,))
        move: Int64 = rng.integers(0, 7, size=(count,))
        new = self.taken(row)
        for name, chosen in _DRAWN_ANEW:
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
    several: Sequence[list[Regions]],
    others: Float64,
    natural: Sequence[float],
    vague: Sequence[float],
    *,
    config: MixtureConfig,
    rng: np.random.Generator,
) -> Mixture:
    """Return draws from the posterior, where ``others`` (any, J) are draws of the shares of classes known before.

    Args:
        several: regions in the graph and, where it was halved, in half of it.
    """
    mean = np.asarray(natural, np.float64)
    often = np.asarray(vague, np.float64)
    likelihood, *halved = [Likelihood(regions, config) for regions in several]

    def fits(others: Float64, draws: _Draws) -> Float64:
        fakes, alike = draws.fakes(), draws.alike(mean)
        found = likelihood(np.concatenate([others, fakes + alike], axis=1))
        for each in halved:
            found = found + each(np.concatenate([others, fakes + draws.growth * alike], axis=1))
        return found

    draws = _Draws.of(WIDELY * config.draws, often, rng)
    others = others[rng.integers(0, len(others), WIDELY * config.draws)]
    fit = fits(others, draws)
    heat, loose = np.inf, np.zeros(0)
    for cooler in HEAT:
        weight = np.exp((fit - fit.max()) * (1.0 / cooler - 1.0 / heat))
        rows = _resampled(weight, config.draws, rng)
        draws, others, fit, heat = draws.taken(rows), others[rows], fit[rows], cooler
        for _ in range(config.moves):
            new, prior = draws.moved(often, rng)
            found = fits(others, new)
            better = np.log(rng.random(len(fit))) < (found - fit) / heat + prior
            fit = np.where(better, found, fit)
            for each in fields(draws):
                getattr(draws, each.name)[better] = getattr(new, each.name)[better]
        if heat == LOOSE:
            loose = draws.fakes().sum(axis=1)
    return Mixture(draws.fakes(), draws.alike(mean), likelihood.observed[: len(mean)], loose)


def _resampled(weight: Float64, count: int, rng: np.random.Generator) -> Int64:
    """Return ``count`` rows chosen by ``weight`` (N,), evenly (systematic resampling)."""
    place = (np.arange(count) + rng.random()) / count
    return np.minimum(np.searchsorted(np.cumsum(weight / weight.sum()), place), len(weight) - 1)

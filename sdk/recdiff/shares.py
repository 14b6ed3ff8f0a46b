"""How many ties are fakes of which kind, read from how the observed ties are spread over what each kind looks like.

The observed ties are a mixture: p_obs = (1 - sum_k pi_k) p_real + sum_k pi_k p_k. In every region A of features

    sum_k pi_k P_k(A) <= P_obs(A),

and where hardly any real tie lies the two are equal, so the largest shares that no region contradicts are the
estimate (best-bin mixture proportion estimation). Regions are the upper ends of each kind's density ratio
p_k / p_obs. Kinds that look alike compete and enter one by one (``estimate_shares``); kinds that are easily told
apart are read all at once (``joint_shares``).

What other kinds are known to hold of the observed ties can be taken out of P_obs first: their pairs then count among
the observed ones, with a negative weight.

Letters: B pairs, C classes, A regions.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linprog

from recdiff.scorer_config import RegionsConfig, SharesConfig

Float64 = NDArray[np.float64]
Int64 = NDArray[np.int64]


def estimate_shares(ratio: Float64, label: Int64, kinds: int, config: SharesConfig) -> Float64:
    """Return pi (C,), the estimated share of every kind among the observed ties.

    Kinds join one by one: each time the one that explains the observed ties most sharply, measured by the mean
    of the squared fake chance, as long as the total rises by ``worthwhile``. Where the last kind is the first to
    join, its variants count too: they are other shapes the same kind may take, and only widen its share.

    Args:
        ratio: (B, C) log density ratios log p_c / p_obs of all pairs.
        label: (B,), 0 for observed ties, 1 + c for a non-tie sampled as class c.
        kinds: how many of the C classes are kinds; a class beyond is a variant of the last kind.
    """
    bound, mass = _constraints(ratio, label, config, np.ones(int((label == 0).sum())))
    density = np.exp(ratio[label == 0])
    chosen: list[int] = []
    best = np.zeros(ratio.shape[1])
    while len(chosen) < kinds:
        trials = {k: _largest(bound, mass, [*chosen, k]) for k in range(kinds) if k not in chosen}
        winner = max(trials, key=lambda k: float(np.square(np.minimum(density @ trials[k], 1.0)).sum()))
        if chosen and trials[winner].sum() - best.sum() < config.worthwhile:
            break
        chosen.append(winner)
        best = trials[winner]
    if chosen[0] != kinds - 1 or ratio.shape[1] == kinds:
        return best
    return _largest(bound, mass, [*chosen, *range(kinds, ratio.shape[1])])


def joint_shares(ratio: Float64, label: Int64, config: RegionsConfig, weight: Float64) -> Float64:
    """Return pi (C,), the estimated shares of all kinds at once: the largest total that no region contradicts.

    Args:
        ratio: (B, C) log density ratios log p_c / p_obs of all pairs.
        label: (B,), 0 for observed ties, 1 + c for a tie made as class c.
        weight: of the pairs labelled 0, in their order; 1 for a tie, negative for what is taken out.
    """
    return _largest(*_constraints(ratio, label, config, weight), list(range(ratio.shape[1])))


def _constraints(ratio: Float64, label: Int64, config: RegionsConfig, weight: Float64) -> tuple[Float64, Float64]:
    """Return what each region holds of the observed ties, (A,), and of every class, (A, C)."""
    levels = 1.0 - np.geomspace(config.smallest_region, 1.0, config.regions)
    classes = ratio.shape[1]
    parts = [ratio[label == c] for c in range(classes + 1)]
    bounds, masses = [], []
    ties = int((weight > 0).sum())
    for k in range(classes):
        cuts = np.quantile(parts[k + 1][:, k], levels)
        upper, *within = (each[:, k, None] >= cuts for each in parts)
        held = np.clip(weight @ upper / ties, 0.0, 1.0)
        bounds.append(held + config.doubt * np.sqrt(held * (1 - held) / ties))
        masses.append(np.stack([each.mean(axis=0) for each in within], axis=1))
    mass = np.concatenate(masses)
    # What a region holds of a class that hardly ever falls into it is too little to contradict anything.
    return np.concatenate(bounds), np.where(mass >= config.smallest_region * 0.999, mass, 0.0)


def _largest(bound: Float64, mass: Float64, allowed: list[int]) -> Float64:
    """Return the shares of ``allowed`` kinds with the largest sum that no region contradicts."""
    solved = linprog(-np.ones(len(allowed)), A_ub=mass[:, allowed], b_ub=bound, bounds=(0.0, 1.0), method="highs")
    shares = np.zeros(mass.shape[1])
    shares[allowed] = solved.x
    return shares

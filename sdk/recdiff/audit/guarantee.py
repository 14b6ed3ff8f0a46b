"""Removing only so much that the share of real edges among it stays below a level, whatever the fakes are like.

Edges known to be real say how high real edges score: the p-value of an edge with score s is the part of them that
scores as much (conformal; Vovk, Gammerman and Shafer, 2005). Known edges need not be drawn evenly, as an audit's are
not: each counts by how many it stands for, w = 1 / its chance to be known (Tibshirani et al., 2019),

    p(s) = (sum of w_i with s_i >= s, and w(s)) / (sum of w_i, and w(s)).

Benjamini and Hochberg's rule then chooses the edges with p <= level k / N, k the largest number that so many edges
satisfy. What fakes look like is nowhere assumed. Letters: N edges, B known real edges.
"""

from __future__ import annotations

import numpy as np

from recdiff.arrays import Float64, Int64, Mask
from recdiff.audit.edges import blind_scores
from recdiff.audit.sample import STRATA, strata
from recdiff.errors import UsageError
from recdiff.model.fitted import Fitted
from recdiff.model.told import REAL, SILENT, Verdicts, overlaid

FEWEST_REAL = 100


def guaranteed(fitted: Fitted, decided: Verdicts, level: float) -> Mask:
    """Return which of the fitted edges (E,) may be removed at ``level``; those that are known are left out.

    Args:
        decided: (E,) what was decided; beside it count labels of the fit and answers of audits.

    Raises:
        UsageError: fewer than ``FEWEST_REAL`` edges are known to be real.
    """
    score, told = blind_scores(fitted), fitted.told
    known = overlaid(len(score), told.verdicts(len(score)), decided)
    real = np.flatnonzero(known == REAL)
    if len(real) < FEWEST_REAL:
        raise UsageError(
            f"--guarantee needs at least {FEWEST_REAL} edges known to be real, and {len(real)} are; answer an audit "
            "(recdiff-sdk audit), decide edges (recdiff-sdk decide) or fit with --labels"
        )
    open_ = known == SILENT
    p = p_values(score, real, chances(score, told.answers, real))
    found = np.zeros(len(score), bool)
    found[open_] = benjamini_hochberg(p[open_], level)
    return found


def chances(score: Float64, answers: Verdicts | None, real: Int64) -> Float64:
    """Return how likely an edge with each score (N,), if it is real, was to be among the ``real`` (B,) ones.

    Edges that no audit has answered are taken for drawn evenly.
    """
    even = np.ones(len(real), bool) if answers is None else answers[real] == SILENT
    chance = np.full(len(score), even.sum() / len(score))
    if answers is not None:
        stratum = strata(score)
        held, answered = (np.bincount(each, minlength=STRATA) for each in (stratum, stratum[answers != SILENT]))
        chance += (answered / np.maximum(held, 1))[stratum]
    found: Float64 = np.maximum(chance, 0.1 / len(score))
    return found


def p_values(score: Float64, real: Int64, chance: Float64) -> Float64:
    """Return the conformal p-value of every edge (N,) against the ``real`` ones (B,), known by ``chance`` (N,)."""
    weight = 1.0 / chance
    order = np.argsort(score[real], kind="stable")
    ranked, reached = score[real][order], np.concatenate([[0.0], np.cumsum(weight[real][order])])
    above = reached[-1] - reached[np.searchsorted(ranked, score, side="left")]
    found: Float64 = (above + weight) / (reached[-1] + weight)
    return found


def benjamini_hochberg(p: Float64, level: float) -> Mask:
    """Return which p-values (N,) the rule chooses at ``level``."""
    ranked = np.sort(p)
    below = np.flatnonzero(ranked <= level * np.arange(1, len(p) + 1) / max(len(p), 1))
    return p <= ranked[below[-1]] if len(below) else np.zeros(len(p), bool)

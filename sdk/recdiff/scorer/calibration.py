"""Make fake scores mean probabilities: match a known or estimated share, or known labels, and learn from those.

fake_score = sigmoid(a s + b) of the posterior log odds s. Letters: B edges, L labelled pairs, N pair features.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from recdiff.arrays import Float32, Float64, Int64, Mask
from recdiff.errors import UsageError
from recdiff.metrics.edges import auc
from recdiff.metrics.odds import weights_of

NEWTON_STEPS = 50
RIDGE = 1e-3
SMALLEST_SHARE = 1e-3
"""Share of fakes that the posterior assumes though none were found, so that a blatant fake still shows."""
FEWEST_LABELS = 3
"""Labelled fakes, and labelled real pairs, below which nothing is learned from them but the calibration."""
FEWEST_KNOWN, FEWEST_DECIDED = 100, 20
"""Known fakes, and known real edges, that make a kind of their own; and decided fakes, which teach nothing else."""
MOST_LABELS = 5_000
"""Labels that the linear part is learned from."""
NEXT_TO_NOTHING = 1e-6
"""The C that leaves nothing of w. Beforehand it is as likely to be right as all others together."""
STRENGTHS = (NEXT_TO_NOTHING, 1e-3, 3e-3, 1e-2, 3e-2, 0.1, 0.3)
FREEDOM = 5e-3
"""The largest C, for each label of the rarer sort: what a few happen to bear out is not much."""
PARTS, TURNS = 5, 3
"""Parts of the labels that are left out in turn, and divisions into parts."""
FREE = 1e3
"""By what s is multiplied, so that no penalty touches its factor, the strongest neither."""
OPEN = 3.0
"""By what features are multiplied that labels alone give a weight: nothing else has weighed them yet."""
LEAST_FACTOR = 0.2
"""What a is at least: w . x has no more to say than labels can bear."""


def fit_logistic(log_odds: Float64, is_fake: NDArray[np.bool_]) -> tuple[float, float]:
    """Return the (a, b) that fit known labels best (Platt scaling): a >= 0, so that the order stays.

    Minimises the log loss with a ridge that pulls towards (1, 0).

    Raises:
        UsageError: where the labels are all the same.
    """
    target = np.asarray(is_fake, np.float64)
    if not 0.0 < target.mean() < 1.0:
        raise UsageError("labels need edges of both kinds, fake (1) and real (0)")
    design = np.stack([np.asarray(log_odds, np.float64), np.ones(len(target))], axis=1)
    start = np.array([1.0, 0.0])
    found = start.copy()
    for _ in range(NEWTON_STEPS):
        chance = expit(design @ found)
        gradient = design.T @ (chance - target) + RIDGE * (found - start)
        curvature = (design * (chance * (1 - chance))[:, None]).T @ design + RIDGE * np.eye(2)
        step = np.linalg.solve(curvature, gradient)
        found = found - step / max(1.0, float(np.abs(step).max()))
    if found[0] <= 0.0:
        # Labels that contradict the scores: keep the order and the share, which is all that can be kept.
        return 0.0, float(np.log(target.mean() / (1.0 - target.mean())))
    return float(found[0]), float(found[1])


def taught(
    inputs: Float32, odds: Float64, is_fake: NDArray[np.bool_], rng: np.random.Generator, unweighed: Sequence[int] = ()
) -> Float32:
    """Return what the features add to the log odds by a few labels, (N,); zeros where they are too few.

    With s the log odds of being fake found without labels and x the standardised features of a labelled pair,

        P(fake) = sigmoid(a s + w . x + b),     |w|^2 / 2 C small,

    for several C. Pairs are in the order of s + w . x / a; what is returned is w / a, averaged over C by how well each
    tells labels left out. One C leaves nothing of w (``NEXT_TO_NOTHING``): labels that say no more change little.

    Args:
        inputs: (L, N) standardised features.
        odds: (L,) log odds found without the labels, each out of its fold.
        is_fake: (L,) the labels.
        unweighed: places of the features that ``odds`` know nothing of.
    """
    if min(is_fake.sum(), (~is_fake).sum()) < FEWEST_LABELS:
        return np.zeros(inputs.shape[1], np.float32)
    # Only here: what fits without labels does without scikit-learn.
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import RepeatedStratifiedKFold

    rows = np.sort(rng.permutation(len(odds))[:MOST_LABELS])
    size = np.ones(inputs.shape[1], np.float32)
    size[list(unweighed)] = OPEN
    x = np.concatenate([FREE * odds[rows, None], inputs[rows] * size], axis=1)
    y = is_fake[rows]
    count = min(PARTS, int(y.sum()), int((~y).sum()))
    parts = RepeatedStratifiedKFold(n_splits=count, n_repeats=TURNS, random_state=0)

    def fitted(strength: float, rows: Int64 | slice = slice(None)) -> LogisticRegression:
        return LogisticRegression(C=strength, solver="newton-cholesky").fit(x[rows], y[rows])

    def surprise(strength: float) -> float:
        """Return the negative log likelihood of the labels, each left out, a mean over the divisions."""
        lost = 0.0
        for learned, left in parts.split(x, y):
            likely = fitted(strength, learned).predict_log_proba(x[left])
            lost -= float(likely[np.arange(len(left)), y[left].astype(int)].sum())
        return lost / TURNS

    found = np.zeros(inputs.shape[1])
    strengths = [each for each in STRENGTHS if each <= FREEDOM * min(y.sum(), (~y).sum())]
    prior = np.array([len(strengths) - 1.0, *[1.0] * (len(strengths) - 1)])
    weight_of = weights_of(np.array([surprise(each) for each in strengths]), prior)
    for strength, part in zip(strengths, weight_of, strict=True):
        if part > 0.0:
            factor, *weights = fitted(strength).coef_[0].tolist()
            found += part * np.asarray(weights) / max(FREE * factor, LEAST_FACTOR)
    return np.asarray(found * size, np.float32)


def known_share(known: Int64, drawn: Mask | None) -> float:
    """Return the share of fakes that what is known of edges (E,) bears out."""
    even = known >= 0 if drawn is None else (known >= 0) & drawn
    # Of edges that were looked at because they are suspicious, nothing follows for the others.
    return float(known[even].mean()) if even.any() else float((known == 1).mean())


def agreement_with(score: Float64, told: Int64) -> float | None:
    """Return the AUC of ``score`` (L,) on what is told of rows (L,); None where both sorts are not told."""
    if min((told == 0).sum(), (told == 1).sum()) == 0:
        return None
    return auc(told[told >= 0] == 1, score[told >= 0])


def makes_a_kind(known: Int64, drawn: Mask | None) -> bool:
    """Tell whether what is known of edges (E,) makes a kind of its own; decided fakes need no real ones beside them."""
    fake, real = ((known == each).sum() for each in (1, 0))
    if drawn is not None and not drawn.any():
        return bool(fake >= FEWEST_DECIDED)
    return bool(min(fake, real) >= FEWEST_KNOWN)

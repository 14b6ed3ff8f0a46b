"""How well fake scores tell fake edges from real ones: ranking, calibration, and both per degree bucket.

Letters: E edges. ``score`` is higher for what looks fake; ``is_fake`` says what is.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import rankdata

from recdiff.arrays import Float64, Mask
from recdiff.errors import UsageError

BINS = 15
BUCKETS = 4


@dataclass(frozen=True)
class ReliabilityBin:
    """Edges whose score lies in [low, high): how many, their mean score, and how many of them are fake."""

    low: float
    high: float
    count: int
    mean_score: float
    fake_share: float


@dataclass(frozen=True)
class EdgeMetrics:
    """Figures of one scorer on one set of labelled edges; NaN where a figure needs edges of both kinds.

    Attributes:
        count, fakes, base_rate: edges, fakes among them, and their share.
        auc: chance that a fake scores above a real edge, equal ones counted half.
        average_precision: to be read beside ``base_rate``, which is what a random order gives.
        precision_at_k: share of fakes among the k = ``fakes`` highest scores.
        recall_at_1_percent, recall_at_5_percent: fakes found where that share of the real edges is flagged.
        calibration_error: mean gap between score and share of fakes over the bins, weighted; NaN for scores
            that are no probabilities.
        reliability: the bins behind it.
    """

    count: int
    fakes: int
    base_rate: float
    auc: float
    average_precision: float
    precision_at_k: float
    recall_at_1_percent: float
    recall_at_5_percent: float
    calibration_error: float
    reliability: tuple[ReliabilityBin, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return the figures as plain values."""
        return asdict(self)


def edge_metrics(is_fake: ArrayLike, score: ArrayLike, probability: bool = True) -> EdgeMetrics:
    """Measure ``score`` (E,) against ``is_fake`` (E,).

    Args:
        probability: whether scores are probabilities, so that calibration means something.

    Raises:
        UsageError: where the two differ in length or a score is not finite.
    """
    fake, value = _checked(is_fake, score)
    bins = reliability(fake, value) if probability else ()
    return EdgeMetrics(
        count=len(fake),
        fakes=int(fake.sum()),
        base_rate=float(fake.mean()) if len(fake) else float("nan"),
        auc=auc(fake, value),
        average_precision=average_precision(fake, value),
        precision_at_k=precision_at(fake, value, int(fake.sum())),
        recall_at_1_percent=recall_at(fake, value, 0.01),
        recall_at_5_percent=recall_at(fake, value, 0.05),
        calibration_error=_calibration_error(bins, len(fake)),
        reliability=bins,
    )


def by_degree(
    is_fake: ArrayLike, score: ArrayLike, smaller_degree: ArrayLike, probability: bool = True
) -> dict[str, EdgeMetrics]:
    """Measure per bucket of the smaller degree of an edge's two ends (E,); buckets hold about as many edges each."""
    fake, value = _checked(is_fake, score)
    degree = np.asarray(smaller_degree, np.int64)
    if not len(degree):
        return {}
    inner = np.unique(np.quantile(degree, np.linspace(0, 1, BUCKETS + 1)[1:-1]).astype(np.int64))
    bucket = np.searchsorted(inner, degree, side="left")
    return {
        f"{degree[bucket == b].min()}-{degree[bucket == b].max()}": edge_metrics(
            fake[bucket == b], value[bucket == b], probability
        )
        for b in np.unique(bucket)
    }


def auc(is_fake: Mask, score: Float64) -> float:
    """Return the area under the ROC curve: (sum of the fakes' ranks - F(F+1)/2) / (F R)."""
    fakes = int(is_fake.sum())
    reals = len(is_fake) - fakes
    if not fakes or not reals:
        return float("nan")
    return float((rankdata(score)[is_fake].sum() - fakes * (fakes + 1) / 2) / (fakes * reals))


def average_precision(is_fake: Mask, score: Float64) -> float:
    """Return the sum over thresholds of precision times the recall gained; equal scores are one threshold."""
    if not is_fake.any():
        return float("nan")
    hits, flagged = _curve(is_fake, score)
    return float(np.sum(np.diff(hits, prepend=0) * hits / flagged) / hits[-1])


def precision_at(is_fake: Mask, score: Float64, k: int) -> float:
    """Return the share of fakes among the k highest scores, equal scores shared evenly."""
    if k < 1 or k > len(is_fake):
        return float("nan")
    hits, flagged = _curve(is_fake, score)
    return float(np.interp(k, np.concatenate([[0], flagged]), np.concatenate([[0], hits])) / k)


def recall_at(is_fake: Mask, score: Float64, false_positive_rate: float) -> float:
    """Return the share of fakes flagged at the threshold that flags this share of the real edges."""
    if not is_fake.any() or is_fake.all():
        return float("nan")
    hits, flagged = _curve(is_fake, score)
    rate = (flagged - hits) / (len(is_fake) - hits[-1])
    return float(np.interp(false_positive_rate, np.concatenate([[0], rate]), np.concatenate([[0], hits])) / hits[-1])


def reliability(is_fake: Mask, score: Float64, bins: int = BINS) -> tuple[ReliabilityBin, ...]:
    """Return the non-empty ones of ``bins`` equally wide bins of [0, 1]."""
    place = np.clip((score * bins).astype(np.int64), 0, bins - 1)
    return tuple(
        ReliabilityBin(
            b / bins, (b + 1) / bins, int(held.sum()), float(score[held].mean()), float(is_fake[held].mean())
        )
        for b in range(bins)
        if (held := place == b).any()
    )


def _calibration_error(bins: tuple[ReliabilityBin, ...], count: int) -> float:
    if not bins:
        return float("nan")
    return sum(each.count * abs(each.mean_score - each.fake_share) for each in bins) / count


def _curve(is_fake: Mask, score: Float64) -> tuple[Float64, Float64]:
    """Return fakes flagged and edges flagged at each distinct threshold, from the highest down."""
    order = np.argsort(-score, kind="stable")
    last = np.flatnonzero(np.diff(score[order], append=-np.inf) != 0)
    return np.cumsum(is_fake[order])[last].astype(np.float64), (last + 1).astype(np.float64)


def _checked(is_fake: ArrayLike, score: ArrayLike) -> tuple[Mask, Float64]:
    fake, value = np.asarray(is_fake, bool), np.asarray(score, np.float64)
    if fake.shape != value.shape or fake.ndim != 1:
        raise UsageError(f"labels and scores need one value per edge each, not {fake.shape} and {value.shape}")
    if not np.isfinite(value).all():
        raise UsageError(f"{int((~np.isfinite(value)).sum())} of {len(value)} scores are not finite")
    return fake, value

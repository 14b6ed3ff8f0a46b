"""What each part of the evidence adds to an edge's log odds of being fake: Shapley values that add up to the score.

With v(S) the log odds where the features of the parts S are the edge's and all others those of other edges, averaged
over these, a part's contribution is its mean effect over all orders in which the parts can be told. There are few parts
and so few S: all of them are computed. What remains between the network of the whole graph, which saw the edge, and the
score, which comes from networks that did not, is a part of its own.

Letters: N features, B other edges, P parts.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import factorial

import numpy as np
from numpy.typing import NDArray

from recdiff.arrays import Float32, Float64, Int64
from recdiff.scorer.pair_scorer import PairScorer, Span, log_odds

PLACE, DEGREE, TASTE, USE, DENOISING, ANSWERS, GROUP, ACCOUNTS, COMPANY, UNSEEN = (
    "place",
    "degree",
    "taste",
    "use",
    "denoising",
    "answers",
    "group",
    "accounts",
    "company",
    "unseen",
)
_PART_OF = {
    **dict.fromkeys(("unit", "norm", "length", "pull"), PLACE),
    **dict.fromkeys(("degree", "near", "out", "into", "friends"), DEGREE),
    "taste": TASTE,
    **dict.fromkeys(("items", "lack", "quiet", "agree"), USE),
    **dict.fromkeys(("joint", "apart", "power", "movement"), DENOISING),
    **dict.fromkeys(("asked", "asking"), ANSWERS),
    "staged": GROUP,
    "account": ACCOUNTS,
    "company": COMPANY,
}
"""Which part a column belongs to, by its name up to the first underscore."""


@dataclass(frozen=True)
class Contributions:
    """Log odds that add up: ``base`` + all ``parts`` = ``total``.

    Attributes:
        base: of edges on average. parts: by name, "unseen" for what the score owes to networks that did not see the
            edge. total: of the edge's score.
    """

    base: float
    parts: Mapping[str, float]
    total: float


@dataclass(frozen=True, eq=False)
class Seen:
    """What is known of edges: ``features`` (N,) or (B, N), and what an answer or none adds, ``said`` (1,) or (B,)."""

    features: Float32
    said: Float64


def contributions(
    pair: PairScorer, columns: Mapping[str, Span], edge: Seen, others: Seen, total: float
) -> Contributions:
    """Return what each part adds to the log odds ``total`` of an ``edge``.

    Args:
        columns: where each named column lies in the table. others: B other edges.
    """
    features = edge.features
    parts = _parts(pair, columns)
    names = list(parts)
    chosen = np.array([[subset >> place & 1 for place in range(len(names))] for subset in range(1 << len(names))], bool)
    owner = np.empty(len(features), np.int64)
    for place, name in enumerate(names):
        owner[parts[name]] = place
    told = chosen[:, owner]
    mixed = np.where(told[:, None, :], features, others.features[None, :, :]).reshape(-1, len(features))
    z = pair.logits(mixed)
    if ANSWERS in names:
        said = np.where(chosen[:, [names.index(ANSWERS)]], edge.said, others.said[None, :])
        z[:, 0] -= said.reshape(-1)
    slope, intercept = pair.calibration
    odds = slope * log_odds(z, pair.alike) + intercept
    value = odds.reshape(len(chosen), len(others.features)).mean(axis=1)
    found = {name: _shapley(value, chosen, place) for place, name in enumerate(names)}
    return Contributions(float(value[0]), {**found, UNSEEN: total - float(value[-1])}, total)


def _shapley(value: Float64, chosen: NDArray[np.bool_], place: int) -> float:
    """Return the mean effect of the part ``place`` over all orders, given the value (2^P,) of every choice (2^P, P)."""
    count = chosen.shape[1]
    without = np.flatnonzero(~chosen[:, place])
    size = chosen[without].sum(axis=1)
    weight = np.array([factorial(k) * factorial(count - k - 1) / factorial(count) for k in range(count)])
    return float(weight[size] @ (value[without | 1 << place] - value[without]))


def _parts(pair: PairScorer, columns: Mapping[str, Span]) -> dict[str, Int64]:
    """Return which features belong to each part."""
    found: dict[str, list[int]] = {}
    start = 0
    for term in pair.terms:
        name = next(name for name, span in columns.items() if span[0] <= term.left[0] < span[1])
        found.setdefault(_PART_OF[name.partition("_")[0]], []).extend(range(start, start + term.width))
        start += term.width
    return {name: np.array(places, np.int64) for name, places in found.items()}

"""A fitted scorer: what it says of the edges it was fitted on, and how it scores others.

Letters: U users, E edges, F table columns, D latent width, K kinds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.special import expit

from recdiff.arrays import Float32, Float64, Half, Int64
from recdiff.diffusion.folded import FoldedDenoiser
from recdiff.graph.folded import index_type
from recdiff.machine.threads import side_by_side
from recdiff.scorer.growth import Growth
from recdiff.scorer.pair_scorer import PairScorer

KNOWN, OTHER = "known", "other"
PART = 1 << 18
"""Pairs that one thread scores at a time."""


@dataclass(frozen=True, eq=False)
class Scorer:
    """A fitted scorer.

    Attributes:
        pair: what turns two rows of ``table`` into a fake score.
        table: (U, F), from the whole graph; for edges that were not part of it.
        columns: where each named column lies in ``table``.
        kinds: names of the K kinds.
        edge_scores: (E,), fake_score of the fitted edges, each from an encoding that did not see it.
        edge_kinds: (E, K), its parts by kind.
        edge_log_odds: (E,), the log odds behind ``edge_scores``, before calibration.
        shares: estimated share of each kind among the edges, by name.
        interval: between which values the share of all fakes lies with a probability of 96 %.
        agreement: AUC of the score found without labels on the labels, or None without any.
        movement: (U,), how far denoising moves each user (root mean square); empty without a denoiser.
        denoised: (U, D) denoised latent rows and latent: (U, D) the rows themselves; empty without a denoiser.
        denoiser: what turns ``latent`` into ``denoised``, or None.
        growth: what rows of users that come later are made from; None of a scorer that knows nothing.
    """

    pair: PairScorer
    table: Half
    columns: dict[str, tuple[int, int]]
    kinds: tuple[str, ...]
    edge_scores: Float32
    edge_kinds: Float32
    edge_log_odds: Float64
    shares: dict[str, float]
    interval: tuple[float, float]
    movement: Float32
    latent: Float32
    denoised: Float32
    denoiser: FoldedDenoiser | None
    agreement: float | None = None
    growth: Growth | None = None

    @property
    def fake_share(self) -> float:
        """Estimated share of fakes among the fitted edges."""
        return float(sum(self.shares.values()))

    def score(self, pairs: Int64) -> tuple[Float32, Float32]:
        """Return fake_score (B,) and kinds (B, K) of new pairs (B, 2) of user positions."""
        parts = np.array_split(pairs, len(pairs) // PART + 1)
        fake, kinds = zip(*side_by_side(lambda part: self.pair.score(self.table, part), parts), strict=True)
        return np.concatenate(fake), np.concatenate(kinds)

    def reordered(self, order: Int64) -> Scorer:
        """Return the scorer where the fitted edges come in the order that ``order`` (E,) took them from.

        Its ``edge_kinds`` are the array of this one, overwritten: they are the most that a scorer holds.
        """
        place = torch.empty(len(order), dtype=index_type(len(order)))
        place.index_copy_(0, torch.as_tensor(order).long(), torch.arange(len(order), dtype=place.dtype))
        return replace(
            self,
            edge_scores=_taken(self.edge_scores, place),
            edge_kinds=_taken(self.edge_kinds, place),
            edge_log_odds=_taken(self.edge_log_odds, place),
            growth=None if self.growth is None else self.growth.reordered(place),
        )


def averaged(found: Sequence[Scorer]) -> Scorer:
    """Return the first of ``found`` with scores of edges by the mean log odds of all."""
    if len(found) == 1:
        return found[0]
    names = tuple(dict.fromkeys(name for each in found for name in each.kinds))
    shares = {name: float(np.mean([each.shares.get(name, 0.0) for each in found])) for name in names}
    odds = np.mean([each.edge_log_odds for each in found], axis=0)
    fake = expit(odds).astype(np.float32)
    parts = np.mean([_parts(each, names) for each in found], axis=0)
    first = found[0]
    return replace(
        first,
        kinds=first.kinds,
        edge_scores=fake,
        edge_kinds=(fake[:, None] * parts[:, [names.index(name) for name in first.kinds]]).astype(np.float32),
        edge_log_odds=odds,
        shares={name: shares[name] for name in first.kinds},
        interval=tuple(float(np.mean([each.interval[side] for each in found])) for side in (0, 1)),  # type: ignore[arg-type]
    )


def _parts(scorer: Scorer, names: Sequence[str]) -> Float64:
    """Return which part of each edge's score each kind in ``names`` has, (E, K)."""
    parts = np.zeros((len(scorer.edge_scores), len(names)))
    for column, name in enumerate(scorer.kinds):
        parts[:, names.index(name)] = scorer.edge_kinds[:, column] / np.maximum(scorer.edge_scores, 1e-12)
    return parts


def _taken(values: NDArray[Any], rows: torch.Tensor) -> NDArray[Any]:
    """Return ``values[rows]``, fetched by all threads; of a matrix column by column, which ``values`` then hold."""
    there = torch.as_tensor(values)
    if there.ndim == 1:
        return there.index_select(0, rows).numpy()
    for column in there.unbind(1):
        column.copy_(column.index_select(0, rows))
    return values

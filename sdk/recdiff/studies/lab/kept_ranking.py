"""Per-user ranking metrics as a short text, to be kept in a cell's file."""

from __future__ import annotations

import base64
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from recdiff.arrays import Float64
from recdiff.metrics.ranking import Ranking
from recdiff.metrics.significance import Difference, paired_bootstrap


@dataclass(frozen=True)
class Kept:
    """What ``pack`` kept of a ranking.

    Attributes:
        values: "metric@k" -> (N,), one per user with held-out items, exact to float32.
    """

    values: Mapping[str, Float64]

    def mean(self, metric: str, k: int) -> float:
        """Return the mean over users."""
        return float(self.per_user(metric, k).mean())

    def per_user(self, metric: str, k: int) -> Float64:
        """Return the metric of each user, (N,)."""
        return self.values[f"{metric}@{k}"]


@dataclass(frozen=True, eq=False)
class Repeated:
    """Rankings of one model, one per seed, over the same users.

    Attributes:
        seeds: in the order of the seeds.
        known: differences drawn so far.
    """

    seeds: tuple[Kept, ...]
    known: dict[tuple[int, str, int, int], Difference] = field(default_factory=dict, repr=False)

    def mean(self, metric: str, k: int) -> float:
        """Return the mean over users and seeds."""
        return float(np.mean([each.mean(metric, k) for each in self.seeds]))

    def sd(self, metric: str, k: int) -> float:
        """Return the standard deviation over seeds, 0 for a single one."""
        values = [each.mean(metric, k) for each in self.seeds]
        return float(np.std(values, ddof=1)) if len(values) > 1 else 0.0

    def against(self, other: Repeated, metric: str, k: int, resamples: int) -> Difference:
        """Return how much better this model is than ``other``, paired over users, seeds averaged."""
        key = (id(other), metric, k, resamples)
        if key not in self.known:
            ours, theirs = (np.stack([kept.per_user(metric, k) for kept in each.seeds]) for each in (self, other))
            self.known[key] = paired_bootstrap(ours, theirs, resamples)
        return self.known[key]


def pack(ranking: Ranking) -> dict[str, Any]:
    """Return a JSON-able form: most users have no hit, so deflated columns are small."""
    columns = np.stack(list(ranking.values.values())).astype("<f4")
    return {"names": list(ranking.values), "data": base64.b64encode(zlib.compress(columns.tobytes(), 9)).decode()}


def unpack(stored: Mapping[str, Any]) -> Kept:
    """Return what ``pack`` stored."""
    names = stored["names"]
    flat = np.frombuffer(zlib.decompress(base64.b64decode(stored["data"])), "<f4")
    return Kept(dict(zip(names, flat.reshape(len(names), -1).astype(np.float64), strict=True)))

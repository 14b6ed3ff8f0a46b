"""Sum up a data set in numbers, for people and for scripts."""

from __future__ import annotations

from typing import Any

import numpy as np

from recdiff.data.dataset import SocialDataset
from recdiff.data.direction import count_reciprocal

_QUANTILES = {"min": 0.0, "p10": 0.1, "median": 0.5, "p90": 0.9, "p99": 0.99, "max": 1.0}


def describe(dataset: SocialDataset) -> dict[str, Any]:
    """Return what is in ``dataset``, as JSON-ready values.

    Keys: users, items, user_ids and item_ids ("int64" or "string"), interactions (train, validation, test), ties,
    directed, mirrored, reciprocity (share of ties that also stand the other way round; None where that was not to
    be seen), density (interactions, ties: share of the possible ones), degree (ties per user: mean and quantiles),
    notices (kind, count, message).
    """
    users, items = len(dataset.users), len(dataset.items)
    parts = {name: int(getattr(dataset, name).nnz) for name in ("train", "validation", "test")}
    pairs = users * (users - 1) / (1 if dataset.directed else 2)
    return {
        "users": users,
        "items": items,
        "user_ids": str(dataset.users.values.type),
        "item_ids": str(dataset.items.values.type),
        "interactions": parts,
        "ties": len(dataset.edges),
        "directed": dataset.directed,
        "mirrored": dataset.mirrored,
        "reciprocity": _reciprocity(dataset),
        "density": {
            "interactions": sum(parts.values()) / (users * items) if items else None,
            "ties": len(dataset.edges) / pairs,
        },
        "degree": _degrees(dataset),
        "notices": [
            {"kind": notice.kind, "count": notice.count, "message": notice.message} for notice in dataset.notices
        ],
    }


def _reciprocity(dataset: SocialDataset) -> float | None:
    if not dataset.directed:
        return 1.0 if dataset.mirrored else None
    return count_reciprocal(dataset.graph) / max(1, len(dataset.edges))


def _degrees(dataset: SocialDataset) -> dict[str, float]:
    degree = np.bincount(dataset.edges.ravel(), minlength=len(dataset.users))
    quantiles = np.quantile(degree, list(_QUANTILES.values()))
    return {"mean": float(degree.mean()), **dict(zip(_QUANTILES, map(float, quantiles), strict=True))}

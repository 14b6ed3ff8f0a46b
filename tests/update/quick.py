"""A small model that is fitted quickly, directed or not, for tests of what comes after a fit."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pyarrow as pa

from recdiff.data.dataset import SocialDataset
from recdiff.estimator import RecDiff

QUICK: dict[str, Any] = {
    "search": False,
    "steps": 3,
    "scorer__folds": 2,
    "scorer__divisions": 1,
    "scorer__rounds": 2,
    "scorer__least_pairs": 500,
    "scorer__most_pairs": 1_000,
    "scorer__evidence__epochs": 1,
    "scorer__evidence__least_steps": 5,
    "scorer__classifier__epochs": 1,
    "scorer__classifier__least_steps": 20,
    "scorer__few__epochs": 2,
    "scorer__few__least_steps": 20,
    "scorer__accounts__epochs": 1,
    "scorer__accounts__least_steps": 20,
    "scorer__mixture__draws": 100,
    "scorer__mixture__moves": 2,
}
QUICK_SCORER = {name: value for name, value in QUICK.items() if name.startswith("scorer__")}
USERS, ITEMS = 150, 60


def frames() -> tuple[dict[str, pa.Array], dict[str, pa.Array]]:
    """Return edges of five groups, and what the groups use."""
    rng = np.random.default_rng(5)
    group = np.arange(USERS) % 5
    src, dst = rng.integers(0, USERS, (2, 6_000))
    near = (src != dst) & ((group[src] == group[dst]) | (rng.random(len(src)) < 0.05))
    edges = np.unique(np.stack([src, dst], axis=1)[near], axis=0)
    edges = rng.permutation(edges)[:900]
    who = rng.integers(0, USERS, 1_500)
    item = (group[who] * 12 + rng.integers(0, 14, len(who))) % ITEMS
    return frame(2 * edges), {"user_id": pa.array(2 * who), "item_id": pa.array(item)}


def frame(edges: np.ndarray) -> dict[str, pa.Array]:
    return {"src": pa.array(edges[:, 0]), "dst": pa.array(edges[:, 1])}


@cache
def fit(directed: bool, **more: Any) -> RecDiff:
    """Return a model whose user ids are even numbers; tests must not change it."""
    social, interactions = frames()
    dataset = SocialDataset.from_frames(social, interactions, directed=directed)
    return RecDiff(device="cpu", **QUICK, **more).fit(dataset)


def copy(model: RecDiff) -> RecDiff:
    """Return a model that may be updated."""
    other = RecDiff(config=model.config_)
    other.config_, other.fitted_ = model.config_, model.fitted_
    return other

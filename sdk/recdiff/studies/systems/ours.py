"""The default recommender as a contender."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from recdiff.baselines.task import Judge
from recdiff.data.dataset import SocialDataset
from recdiff.recommender.fit import RecommenderConfig, fit_recommender
from recdiff.studies.systems.contender import Contender


def fit_ours(
    dataset: SocialDataset, settings: Mapping[str, Any], seed: int, epochs: int | None, judge: Judge
) -> Contender:
    """Fit the default recommender; ``settings`` are fields of RecommenderConfig, an epoch is one of its passes."""
    config = replace(RecommenderConfig(), **settings)
    if epochs is not None:
        config = replace(config, steps=min(epochs, config.steps))
    began = time.perf_counter()
    made = fit_recommender(config, dataset.train, graph=dataset.graph, validation=dataset.validation, seed=seed)
    whole = time.perf_counter() - began
    began = time.perf_counter()
    judge(made.recommender.score)
    # It judges itself, every time as long as this once.
    seconds = max(0.0, whole - len(made.history) * (time.perf_counter() - began))
    trial = [row for row in made.history if row["trial"] == made.history[-1]["trial"]]
    passes = sum(max(r["step"] for r in made.history if r["trial"] == t) for t in {r["trial"] for r in made.history})
    rows = [
        {"epoch": row["step"], "validation": row["validation"], "seconds": seconds * row["step"] / passes}
        for row in trial
    ]
    best = max(row["validation"] for row in made.history)
    return Contender(made.recommender.score, rows, seconds, best)

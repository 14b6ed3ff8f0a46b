"""From a model folder to what a bundle is exported from."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from recdiff.cleaning.policy import DEFAULT_THRESHOLD
from recdiff.estimator import RecDiff
from recdiff.model.fitted import Fitted
from recdiff_export.bundle.parts import (
    BlendWeights,
    DenoiserWeights,
    FittedEdges,
    Memory,
    Parts,
    RecommenderWeights,
    ScorerWeights,
)

# Real rows that the parity check feeds to the denoiser.
CHECKED_ROWS = 4096
TOLD = ("fake_share", "labels", "decisions")


def parts_of(folder: Path) -> Parts:
    """Read the model folder and return what its bundle is made of.

    Raises:
        ArtifactError: see ``recdiff.model.folder.read_artifact``.
    """
    model = RecDiff.load(folder)
    fitted, config = model.fitted_, model.config_
    scores = np.asarray(fitted.edges["fake_score"].to_numpy(), np.float32)
    scored = ~np.isnan(scores)
    pairs = fitted.pairs[scored]
    metadata = {
        "preset": config.preset,
        "seed": str(config.seed),
        "threshold": str(DEFAULT_THRESHOLD),
        **_scores(fitted.calibration),
        "schedule": "none" if fitted.denoiser is None else _schedule_words(fitted),
    }
    return Parts(
        users=fitted.users.values,
        items=fitted.items.values,
        scorer=ScorerWeights(**vars(fitted.pair), table=fitted.table),
        fitted=FittedEdges(pairs[:, 0], pairs[:, 1], scores[scored], fitted.directed),
        denoiser=_denoiser(fitted),
        denoiser_rows=None if fitted.denoiser is None else fitted.social[:CHECKED_ROWS],
        recommender=_recommender(fitted),
        metadata=metadata,
        measured=_measured(fitted),
    )


def _measured(fitted: Fitted) -> dict[str, Any]:
    """Return what a model card says of the fit: counts, share of fakes, what people told, metrics with baselines."""
    told = {name: fitted.calibration[name] for name in TOLD if name in fitted.calibration}
    counts = {"edges": len(fitted.edges), "interactions": int(fitted.seen.nnz)}
    return {**counts, **told, "metrics": fitted.metrics}


def _scores(calibration: Mapping[str, Any]) -> dict[str, str]:
    """Return what a bundle says of its scores, or why it has none."""
    if "unscored" in calibration:
        return {"unscored": str(calibration["unscored"])}
    return {"estimated_fake_share": f"{calibration['noise_level']:.6f}", "kinds": ",".join(calibration["kinds"])}


def _denoiser(fitted: Fitted) -> DenoiserWeights | None:
    folded = fitted.denoiser
    if folded is None:
        return None
    schedule = folded.schedule
    return DenoiserWeights(
        first=folded.first,
        step_bias=folded.bias,
        further=folded.further,
        activation=folded.activation,
        normalise_input=folded.normalise,
        c0=schedule.posterior_x0,
        ct=schedule.posterior_xt,
    )


def _schedule_words(fitted: Fitted) -> str:
    assert fitted.denoiser is not None
    noise = fitted.denoiser.schedule.noise
    return f"{len(noise)} steps, noise {noise[0]:.6f} to {noise[-1]:.6f}"


def _recommender(fitted: Fitted) -> RecommenderWeights | None:
    tables = fitted.recommender
    if tables is None:
        return None
    seen = fitted.seen
    return RecommenderWeights(
        user_table=tables.user_table,
        item_table=tables.item_table,
        seen_indptr=seen.indptr.astype(np.int64),
        seen_items=seen.indices.astype(np.int64),
        blend=_blend(fitted),
        memory=Memory(tables.user_memory, tables.item_memory, tables.tie_weight),
    )


def _blend(fitted: Fitted) -> BlendWeights | None:
    if fitted.blend is None:
        return None
    blend, history = fitted.blend, fitted.trained
    return BlendWeights(
        blend.weights,
        {name: (table.items, table.weights) for name, table in blend.tables.items()},
        blend.popularity,
        history.indptr.astype(np.int64),
        history.indices.astype(np.int64),
    )

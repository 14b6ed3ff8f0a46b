"""A cell that fits the published model and asks how denoising changes the cosine of tied users.

Letters: U users, E ties, D embedding width.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recdiff.baselines.task import validation_judge
from recdiff.config import PaperConfig
from recdiff.dataset import SocialDataset
from recdiff.fit import fit_paper
from recdiff.graph import social_adjacency
from recdiff.ranking import by_tables
from recdiff.studies.cell import Cell
from recdiff.studies.source import Source

PAIRS = "pair-change"
# Pairs kept, users whose embeddings are drawn, and random pairs whose mean cosine tells whether all became alike.
KEPT, DRAWN, RANDOM_PAIRS = 6, 600, 20_000
BINS = 40

Float32 = NDArray[np.float32]
Float64 = NDArray[np.float64]
Int64 = NDArray[np.int64]


def run_pairs(cell: Cell, source: Source) -> dict[str, Any]:
    """Fit, then compare social embeddings before and after the reverse walk."""
    dataset = source.read()
    before, after = _embeddings(dataset, cell.settings["epochs"], cell.seed)
    rng = np.random.default_rng(cell.seed)
    given, denoised = (cosines(rows, dataset.edges) for rows in (before, after))
    change = denoised - given
    order = np.lexsort((np.arange(len(change)), -np.abs(change)))[:KEPT]
    edges = np.linspace(-1.0, 1.0, BINS + 1)
    pairs = rng.integers(0, len(before), (RANDOM_PAIRS, 2))
    pairs = pairs[pairs[:, 0] != pairs[:, 1]]
    users = np.sort(rng.permutation(len(before))[:DRAWN])
    ends = np.unique(dataset.edges[order])
    users = np.union1d(users, ends)
    return {
        "pairs": [
            {"ends": dataset.edges[row].tolist(), "before": float(given[row]), "after": float(denoised[row])}
            for row in order
        ],
        "mean_change": float(np.abs(change).mean()),
        "bins": edges.tolist(),
        "before": np.histogram(np.clip(given, -1, 1), edges)[0].tolist(),
        "after": np.histogram(np.clip(denoised, -1, 1), edges)[0].tolist(),
        "alike_before": float(cosines(before, pairs).mean()),
        "alike_after": float(cosines(after, pairs).mean()),
        "users": users.tolist(),
        "map_before": plane(before)[users].round(4).tolist(),
        "map_after": plane(after)[users].round(4).tolist(),
    }


def cosines(rows: Float32, pairs: Int64) -> Float64:
    """Return the cosine of each pair's rows of (U, D), (B,)."""
    unit = rows.astype(np.float64)
    unit /= np.maximum(np.linalg.norm(unit, axis=1, keepdims=True), 1e-12)
    return np.asarray((unit[pairs[:, 0]] * unit[pairs[:, 1]]).sum(axis=1), np.float64)


def plane(rows: Float32) -> Float64:
    """Return the first two principal components of unit rows (U, D), (U, 2), each with its largest entry positive."""
    unit = rows.astype(np.float64)
    unit /= np.maximum(np.linalg.norm(unit, axis=1, keepdims=True), 1e-12)
    centred = unit - unit.mean(axis=0)
    _, axes = np.linalg.eigh(centred.T @ centred)
    flat = centred @ axes[:, :-3:-1]
    return np.asarray(flat * np.sign(flat[np.abs(flat).argmax(axis=0), [0, 1]]), np.float64)


def _embeddings(dataset: SocialDataset, epochs: int | None, seed: int) -> tuple[Float32, Float32]:
    """Return the social embeddings before and after denoising, (U, D) each."""
    judge = validation_judge(dataset.train, dataset.validation)
    config = PaperConfig()
    if epochs is not None:
        config = replace(config, epochs=min(epochs, config.epochs))
    social = social_adjacency(dataset.edges, len(dataset.users), dataset.directed)
    model, graphs, _ = fit_paper(
        config, dataset.train, social, lambda users, items: judge(by_tables(users, items)), seed
    )
    _, _, rows = model.embeddings(graphs)
    return rows.cpu().numpy(), model.denoise(rows).cpu().numpy()

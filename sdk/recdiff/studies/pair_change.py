"""A cell that fits a model and asks how denoising changes its scores of edges and its embeddings of users.

Letters: U users, E edges, D embedding width.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from recdiff.arrays import Float32, Float64, Int64
from recdiff.baselines.task import validation_judge
from recdiff.config import PaperConfig
from recdiff.config.scorer import ScorerConfig
from recdiff.data.dataset import SocialDataset
from recdiff.metrics.ranking import by_tables
from recdiff.paper.fit import fit_paper
from recdiff.scorer.fit import fit_scorer
from recdiff.studies.lab.cell import Cell
from recdiff.studies.lab.contenders import OURS, PUBLISHED
from recdiff.studies.lab.source import Source

PAIRS = "pair-change"
# Pairs kept, users whose embeddings are drawn, and random pairs whose mean cosine tells whether all became alike.
KEPT, DRAWN, RANDOM_PAIRS = 6, 600, 20_000
BINS = 40


@dataclass(frozen=True)
class Change:
    """What denoising does.

    Attributes:
        given, denoised: (E,) score of each edge without and with denoising.
        before, after: (U, D) embeddings before and after.
    """

    given: Float64
    denoised: Float64
    before: Float32
    after: Float32


def run_pairs(cell: Cell, source: Source) -> dict[str, Any]:
    """Fit the model that the cell names, then compare scores of edges and embeddings without and with denoising."""
    dataset = source.read()
    fit = {OURS: _ours, PUBLISHED: _published}[cell.settings["model"]]
    made = fit(dataset, cell.settings["epochs"], cell.seed)
    change = made.denoised - made.given
    order = np.lexsort((np.arange(len(change)), -np.abs(change)))[:KEPT]
    rng = np.random.default_rng(cell.seed)
    pairs = rng.integers(0, len(made.before), (RANDOM_PAIRS, 2))
    pairs = pairs[pairs[:, 0] != pairs[:, 1]]
    users = np.union1d(rng.permutation(len(made.before))[:DRAWN], dataset.edges[order])
    edges = np.histogram_bin_edges(np.concatenate([made.given, made.denoised]), BINS)
    return {
        "pairs": [
            {"ends": dataset.edges[row].tolist(), "before": float(made.given[row]), "after": float(made.denoised[row])}
            for row in order
        ],
        "mean_change": float(np.abs(change).mean()),
        "bins": edges.tolist(),
        "before": np.histogram(made.given, edges)[0].tolist(),
        "after": np.histogram(made.denoised, edges)[0].tolist(),
        "alike_before": float(cosines(made.before, pairs).mean()),
        "alike_after": float(cosines(made.after, pairs).mean()),
        "users": users.tolist(),
        "map_before": _four_digits(plane(made.before)[users]),
        "map_after": _four_digits(plane(made.after)[users]),
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


def _four_digits(points: Float64) -> list[list[float]]:
    return [[float(f"{value:.4g}") for value in point] for point in points]


def _ours(dataset: SocialDataset, epochs: int | None, seed: int) -> Change:
    """Score all edges with and without the denoiser's evidence, out of fold; ``epochs`` is the denoiser's at most."""
    full = ScorerConfig()
    if epochs is not None:
        full = replace(full, evidence=replace(full.evidence, epochs=min(epochs, full.evidence.epochs)))
    bare = replace(full, evidence=replace(full.evidence, denoising="none"))
    denoised, given = (fit_scorer(dataset.graph, dataset.train, config, seed=seed) for config in (full, bare))
    scores = (given.edge_scores.astype(np.float64), denoised.edge_scores.astype(np.float64))
    return Change(*scores, denoised.latent, denoised.denoised)


def _published(dataset: SocialDataset, epochs: int | None, seed: int) -> Change:
    """Score edges by the cosine of the social embeddings before and after the reverse walk."""
    judge = validation_judge(dataset.train, dataset.validation)
    config = PaperConfig()
    if epochs is not None:
        config = replace(config, epochs=min(epochs, config.epochs))
    social = dataset.graph.adjacency()
    model, graphs, _ = fit_paper(
        config, dataset.train, social, lambda users, items: judge(by_tables(users, items)), seed
    )
    _, _, rows = model.embeddings(graphs)
    before, after = rows.cpu().numpy(), model.denoise(rows).cpu().numpy()
    return Change(cosines(before, dataset.edges), cosines(after, dataset.edges), before, after)

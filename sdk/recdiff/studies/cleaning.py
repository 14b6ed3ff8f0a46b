"""A cell that asks what cleaning the edges gives the default recommender: same model, same settings, other edges.

Letters: U users, E edges.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse as sp

from recdiff.arrays import Float32, Int64
from recdiff.baselines.task import validation_judge
from recdiff.cleaning.policy import Policy, removed
from recdiff.config.scorer import ScorerConfig
from recdiff.data.dataset import SocialDataset
from recdiff.graph.rewired import rewired
from recdiff.graph.social_graph import SocialGraph
from recdiff.metrics.edges import auc
from recdiff.metrics.ranking import rank
from recdiff.recommender.fit import RecommenderConfig, fit_recommender
from recdiff.scorer.fit import fit_scorer
from recdiff.studies.lab.cell import Cell
from recdiff.studies.lab.edge_change import Changed, changed
from recdiff.studies.lab.kept_ranking import pack
from recdiff.studies.lab.source import Source
from recdiff.studies.systems.code import code_of

CLEANING = "cleaning"
# name -> what it is called in tables, in the order of tables.
TREATMENTS: Mapping[str, str] = {
    "as-is": "ties as they are",
    "cleaned": "cleaned (fake_score ≥ .5 removed)",
    "weighted": "weighted by 1 - fake_score",
    "thinned": "as many removed at random",
    "shuffled": "shuffled, same degrees",
    "none": "no ties",
}


@dataclass(frozen=True)
class WeightedEdges:
    """Edges (E, 2) with their weights (E,), None for 1."""

    edges: Int64
    weight: Float32 | None = None


def cleaning_cell(data: str, change: Mapping[str, Any], seed: int, steps: int | None) -> Cell:
    """Return the cell for one graph.

    Args:
        steps: of the recommender's training at most; None leaves it its own number.
    """
    return Cell(CLEANING, {"change": dict(change), "steps": steps}, seed, data, code_of([__name__, changed.__module__]))


def run_cleaning(cell: Cell, source: Source) -> dict[str, Any]:
    """Score the edges blindly, treat them in every way, and fit the recommender on each.

    The recommender's settings are those that validation likes best on the edges as they are.
    """
    made = changed(source.read(), cell.settings["change"], cell.seed)
    dataset = made.dataset
    scorer = fit_scorer(dataset.graph, dataset.train, ScorerConfig(), seed=cell.seed)
    ties = treated(dataset, scorer.edge_scores, cell.seed)
    config = RecommenderConfig()
    if cell.settings["steps"] is not None:
        config = RecommenderConfig(steps=min(config.steps, cell.settings["steps"]))
    values: dict[str, Any] = {
        "auc": _auc(made, scorer.edge_scores),
        "estimated_share": scorer.fake_share,
        "removed": len(dataset.edges) - len(ties["cleaned"].edges),
        "treatments": {},
    }
    for name in TREATMENTS:
        config, values["treatments"][name] = _fit(dataset, ties[name], config, cell.seed)
    return values


def treated(dataset: SocialDataset, scores: Float32, seed: int) -> dict[str, WeightedEdges]:
    """Return the edges of ``dataset`` after every treatment, given their fake scores (E,)."""
    rng = np.random.default_rng(seed)
    edges = dataset.edges
    kept = ~removed(dataset.graph, scores, Policy())
    thinned = np.sort(rng.permutation(len(edges))[: int(kept.sum())])
    adjacency = rewired(dataset.graph.adjacency(), rng)
    return {
        "as-is": WeightedEdges(edges),
        "cleaned": WeightedEdges(edges[kept]),
        "weighted": WeightedEdges(edges, np.asarray(1.0 - scores, np.float32)),
        "thinned": WeightedEdges(edges[thinned]),
        "shuffled": WeightedEdges(_edges_of(adjacency, dataset.directed)),
        "none": WeightedEdges(np.empty((0, 2), np.int64)),
    }


def _fit(
    dataset: SocialDataset, ties: WeightedEdges, config: RecommenderConfig, seed: int
) -> tuple[RecommenderConfig, dict[str, Any]]:
    """Return the settings used, with the search off, and what the fit came to."""
    train, validation = dataset.train, dataset.validation
    made = fit_recommender(
        config,
        train,
        SocialGraph(ties.edges, len(dataset.users), dataset.directed),
        validation=validation,
        seed=seed,
        edge_weight=ties.weight,
    )
    score = made.recommender.score
    found = {
        "ties": len(ties.edges),
        "validation": validation_judge(train, validation)(score),
        "test": pack(rank(score, train, dataset.test)),
    }
    return made.config, found


def _auc(made: Changed, scores: Float32) -> float | None:
    """Return how well the scores find the fakes put there, None where there are none."""
    return auc(made.is_fake, scores.astype(np.float64)) if made.is_fake.any() else None


def _edges_of(adjacency: sp.csr_matrix, directed: bool) -> Int64:
    """Return the edges of an adjacency, (E, 2), undirected ones once."""
    coo = (adjacency if directed else sp.triu(adjacency, 1)).tocoo()
    return np.stack([coo.row, coo.col], axis=1).astype(np.int64)

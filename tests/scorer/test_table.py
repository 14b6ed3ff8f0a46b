"""The user table: what its columns rebuild, and which terms it allows."""

from __future__ import annotations

import numpy as np
import torch

from recdiff.config.scorer import TableConfig
from recdiff.graph.adjacency import normalised, social_adjacency
from recdiff.graph.folded import FoldedGraph
from recdiff.graph.social_graph import SocialGraph
from recdiff.scorer.table import Encoding, Starts, Tastes, encode, join, latent_rows, pair_terms, spans
from tests.graph_samples import community_edges, community_items

CONFIG = TableConfig(positive=12, negative=4, singular=6, taste=5)


def encoding(directed: bool = False) -> Encoding:
    edges = community_edges()
    graph = FoldedGraph.of(SocialGraph(edges, 320, directed), np.zeros(len(edges), np.int64)).without(1)
    return encode(graph, CONFIG, Starts.of(320, directed, CONFIG, np.random.default_rng(0), "cpu"))


def test_dots_of_pull_rebuild_the_graph_and_cosines_are_bounded() -> None:
    columns = {name: each.numpy() for name, each in encoding().columns.items()}
    graph = social_adjacency(community_edges(), 320, directed=False)
    edges = community_edges()
    pull = columns["pull"] * columns["unit"][:, :12]
    rebuilt = np.sum(pull[edges[:, 0]] * pull[edges[:, 1]], axis=1).mean()
    others = np.random.default_rng(0).integers(0, 320, (2000, 2))
    assert rebuilt > 3 * np.sum(pull[others[:, 0]] * pull[others[:, 1]], axis=1).mean()
    np.testing.assert_allclose(np.linalg.norm(columns["unit"], axis=1), 1.0, atol=1e-5)
    degree = np.asarray(graph.sum(axis=1)).ravel()
    np.testing.assert_allclose(columns["degree"][:, 0], np.log1p(degree), rtol=1e-6)
    assert abs(normalised(graph, CONFIG.ridge)).max() < 1.0


def test_undirected_terms_are_symmetric_and_cover_every_column() -> None:
    tastes = Tastes.of(community_items(), 320, CONFIG, np.random.default_rng(0)).columns
    columns = encoding().columns | tastes
    terms = pair_terms(spans(columns), False, CONFIG)
    assert {term.operation for term in terms} <= {"product", "dot", "split", "sum", "gap", "low"}
    used = np.zeros(join(columns).shape[1], bool)
    for term in terms:
        used[slice(*term.left)] = used[slice(*term.right)] = True
        used[list(term.by or ())] = True
    assert used.all()


def test_directed_terms_know_the_ends_apart() -> None:
    columns = encoding(directed=True).columns
    terms = pair_terms(spans(columns), True, CONFIG)
    assert {"src", "dst"} <= {term.operation for term in terms}
    at = spans(columns)
    assert any(term.left == at["unit_out"] and term.right == at["unit_into"] for term in terms)
    assert any(term.by == (at["pull_out"][0], at["pull_into"][0]) for term in terms)


def test_a_table_is_half_precision_and_finite_whatever_its_columns_hold() -> None:
    table = join({"small": torch.full((3, 1), 1e-9), "large": torch.full((3, 2), 1e9)})
    assert table.dtype == torch.float16
    assert table.shape == (3, 3)
    assert torch.isfinite(table).all()
    assert table[0, 1] > 50_000


def test_tastes_of_a_community_are_alike() -> None:
    taste = Tastes.of(community_items(), 320, CONFIG, np.random.default_rng(0)).columns["taste"].numpy()
    group = np.arange(320) % 8
    cosine = taste @ taste.T
    same = group[:, None] == group
    assert cosine[same].mean() > 0.4 > cosine[~same].mean()
    assert Tastes.of(None, 320, CONFIG, np.random.default_rng(0)).columns == {}


def test_tastes_describe_others_as_they_describe_the_fitted() -> None:
    tastes = Tastes.of(community_items(), 320, CONFIG, np.random.default_rng(0))
    again = tastes.describe(community_items())
    np.testing.assert_array_equal(again["items"], tastes.columns["items"])
    np.testing.assert_allclose(again["taste"], tastes.columns["taste"], atol=1e-4)


def test_latent_rows_hold_place_degree_and_taste() -> None:
    tastes = Tastes.of(community_items(), 320, CONFIG, np.random.default_rng(0)).columns
    turn = torch.eye(12)
    with_taste, without = (latent_rows(encoding(), turn, each) for each in (tastes, {}))
    assert without.shape == (320, 14)
    assert with_taste.shape == (320, 14 + 5)

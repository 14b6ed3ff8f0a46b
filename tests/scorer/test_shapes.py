"""Graphs of any shape are scored: a kind that a graph has no room for is left out, not a reason to stop."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest

from recdiff.config.scorer import ClassifierConfig, EvidenceConfig, MixtureConfig, ScorerConfig
from recdiff.graph.social_graph import SocialGraph
from recdiff.scorer.fit import fit_scorer

FEW = ClassifierConfig(hidden=(), epochs=1, least_steps=20)
QUICK = ScorerConfig(
    folds=3,
    divisions=1,
    least_pairs=200,
    few=FEW,
    accounts=replace(FEW, hidden=(4, 4)),
    evidence=EvidenceConfig(epochs=1, least_steps=20),
    mixture=MixtureConfig(draws=200, moves=2),
)

SHAPES: dict[str, Callable[[], list[tuple[int, int]]]] = {
    "star": lambda: [(0, each) for each in range(1, 61)],
    "few stars": lambda: [(5 + each, each % 5) for each in range(60)],
    "tree": lambda: [(each // 2, each) for each in range(1, 61)],
    "path": lambda: [(each, each + 1) for each in range(60)],
    "ring": lambda: [(each, (each + 1) % 60) for each in range(60)],
    "couples": lambda: [(2 * each, 2 * each + 1) for each in range(60)],
    "triangles": lambda: [(3 * t + a, 3 * t + b) for t in range(20) for a, b in ((0, 1), (1, 2), (0, 2))],
    "cliques": lambda: [(6 * c + a, 6 * c + b) for c in range(5) for a, b in combinations(range(6), 2)],
    "all know all": lambda: list(combinations(range(12), 2)),
    "nearly all know all": lambda: list(combinations(range(14), 2))[:-3],
    "two camps": lambda: [(a, 8 + b) for a in range(8) for b in range(8)],
    "referrals by ten": lambda: [(each // 10, each) for each in range(1, 101)],
    "hubs": lambda: sorted({(hub, 10 + (7 * hub + 3 * each) % 40) for hub in range(10) for each in range(15)}),
}
RARE: dict[str, Callable[[], list[tuple[int, int]]]] = {
    "fifty edges, the fewest": lambda: [(each, each + 1) for each in range(50)],
    "wheel": lambda: [(0, each) for each in range(1, 41)] + [(each, each % 40 + 1) for each in range(1, 41)],
    "grid": lambda: (
        [(8 * r + c, 8 * r + c + 1) for r in range(8) for c in range(7)]
        + [(8 * r + c, 8 * r + c + 8) for r in range(7) for c in range(8)]
    ),
    "ladder": lambda: [(each, each + 2) for each in range(60)] + [(2 * each, 2 * each + 1) for each in range(30)],
    "caterpillar": lambda: [(each, each + 1) for each in range(20)] + [(each % 20, 21 + each) for each in range(60)],
    "two stars that know each other": lambda: [(each % 2, 2 + each) for each in range(60)] + [(0, 1)],
    "barbell": lambda: [(9 * c + a, 9 * c + b) for c in range(2) for a, b in combinations(range(9), 2)] + [(0, 9)],
    "lollipop": lambda: list(combinations(range(9), 2)) + [(8 + each, 9 + each) for each in range(30)],
    "windmill": lambda: [(a, b) for w in range(1, 61, 2) for a, b in ((0, w), (0, w + 1), (w, w + 1))],
    "few to many": lambda: [(a, 3 + b) for a in range(3) for b in range(40)],
    "three camps": lambda: [(a, b) for a, b in combinations(range(18), 2) if a % 3 != b % 3],
    "hypercube": lambda: [(a, a ^ (1 << bit)) for a in range(64) for bit in range(6) if not a & (1 << bit)],
    "a clique and strangers in pairs": lambda: (
        list(combinations(range(10), 2)) + [(10 + 2 * each, 11 + 2 * each) for each in range(20)]
    ),
    "cliques in a ring": lambda: (
        [(5 * c + a, 5 * c + b) for c in range(8) for a, b in combinations(range(5), 2)]
        + [(5 * c, (5 * c + 6) % 40) for c in range(8)]
    ),
    "far neighbours": lambda: [(each, (each + step) % 61) for each in range(61) for step in (1, 9)],
    "nobody knows two of a pair": lambda: [(each, (each + step) % 63) for each in range(63) for step in (1, 3, 8)],
    "threads": lambda: [(9 * t + each, 9 * t + each + 1) for t in range(10) for each in range(8)],
}
THIRTY = 30


def test_there_are_thirty_shapes() -> None:
    assert len(SHAPES) + len(RARE) == THIRTY
    assert all(len(set(make())) == len(make()) >= 50 for make in (SHAPES | RARE).values())


@pytest.mark.parametrize("directed", [False, True])
@pytest.mark.parametrize("shape", SHAPES)
def test_a_graph_of_any_shape_is_scored(shape: str, directed: bool) -> None:
    check(np.array(SHAPES[shape](), np.int64), directed)


def check(edges: np.ndarray, directed: bool) -> None:
    found = fit_scorer(SocialGraph(edges, int(edges.max()) + 2, directed), None, QUICK, seed=0)
    assert found.edge_scores.shape == (len(edges),)
    assert np.isfinite(found.edge_scores).all()
    assert ((found.edge_scores >= 0) & (found.edge_scores <= 1)).all()
    low, high = found.interval
    assert 0 <= low <= high <= 1
    new, _ = found.score(np.array([[0, edges.max() + 1], [0, 1]]))
    assert np.isfinite(new).all()


def test_mutual_couples_are_scored() -> None:
    one = np.array(SHAPES["couples"](), np.int64)
    both = np.concatenate([one, one[:, ::-1]])
    assert np.isfinite(fit_scorer(SocialGraph(both, 120, True), None, QUICK, seed=0).edge_scores).all()


@pytest.mark.parametrize("directed", [False, True])
def test_a_graph_that_one_account_reaches_across_is_scored(directed: bool) -> None:
    """Nearly half of its edges are of user 0, who knows 500 users that know nobody else."""
    near = [pair for pair in combinations(range(150), 2) if pair[0] % 5 == pair[1] % 5]
    group = np.random.default_rng(0).choice(np.array(near), 580, replace=False)
    hub = np.array([(0, 150 + each) for each in range(500)])
    check(np.concatenate([group, hub]).astype(np.int64), directed)

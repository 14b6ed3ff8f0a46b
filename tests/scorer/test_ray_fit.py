"""Scores that two workers of a Ray cluster lead to are those of one process, also where a worker was killed."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from recdiff.config.scorer import ClassifierConfig, EvidenceConfig, MixtureConfig, ScorerConfig, TableConfig
from recdiff.graph.social_graph import SocialGraph
from recdiff.machine.hands import Hands, nothing, ray_hands
from recdiff.machine.ray_cluster import INSTALL
from recdiff.scorer.fit import fit_scorer
from recdiff.scorer.fitted import Scorer
from tests.graph_samples import community_edges

FEW_STEPS = ClassifierConfig(hidden=(8, 4), epochs=1, least_steps=20)
QUICK = ScorerConfig(
    folds=3,
    divisions=1,
    rounds=2,
    least_pairs=500,
    worthwhile=0.0,
    table=TableConfig(positive=8, negative=2, iterations=4),
    evidence=EvidenceConfig(epochs=1, least_steps=10, hidden=16),
    classifier=FEW_STEPS,
    few=FEW_STEPS,
    mixture=MixtureConfig(draws=200, moves=1, halved_from=1),
)


class InThisProcess:
    """Hands that do all themselves, and count."""

    def __init__(self) -> None:
        self.pieces = 0

    def each(self, work: Callable[[Any], Any], blocks: Sequence[Any], done: Callable[[], None] = nothing) -> list[Any]:
        """Do one piece after the other."""
        self.pieces += len(blocks)
        found = []
        for block in blocks:
            found.append(work(block))
            done()
        return found


class OnceKilled:
    """Hands of which one worker is killed at the first piece."""

    def __init__(self, hands: Hands, died: Path) -> None:
        self.hands, self.died = hands, died

    def each(self, work: Callable[[Any], Any], blocks: Sequence[Any], done: Callable[[], None] = nothing) -> list[Any]:
        """Hand the pieces on, and let the first worker that begins one die."""
        died = self.died

        def dying(block: Any) -> Any:
            if not died.exists():
                died.touch()
                os.kill(os.getpid(), signal.SIGKILL)
            return work(block)

        return self.hands.each(dying, blocks, done)


def fitted(hands: Hands | None) -> Scorer:
    edges = community_edges()
    return fit_scorer(SocialGraph(edges, int(edges.max()) + 1, False), None, QUICK, seed=0, hands=hands)


def test_all_encodings_and_networks_are_handed_out_and_the_scores_are_the_same() -> None:
    hands = InThisProcess()
    assert np.array_equal(fitted(hands).edge_scores, fitted(None).edge_scores)
    # Two rounds of 3 folds and the whole, two halves; networks of 2 halves three times, and of all at last.
    assert hands.pieces == 2 * 4 + 2 + 3 * 2 + 3


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning:ray", "ignore::FutureWarning:ray")
@pytest.mark.parametrize("killed", [False, True])
def test_two_workers_come_to_the_scores_of_one_process(tmp_path: Path, workers: Hands, killed: bool) -> None:
    died = tmp_path / "died"
    found, expected = fitted(OnceKilled(workers, died) if killed else workers), fitted(None)
    np.testing.assert_allclose(found.edge_scores, expected.edge_scores, atol=1e-5, rtol=0)
    assert died.exists() == killed


@pytest.fixture(scope="module")
def workers() -> Iterator[Hands]:
    pytest.importorskip("ray", reason=f"needs Ray: {INSTALL}")
    with ray_hands("cpu", 2) as hands:
        yield hands

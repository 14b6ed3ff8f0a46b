"""The scorer end to end: blind, out of fold, calibrated, repeatable."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import scipy.sparse as sp

from graph_samples import community_edges, community_items
from recdiff.accounts import PLANTED
from recdiff.corrupt import Corruption, corrupt
from recdiff.edge_metrics import edge_metrics
from recdiff.errors import DataError
from recdiff.fakepool import DRAWN
from recdiff.heuristics import heuristic_scores
from recdiff.progress import silent
from recdiff.rounds import make_round, make_task
from recdiff.scorer import KNOWN, Scorer, fit_scorer
from recdiff.scorer_config import ClassifierConfig, EvidenceConfig, ScorerConfig, TableConfig

USERS = 640
CONFIG = ScorerConfig(
    folds=4,
    table=TableConfig(positive=16, negative=4, singular=12, taste=8),
    evidence=EvidenceConfig(hidden=32, condition_width=8, epochs=4, batch_size=512),
    classifier=ClassifierConfig(hidden=(32, 16), epochs=8, batch_size=512),
    accounts=ClassifierConfig(hidden=(16, 8), epochs=8, batch_size=512),
)


def corrupted(kind: str = "uniform", share: float = 0.2) -> Corruption:
    edges = community_edges(USERS, 7000)
    return corrupt(edges, USERS, kind, share, "replace", np.random.default_rng(1))  # type: ignore[arg-type]


def items(num_users: int) -> sp.csr_matrix:
    known = community_items(USERS)
    return sp.vstack([known, sp.csr_matrix((num_users - USERS, known.shape[1]), dtype=np.float32)]).tocsr()


def fitted(made: Corruption, config: ScorerConfig = CONFIG, directed: bool = False) -> Scorer:
    return fit_scorer(made.edges, made.num_users, items(made.num_users), directed, config, seed=3)


@pytest.fixture(scope="module")
def uniform() -> tuple[Corruption, Scorer]:
    made = corrupted()
    return made, fitted(made)


def test_it_beats_every_heuristic_and_knows_the_share(uniform: tuple[Corruption, Scorer]) -> None:
    made, scorer = uniform
    found = edge_metrics(made.is_fake, scorer.edge_scores)
    floor = heuristic_scores(made.edges, USERS, items(USERS), False, np.random.default_rng(0))
    best = max(edge_metrics(made.is_fake, -score, probability=False).auc for score in floor.values())
    assert found.auc > best
    assert found.calibration_error < 0.08
    assert scorer.fake_share == pytest.approx(0.2, abs=0.06)
    assert scorer.edge_scores.mean() == pytest.approx(scorer.fake_share, abs=0.01)


def test_parts_by_kind_add_up(uniform: tuple[Corruption, Scorer]) -> None:
    _, scorer = uniform
    assert scorer.kinds == (*DRAWN, *PLANTED)
    np.testing.assert_allclose(scorer.edge_kinds.sum(axis=1), scorer.edge_scores, atol=1e-5)
    assert max(scorer.shares, key=lambda kind: scorer.shares[kind]) in ("uniform", "degree")


def test_new_pairs_score_by_the_table_alone_and_symmetrically(uniform: tuple[Corruption, Scorer]) -> None:
    _, scorer = uniform
    pairs = np.random.default_rng(0).integers(0, USERS, (400, 2))
    forth, back = scorer.score(pairs)[0], scorer.score(pairs[:, ::-1])[0]
    assert forth.tobytes() == back.tobytes()
    near = pairs[:, 0] % 8 == pairs[:, 1] % 8
    assert forth[near].mean() < forth[~near].mean()


def test_no_tie_is_part_of_the_encoding_that_scores_it() -> None:
    """Taking the ties of one fold away altogether leaves that fold's table as it was, up to the shared rotation."""
    edges = community_edges(USERS, 7000)
    task = make_task(edges, USERS, None, False, replace(CONFIG, evidence=EvidenceConfig(denoising="none")), 0, silent)
    fold = task.pool.fold[: len(edges)]
    whole = make_round(task, np.ones(len(edges), np.float32))
    weight = np.where(fold == 1, 0.0, 1.0).astype(np.float32)
    without = make_round(task, weight)
    assert whole.tables[1].tobytes() == without.tables[1].tobytes()
    assert whole.tables[2].tobytes() != without.tables[2].tobytes()


def test_denoised_rows_spread(uniform: tuple[Corruption, Scorer]) -> None:
    _, scorer = uniform
    unit = scorer.denoised / np.linalg.norm(scorer.denoised, axis=1, keepdims=True)
    assert abs((unit @ unit.T).mean()) < 0.2
    assert scorer.denoised.shape == scorer.latent.shape
    assert scorer.movement.shape == (USERS,)


def test_the_same_seed_gives_the_same_scores(uniform: tuple[Corruption, Scorer]) -> None:
    made, scorer = uniform
    again = fitted(made)
    assert again.edge_scores.tobytes() == scorer.edge_scores.tobytes()
    assert again.table.tobytes() == scorer.table.tobytes()


def test_a_cheap_first_round_leads_to_the_same_scores() -> None:
    made = corrupted("degree", 0.5)
    scratch, continued = (fitted(made, replace(CONFIG, continued=each)) for each in (False, True))
    found = [{kind for kind, share in each.shares.items() if share > 0} for each in (scratch, continued)]
    assert found[0] == found[1] == {"degree"}
    for each in (scratch, continued):
        assert each.fake_share == pytest.approx(0.5, abs=0.1)
    auc = [edge_metrics(made.is_fake, each.edge_scores).auc for each in (scratch, continued)]
    assert auc[1] == pytest.approx(auc[0], abs=0.01)


def test_a_farm_is_found_by_its_accounts() -> None:
    made = corrupted("farm")
    scorer = fitted(made)
    assert edge_metrics(made.is_fake, scorer.edge_scores).auc > 0.9
    looks_like = scorer.kinds[int(scorer.edge_kinds[made.is_fake].sum(axis=0).argmax())]
    assert looks_like in ("farm", "camouflage")


def test_directed_ties_without_interactions() -> None:
    edges = community_edges(USERS, 7000)
    turned = np.random.default_rng(0).random(len(edges)) < 0.5
    edges[turned] = edges[turned][:, ::-1]
    made = corrupt(edges, USERS, "uniform", 0.2, "replace", np.random.default_rng(0), directed=True)
    scorer = fit_scorer(made.edges, USERS, None, True, CONFIG, seed=0)
    assert edge_metrics(made.is_fake, scorer.edge_scores).auc > 0.75
    assert scorer.kinds == DRAWN
    pairs = np.random.default_rng(0).integers(0, USERS, (200, 2))
    assert not np.array_equal(scorer.score(pairs)[0], scorer.score(pairs[:, ::-1])[0])


def test_without_evidence_there_is_no_denoiser() -> None:
    config = replace(CONFIG, rounds=1, evidence=EvidenceConfig(denoising="none"))
    scorer = fitted(corrupted(), config)
    assert scorer.denoiser is None
    assert scorer.movement.size == 0
    assert not any(name.startswith("joint") for name in scorer.columns)


def test_too_few_ties_are_refused() -> None:
    with pytest.raises(DataError, match="20 social ties are too few to learn what a fake looks like: at least 50"):
        fit_scorer(community_edges()[:20], 320, None, False, CONFIG, 0)


def test_known_fakes_are_learned_as_a_kind_of_their_own() -> None:
    """Fakes that no sampled kind looks like: ties between two given communities are lies, all others are not."""
    edges = community_edges(USERS, 5000)
    rng = np.random.default_rng(0)
    lies = np.unique(np.sort(8 * rng.integers(0, USERS // 8, (400, 2)) + [1, 2], axis=1), axis=0)
    edges = np.concatenate([edges, lies])
    edges, first = np.unique(np.sort(edges, axis=1), axis=0, return_index=True)
    is_fake = first >= len(community_edges(USERS, 5000))
    known = np.where(rng.random(len(edges)) < 0.3, is_fake, -1).astype(np.int64)
    rest = known < 0
    scorers = [fit_scorer(edges, USERS, items(USERS), False, CONFIG, seed=0, known=each) for each in (None, known)]
    blind, taught = (edge_metrics(is_fake[rest], each.edge_scores[rest]).auc for each in scorers)
    assert taught > blind
    assert taught > 0.9
    assert scorers[1].kinds == (*DRAWN, KNOWN, *PLANTED)
    np.testing.assert_allclose(scorers[1].edge_kinds.sum(axis=1), scorers[1].edge_scores, atol=1e-5)


def test_a_fit_tells_how_far_it_is() -> None:
    told: list[tuple[str, int, int]] = []
    quick = replace(CONFIG, evidence=EvidenceConfig(denoising="none"), worthwhile=1.0)
    fit_scorer(community_edges(), 320, None, False, quick, 0, lambda *step: told.append(step))
    stages, done, totals = zip(*told, strict=True)
    assert set(stages) == {"edge scorer"}
    assert list(done) == [*range(CONFIG.folds + 3), totals[0]]  # type: ignore[operator]
    assert set(totals) == {CONFIG.rounds * (CONFIG.folds + 2)}  # type: ignore[operator]

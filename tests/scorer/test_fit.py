"""The scorer end to end: blind, out of fold, calibrated, repeatable."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import scipy.sparse as sp
import torch
from threadpoolctl import threadpool_limits

from recdiff.config.scorer import ClassifierConfig, EvidenceConfig, ScorerConfig, TableConfig
from recdiff.errors import DataError
from recdiff.evaluation.heuristics import heuristic_scores
from recdiff.fakes.injection import Corruption, corrupt
from recdiff.fakes.kinds import planted, sampled
from recdiff.graph.pairs import pair_keys
from recdiff.graph.social_graph import SocialGraph
from recdiff.machine.progress import Steps, silent
from recdiff.metrics.edges import edge_metrics
from recdiff.model.known import recalibrated
from recdiff.scorer.fit import fit_scorer
from recdiff.scorer.fitted import KNOWN, OTHER, Scorer
from recdiff.scorer.round import make_round
from recdiff.scorer.setup import Seeds, make_setup
from recdiff.scorer.untaught.staged import STAGED
from tests.graph_samples import community_edges, community_items

USERS = 640
CONFIG = ScorerConfig(
    folds=4,
    divisions=1,
    table=TableConfig(positive=16, negative=4, singular=12, taste=8),
    evidence=EvidenceConfig(hidden=32, condition_width=8, epochs=4, batch_size=512),
    classifier=ClassifierConfig(hidden=(32, 16), epochs=8, batch_size=512),
    accounts=ClassifierConfig(hidden=(16, 8), epochs=8, batch_size=512),
)


def corrupted(kind: str = "uniform", share: float = 0.2) -> Corruption:
    graph = SocialGraph(community_edges(USERS, 7000), USERS, False)
    return corrupt(graph, kind=kind, share=share, mode="replace", rng=np.random.default_rng(1))


def items(num_users: int) -> sp.csr_matrix:
    known = community_items(USERS)
    return sp.vstack([known, sp.csr_matrix((num_users - USERS, known.shape[1]), dtype=np.float32)]).tocsr()


def fitted(made: Corruption, config: ScorerConfig = CONFIG, directed: bool = False) -> Scorer:
    return fit_scorer(made.graph, items(made.num_users), config, seed=3)


@pytest.fixture(scope="module")
def uniform() -> tuple[Corruption, Scorer]:
    made = corrupted()
    return made, fitted(made)


def test_it_beats_every_heuristic_and_knows_the_share() -> None:
    """Averaged over as many divisions as graphs of this size are."""
    made = corrupted()
    scorer = fitted(made, replace(CONFIG, divisions=None))
    found = edge_metrics(made.is_fake, scorer.edge_scores)
    floor = heuristic_scores(SocialGraph(made.edges, USERS, False), items(USERS), np.random.default_rng(0))
    best = max(edge_metrics(made.is_fake, -score, probability=False).auc for score in floor.values())
    assert found.auc > best
    assert found.calibration_error < 0.15
    low, high = scorer.interval
    assert low <= 0.2 <= high
    assert low <= scorer.fake_share <= high
    assert scorer.edge_scores.mean() == pytest.approx(scorer.fake_share, abs=0.01)


def test_parts_by_kind_add_up(uniform: tuple[Corruption, Scorer]) -> None:
    _, scorer = uniform
    assert scorer.kinds == (*sampled(), *planted(), STAGED, OTHER)
    np.testing.assert_allclose(scorer.edge_kinds.sum(axis=1), scorer.edge_scores, atol=1e-5)
    assert scorer.shares["uniform"] + scorer.shares["hub"] + scorer.shares["degree"] > 0.5 * scorer.fake_share


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
    config = replace(CONFIG, evidence=EvidenceConfig(denoising="none"))
    seeds, steps = Seeds.of(np.random.SeedSequence(0)), Steps(silent, "", 0)
    setup = make_setup(SocialGraph(edges, USERS, False), None, config, seeds, steps)
    fold = setup.pool.fold[: len(edges)]
    whole = make_round(setup, torch.ones(len(edges))).encodings
    weight = torch.as_tensor(np.where(fold == 1, 0.0, 1.0).astype(np.float32))
    without = make_round(setup, weight).encodings
    assert torch.equal(whole.tables[1], without.tables[1])
    assert not torch.equal(whole.tables[2], without.tables[2])


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
    for each in (scratch, continued):
        assert each.interval[0] <= 0.5 <= each.interval[1] + 0.05
    auc = [edge_metrics(made.is_fake, each.edge_scores).auc for each in (scratch, continued)]
    assert auc[1] == pytest.approx(auc[0], abs=0.01)


def test_a_farm_is_found_by_its_accounts() -> None:
    made = corrupted("farm")
    scorer = fitted(made)
    assert edge_metrics(made.is_fake, scorer.edge_scores).auc > 0.9
    looks_like = scorer.kinds[int(scorer.edge_kinds[made.is_fake].sum(axis=0).argmax())]
    assert looks_like in planted()


def test_directed_ties_without_interactions() -> None:
    edges = community_edges(USERS, 7000)
    turned = np.random.default_rng(0).random(len(edges)) < 0.5
    edges[turned] = edges[turned][:, ::-1]
    made = corrupt(
        SocialGraph(edges, USERS, True),
        kind="uniform",
        share=0.2,
        mode="replace",
        rng=np.random.default_rng(0),
    )
    scorer = fit_scorer(SocialGraph(made.edges, USERS, True), None, CONFIG, seed=0)
    assert edge_metrics(made.is_fake, scorer.edge_scores).auc > 0.75
    assert scorer.kinds == (*sampled(), STAGED, OTHER)
    pairs = np.random.default_rng(0).integers(0, USERS, (200, 2))
    assert not np.array_equal(scorer.score(pairs)[0], scorer.score(pairs[:, ::-1])[0])


def test_without_evidence_there_is_no_denoiser() -> None:
    config = replace(CONFIG, rounds=1, evidence=EvidenceConfig(denoising="none"))
    scorer = fitted(corrupted(), config)
    assert scorer.denoiser is None
    assert scorer.movement.size == 0
    assert not any(name.startswith("joint") for name in scorer.columns)


def test_scores_do_not_depend_on_the_order_of_edges_or_of_their_ends(uniform: tuple[Corruption, Scorer]) -> None:
    made, scorer = uniform
    rng = np.random.default_rng(0)
    order = rng.permutation(len(made.edges))
    turned = np.where(rng.random((len(order), 1)) < 0.5, made.edges[order, ::-1], made.edges[order])
    again = fit_scorer(SocialGraph(turned, made.num_users, False), items(made.num_users), CONFIG, seed=3)
    assert again.edge_scores.tobytes() == scorer.edge_scores[order].tobytes()


@pytest.mark.parametrize("threads", [2, 4])
def test_scores_do_not_depend_on_the_number_of_threads(uniform: tuple[Corruption, Scorer], threads: int) -> None:
    made, scorer = uniform
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        with threadpool_limits(threads):
            again = fit_scorer(made.graph, items(made.num_users), CONFIG, seed=3)
    finally:
        torch.set_num_threads(before)
    for name in ("edge_log_odds", "edge_kinds", "table", "latent", "denoised", "movement"):
        assert getattr(again, name).tobytes() == getattr(scorer, name).tobytes(), name
    weights = [[each for layer in found.pair.layers for each in layer] for found in (scorer, again)]
    assert all(left.tobytes() == right.tobytes() for left, right in zip(*weights, strict=True))


def test_a_mixture_of_kinds_is_ranked_above_every_heuristic() -> None:
    edges = community_edges(USERS, 7000)
    for kind in ("uniform", "degree", "two-hop"):
        edges = corrupt(
            SocialGraph(edges, USERS, False), kind=kind, share=0.08, mode="add", rng=np.random.default_rng(1)
        ).edges
    is_fake = ~np.isin(pair_keys(edges, USERS, False), pair_keys(community_edges(USERS, 7000), USERS, False))
    scorer = fit_scorer(SocialGraph(edges, USERS, False), items(USERS), CONFIG, seed=0)
    floor = heuristic_scores(SocialGraph(edges, USERS, False), items(USERS), np.random.default_rng(0))
    best = max(edge_metrics(is_fake, -score, probability=False).auc for score in floor.values())
    assert edge_metrics(is_fake, scorer.edge_scores).auc > best


def test_a_graph_as_it_is_has_hardly_any_edge_that_is_called_fake() -> None:
    scorer = fit_scorer(SocialGraph(community_edges(USERS, 7000), USERS, False), items(USERS), CONFIG, seed=0)
    assert (scorer.edge_scores >= 0.9).mean() <= 0.01
    assert scorer.interval[0] < 0.02


def test_edges_that_are_not_answered_are_the_suspicious_ones_where_most_are() -> None:
    edges = community_edges(USERS, 5000)
    rng = np.random.default_rng(0)
    unanswered = rng.random(len(edges)) < 0.1
    both = np.concatenate([edges, edges[~unanswered][:, ::-1]])
    scorer = fit_scorer(SocialGraph(both, USERS, True), None, CONFIG, seed=0)
    alone = np.concatenate([unanswered, np.zeros(int((~unanswered).sum()), bool)])
    assert edge_metrics(alone, scorer.edge_scores).auc > 0.9


def test_too_few_ties_are_refused() -> None:
    with pytest.raises(DataError, match="20 social edges are too few to learn what a fake looks like: at least 50"):
        fit_scorer(SocialGraph(community_edges()[:20], 320, False), None, CONFIG, seed=0)


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
    graph = SocialGraph(edges, USERS, directed=False)
    scorers = [fit_scorer(graph, items(USERS), CONFIG, seed=0, known=each) for each in (None, known)]
    blind, taught = (edge_metrics(is_fake[rest], each.edge_scores[rest]).auc for each in scorers)
    assert taught > blind
    assert taught > 0.9
    assert scorers[1].kinds == (*sampled(), KNOWN, *planted(), STAGED, OTHER)
    np.testing.assert_allclose(scorers[1].edge_kinds.sum(axis=1), scorers[1].edge_scores, atol=1e-5)


def test_few_labels_make_no_kind_but_are_learned_from() -> None:
    """Known fakes between well-connected users, fewer than make a kind of their own."""
    edges = community_edges(USERS, 5000)
    degree = np.bincount(edges.ravel(), minlength=USERS)
    busy = np.log(degree[edges]).sum(axis=1)
    is_fake = busy > np.quantile(busy, 0.8)
    rng = np.random.default_rng(0)
    told = np.concatenate([rng.choice(np.flatnonzero(is_fake), 15), rng.choice(np.flatnonzero(~is_fake), 60)])
    known = np.full(len(edges), -1)
    known[told] = is_fake[told]
    rest = known < 0
    graph = SocialGraph(edges, USERS, directed=False)
    scorers = [fit_scorer(graph, items(USERS), CONFIG, seed=0, known=each) for each in (None, known)]
    blind, taught = (edge_metrics(is_fake[rest], each.edge_scores[rest]).auc for each in scorers)
    assert taught > blind + 0.2
    assert KNOWN not in scorers[1].kinds
    assert scorers[0].agreement is None
    assert scorers[1].agreement == pytest.approx(blind, abs=0.2)


def test_decisions_about_suspicious_edges_leave_the_order_of_the_others(uniform: tuple[Corruption, Scorer]) -> None:
    """What was looked at because it is suspicious differs from the rest in that, which is nothing to learn."""
    made, blind = uniform
    queue = np.argsort(-blind.edge_log_odds)[:100]
    known = np.full(len(made.edges), -1)
    known[queue] = made.is_fake[queue]
    rest = known < 0
    told = fit_scorer(made.graph, items(made.num_users), CONFIG, seed=3, known=known, drawn=np.zeros(len(known), bool))
    before, after = (edge_metrics(made.is_fake[rest], each.edge_scores[rest]).auc for each in (blind, told))
    assert after > before - 0.01
    assert KNOWN in told.kinds


@pytest.mark.parametrize("sort", [0, 1])
def test_labels_of_one_sort_weigh_in_training_and_leave_the_level_alone(sort: int) -> None:
    edges = community_edges()
    known = np.where(np.arange(len(edges)) % 3 == 0, sort, -1)
    quick = replace(CONFIG, evidence=EvidenceConfig(denoising="none"), rounds=1)
    graph = SocialGraph(edges, 320, directed=False)
    blind, taught = (fit_scorer(graph, None, quick, seed=0, known=each) for each in (None, known))
    assert not np.array_equal(taught.edge_log_odds, blind.edge_log_odds)
    assert taught.edge_scores.mean() == pytest.approx(blind.edge_scores.mean(), abs=0.02)
    assert taught.agreement is None
    assert recalibrated(taught, None, known) is taught
    assert recalibrated(taught, 0.1, known).edge_scores.mean() == pytest.approx(0.1, abs=1e-3)


def test_a_fit_tells_how_far_it_is() -> None:
    told: list[tuple[str, int, int]] = []
    quick = replace(CONFIG, evidence=EvidenceConfig(denoising="none"), worthwhile=1.0, rounds=2)
    fit_scorer(SocialGraph(community_edges(), 320, False), None, quick, seed=0, report=lambda *step: told.append(step))
    stages, done, totals = zip(*told, strict=True)
    assert set(stages) == {"edge scorer"}
    assert list(done) == [*range(CONFIG.folds + 3), totals[0]]  # type: ignore[operator]
    assert set(totals) == {2 * (CONFIG.folds + 2)}  # type: ignore[operator]

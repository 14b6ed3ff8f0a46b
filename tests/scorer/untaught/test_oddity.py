"""Fakes of no known kind: found by what all real edges share, and by the company of their ends."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from recdiff.arrays import Int64
from recdiff.config.scorer import EvidenceConfig, ScorerConfig
from recdiff.graph.social_graph import SocialGraph
from recdiff.machine.progress import Steps, silent
from recdiff.metrics.edges import auc
from recdiff.sample.society import make_society
from recdiff.scorer.features import fold_features, standardised
from recdiff.scorer.fit import fit_scorer
from recdiff.scorer.round import Round, make_round
from recdiff.scorer.setup import Seeds, Setup, make_setup
from recdiff.scorer.table import COMPANY, FRIENDS, friends_terms
from recdiff.scorer.untaught.oddity import FADING, FADING_SOON, LEAST_ODD, NEUTRAL, USUAL, Oddity, share_of_odd

USERS = 500
PLAIN = ScorerConfig(folds=4, divisions=1, rounds=1, evidence=EvidenceConfig(denoising="none"))


@pytest.fixture(scope="module")
def friends() -> Int64:
    return make_society(USERS, np.random.default_rng(0)).edges


def encoded(edges: Int64, *, directed: bool = False) -> tuple[Setup, Round]:
    seeds = Seeds.of(np.random.SeedSequence(0))
    graph = SocialGraph(edges, USERS, directed)
    setup = make_setup(graph, None, PLAIN, seeds, Steps(silent, "edge scorer", 9))
    return setup, make_round(setup, None)


def bought(friends: Int64, share: float) -> tuple[Int64, np.ndarray]:
    """Return edges of which a ``share`` leads from anybody to five unpopular users, and which those are."""
    rng, count = np.random.default_rng(1), round(share * len(friends))
    targets = np.argsort(np.bincount(friends.ravel(), minlength=USERS), kind="stable")[:5]
    drawn = np.stack([rng.integers(0, USERS, 3 * count), rng.choice(targets, 3 * count)], axis=1)
    drawn = np.sort(drawn[drawn[:, 0] != drawn[:, 1]], axis=1)
    known = {tuple(edge) for edge in np.sort(friends, axis=1).tolist()}
    fresh = np.array([edge for edge in dict.fromkeys(map(tuple, drawn.tolist())) if edge not in known][:count])
    kept = rng.choice(len(friends), len(friends) - len(fresh), replace=False)
    return np.concatenate([friends[kept], fresh]), np.arange(len(friends)) >= len(kept)


def test_the_linear_form_is_the_equation(friends: Int64) -> None:
    setup, made = encoded(friends)
    odd = Oddity.of(setup, made)
    edges, fold = setup.graph.edges, setup.pool.fold[: len(friends)]
    at, tables = made.encodings.at, [table.double().numpy() for table in made.encodings.tables]
    rows = [np.stack([tables[f][edge] for f, edge in zip(fold, edges[:, side], strict=True)]) for side in (0, 1)]

    def standing(values: np.ndarray) -> np.ndarray:
        return (values - values.mean()) / (values.std() + 1e-6)  # Nothing here is so far out that it is clipped.

    said = -0.5 * standing((rows[0][:, slice(*at["unit"])] * rows[1][:, slice(*at["unit"])]).sum(axis=1))
    apart = np.clip(said, -3, 3) - np.median(np.clip(said, -3, 3))
    for name in ("degree", "near"):
        ends = [row[:, at[name][0]] for row in rows]
        said = said - 0.5 * standing(ends[0] + ends[1])
    for number in range(0, len(edges), 97):
        company = []
        for user in edges[number]:
            others = (edges == user).any(axis=1) & (fold != fold[number])
            company.append(apart[others].sum() / (others.sum() + NEUTRAL))
        said[number] += 2.0 * max(company)
    features = fold_features(made.encodings.tables, torch.as_tensor(edges), torch.as_tensor(fold), made.terms)
    found = standardised(features, made.mean, made.scale).double().numpy() @ odd.weights + odd.constant
    chosen = np.arange(0, len(edges), 97)
    read = np.flatnonzero(odd.weights)
    inside = np.abs(((features.numpy()[chosen] - made.mean) / made.scale)[:, read]).max(axis=1) < 6.0
    shift = found[chosen][inside] - said[chosen][inside]
    assert inside.sum() > 10
    np.testing.assert_allclose(shift, shift.mean(), atol=0.05)
    assert np.exp(found).mean() == pytest.approx(1.0, rel=0.03)


def test_the_company_of_a_fold_and_of_all(friends: Int64) -> None:
    setup, made = encoded(friends)
    Oddity.of(setup, made)
    company = [table[:, made.encodings.at[COMPANY][0]].float() for table in made.encodings.tables]
    assert all(not torch.equal(each, company[-1]) for each in company[:-1])
    assert torch.stack(company).isfinite().all()


def test_friends_are_counted_without_the_fold_and_whatever_edges_weigh(friends: Int64) -> None:
    for directed in (False, True):
        setup, _ = encoded(friends, directed=directed)
        edges, fold = setup.graph.edges, setup.pool.fold[: setup.pool.observed]
        made = make_round(setup, torch.linspace(0.1, 1.0, len(edges)), evidence=False)
        place, end = span = made.encodings.at[FRIENDS]
        for held, table in enumerate(made.encodings.tables):
            count = np.bincount(edges[fold != held].ravel(), minlength=len(table))
            size = np.log1p(count)[:, None]
            np.testing.assert_allclose(table[:, place:end].float(), np.maximum(size - [0, 1, 3, 5], 0), atol=3e-3)
        names = {(term.operation, term.left) for term in friends_terms(made.encodings.at, directed)}
        assert names == {(each, span) for each in (("src", "dst") if directed else ("sum",))}
        assert made.inputs.shape[1] + 4 * len(names) + 2 == len(made.mean)


def test_edges_with_directions_are_left_to_answers_but_have_company(friends: Int64) -> None:
    setup, made = encoded(friends, directed=True)
    odd = Oddity.of(setup, made)
    assert not odd.weights.any()
    assert odd.constant == 0.0
    assert made.encodings.tables[-1][:, made.encodings.at[COMPANY][0]].std() > 0.0
    assert share_of_odd(np.array([0.0, 0.2]), True, FADING).tolist() == pytest.approx([0.001, 0.05])


def test_bought_edges_to_a_few_are_found_though_no_kind_is_like_them(friends: Int64) -> None:
    edges, fake = bought(friends, 0.1)
    scorer = fit_scorer(SocialGraph(edges, USERS, False), None, ScorerConfig(divisions=1), seed=0)
    counts = np.bincount(edges.ravel(), minlength=USERS)
    assert scorer.interval[0] < 0.1 < scorer.interval[1]
    assert auc(fake, scorer.edge_log_odds) > 0.85
    assert auc(fake, scorer.edge_log_odds) > auc(fake, -counts[edges].astype(float).prod(axis=1)) + 0.1


def test_the_more_is_found_the_less_is_odd() -> None:
    late, soon = (share_of_odd(np.linspace(0.0, 1.0, 50), False, each) for each in (FADING, FADING_SOON))
    for shares in (late, soon):
        assert shares[0] == USUAL
        assert shares[-1] == LEAST_ODD
        assert (np.diff(shares) <= 0.0).all()
    assert (soon <= late).all()
    assert share_of_odd(np.array([FADING]), False, FADING)[0] == pytest.approx(USUAL / np.e)

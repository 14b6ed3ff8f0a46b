"""Calibration: the mean matches a share, labels are matched, the order stays."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import expit

from recdiff.errors import UsageError
from recdiff.metrics.edges import auc
from recdiff.scorer.calibration import (
    FEWEST_LABELS,
    fit_logistic,
    known_share,
    makes_a_kind,
    taught,
)


def test_labels_bring_back_the_logistic_they_were_drawn_from() -> None:
    rng = np.random.default_rng(0)
    odds = rng.normal(0.0, 2.0, 40_000)
    slope, intercept = fit_logistic(odds, rng.random(40_000) < expit(0.6 * odds - 1.0))
    assert slope == pytest.approx(0.6, abs=0.04)
    assert intercept == pytest.approx(-1.0, abs=0.06)


def test_labels_that_contradict_the_scores_do_not_turn_the_order_round() -> None:
    odds = np.linspace(-3, 3, 100)
    slope, intercept = fit_logistic(odds, odds < -1.5)
    assert slope == 0.0
    assert expit(np.array([intercept]))[0] == pytest.approx((odds < -1.5).mean())


def test_what_makes_no_sense_is_refused() -> None:
    with pytest.raises(UsageError, match="labels need edges of both kinds"):
        fit_logistic(np.zeros(3), np.ones(3, bool))


def labelled(count: int, tells: float, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Inputs (L, 12), log odds (L,) and labels that depend on the odds and, by ``tells``, on the first input."""
    rng = np.random.default_rng(seed)
    inputs, odds = rng.standard_normal((count, 12)).astype(np.float32), rng.normal(-1.0, 1.0, count)
    return inputs, odds, rng.random(count) < expit(odds + tells * inputs[:, 0])


def test_labels_teach_what_a_feature_adds() -> None:
    inputs, odds, is_fake = labelled(200, tells=2.0)
    weight = taught(inputs, odds, is_fake, np.random.default_rng(0))
    others, their_odds, truth = labelled(5000, tells=2.0, seed=1)
    assert weight[0] > 5 * np.abs(weight[1:]).max()
    assert auc(truth, their_odds + others @ weight) > auc(truth, their_odds) + 0.1


def gained(count: int, tells: float, seeds: int) -> np.ndarray:
    """By how much ``count`` labels raise the AUC of others, for each seed of the labels."""
    others, their_odds, truth = labelled(5000, tells, seed=100)
    weights = [taught(*labelled(count, tells, seed), np.random.default_rng(0)) for seed in range(seeds)]
    return np.array([auc(truth, their_odds + others @ each) for each in weights]) - auc(truth, their_odds)


def test_labels_that_tell_nothing_new_change_next_to_nothing() -> None:
    assert np.mean(-gained(200, tells=0.0, seeds=10)) < 0.003


def test_few_labels_teach_on_average_and_do_no_harm_where_they_mislead() -> None:
    found = gained(40, tells=1.0, seeds=20)
    assert np.mean(found) > 0.01
    assert min(found) > -0.001


def test_too_few_labels_teach_nothing() -> None:
    inputs, odds, is_fake = labelled(200, tells=2.0)
    few = np.concatenate([np.flatnonzero(is_fake)[: FEWEST_LABELS - 1], np.flatnonzero(~is_fake)])
    assert not taught(inputs[few], odds[few], is_fake[few], np.random.default_rng(0)).any()


def test_what_was_looked_at_for_its_score_says_nothing_of_the_others() -> None:
    known = np.array([1, 1, 1, 0, -1, -1, -1, -1, -1, -1])
    assert known_share(known, None) == 0.75
    assert known_share(known, np.array([True, *[False] * 2, True, *[False] * 6])) == 0.5
    assert known_share(known, np.zeros(10, bool)) == 0.3


def test_decided_fakes_make_a_kind_without_real_edges_beside_them() -> None:
    known = np.array([1] * 30 + [0] * 5 + [-1] * 3000)
    assert makes_a_kind(known, np.zeros(len(known), bool))
    assert not makes_a_kind(known, None)


def test_what_nothing_else_has_weighed_is_learned_from_fewer_labels() -> None:
    inputs, odds, is_fake = labelled(40, tells=1.5)
    rng = np.random.default_rng
    plain, opened = taught(inputs, odds, is_fake, rng(0)), taught(inputs, odds, is_fake, rng(0), unweighed=[0])
    assert opened[0] > 1.2 * plain[0] > 0.0
    others, their_odds, truth = labelled(5000, tells=1.5, seed=1)
    assert auc(truth, their_odds + others @ opened) > auc(truth, their_odds + others @ plain) + 0.01

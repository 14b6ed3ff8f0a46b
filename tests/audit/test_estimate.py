"""What answers say: intervals that cover, narrow enough, and scores that mean probabilities afterwards."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import expit

from recdiff.audit.estimate import Answers
from recdiff.audit.sample import draw
from recdiff.errors import UsageError
from recdiff.metrics.edges import edge_metrics
from recdiff.metrics.odds import odds_of


def population(seed: int, share: float = 0.2, sharpness: float = 1.5) -> tuple[np.ndarray, np.ndarray]:
    """Scores that are far too low, and what is a fake."""
    rng = np.random.default_rng(seed)
    is_fake = rng.random(4_000) < share
    return expit(rng.normal(sharpness * is_fake, 1.0) - 4.0), is_fake


@pytest.mark.parametrize("sharpness", [0.0, 1.5, 6.0])
def test_intervals_cover_the_share(sharpness: float) -> None:
    """With scores that say nothing, something, and all."""
    hits, widths = [], []
    for seed in range(60):
        score, is_fake = population(seed, sharpness=sharpness)
        rows = draw(score, 200, seed).rows
        found = Answers(score, rows, is_fake[rows]).share()
        hits.append(found.low <= is_fake.mean() <= found.high)
        widths.append(found.high - found.low)
    assert np.mean(hits) >= 0.9
    assert np.mean(widths) <= (0.12 if sharpness == 0.0 else 0.1)


def test_scores_mean_probabilities_afterwards() -> None:
    before, after = [], []
    for seed in range(20):
        score, is_fake = population(seed)
        rows = draw(score, 200, seed).rows
        slope, intercept = Answers(score, rows, is_fake[rows]).recalibration()
        new = expit(slope * odds_of(score) + intercept)
        assert (np.diff(new[np.argsort(score)]) >= 0).all()
        before.append(edge_metrics(is_fake, score).calibration_error)
        after.append(edge_metrics(is_fake, new).calibration_error)
    assert np.mean(after) <= 0.04 < np.mean(before)


def test_precision_is_of_the_chosen_alone() -> None:
    score, is_fake = population(1)
    rows = draw(score, 400, 1).rows
    answers = Answers(score, rows, is_fake[rows])
    chosen = score >= np.quantile(score, 0.8)
    found = answers.precision(chosen)
    assert found is not None
    assert found.answers == chosen[rows].sum()
    assert found.low <= is_fake[chosen].mean() <= found.high
    assert answers.precision(np.zeros(len(score), bool)) is None


def test_a_fake_that_nobody_met_is_not_ruled_out() -> None:
    score = np.full(1_000, 0.1)
    rows = draw(score, 50, 0).rows
    found = Answers(score, rows, np.zeros(len(rows), bool)).share()
    assert found.estimate == 0.0
    assert 0.01 < found.high < 0.12


def test_what_was_not_answered_is_not_counted() -> None:
    """Of a stratum with no answers its neighbours speak."""
    score, is_fake = population(2)
    drawn = draw(score, 200, 2)
    rows = drawn.rows[drawn.stratum != 4]
    found = Answers(score, rows, is_fake[rows])
    assert abs(found.weight().sum() - len(score)) < 1e-6
    assert found.share().answers == len(rows)
    with pytest.raises(UsageError, match="at least 2"):
        Answers(score, rows[:1], is_fake[rows[:1]]).share()


def test_all_answered_is_certain() -> None:
    score, is_fake = population(3)
    found = Answers(score, np.arange(len(score)), is_fake).share()
    assert found.low == found.high == pytest.approx(is_fake.mean())

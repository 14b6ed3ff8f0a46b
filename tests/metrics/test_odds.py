"""Log odds undo the logistic, and the level found gives the share that was asked for."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import expit

from recdiff.errors import UsageError
from recdiff.metrics.odds import intercept_for_share, odds_of, weights_of


def test_odds_undo_the_logistic_and_stay_finite_at_the_ends() -> None:
    odds = np.linspace(-10.0, 10.0, 41)
    np.testing.assert_allclose(odds_of(expit(odds)), odds, rtol=1e-9, atol=1e-9)
    assert np.isfinite(odds_of(np.array([0.0, 1.0]))).all()


@pytest.mark.parametrize("share", [0.001, 0.05, 0.5, 0.97])
def test_the_mean_score_becomes_the_share(share: float) -> None:
    odds = np.random.default_rng(0).normal(-2.0, 4.0, 2000)
    assert expit(odds + intercept_for_share(odds, share)).mean() == pytest.approx(share, abs=1e-9)


@pytest.mark.parametrize("slope", [0.3, 1.0])
def test_a_slope_changes_the_level_with_which_the_share_is_met(slope: float) -> None:
    odds = np.random.default_rng(1).normal(-2.0, 4.0, 2000)
    assert expit(slope * odds + intercept_for_share(odds, 0.1, slope)).mean() == pytest.approx(0.1, abs=1e-9)


def test_what_makes_no_sense_is_refused() -> None:
    with pytest.raises(UsageError, match=r"fake share 0\.0: expected a number between 0 and 1, both excluded"):
        intercept_for_share(np.zeros(3), 0.0)
    with pytest.raises(UsageError, match="no edges to calibrate on"):
        intercept_for_share(np.empty(0), 0.5)


def test_models_weigh_by_how_well_they_tell_what_was_left_out() -> None:
    weight = weights_of(np.array([10.0, 10.0, 11.0, 500.0]), np.array([0.5, 0.25, 0.25, 0.25]))
    assert weight.sum() == pytest.approx(1.0)
    assert weight[0] == pytest.approx(2 * weight[1]) == pytest.approx(2 * np.e * weight[2])
    assert weight[3] == 0.0

"""Calibration: the mean matches a share, labels are matched, the order stays."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import expit

from recdiff.errors import UsageError
from recdiff.scorer.calibration import fit_logistic, intercept_for_share


@pytest.mark.parametrize("share", [0.001, 0.05, 0.5, 0.97])
def test_the_mean_score_becomes_the_share(share: float) -> None:
    odds = np.random.default_rng(0).normal(-2.0, 4.0, 2000)
    assert expit(odds + intercept_for_share(odds, share)).mean() == pytest.approx(share, abs=1e-9)


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
    with pytest.raises(UsageError, match=r"fake share 0\.0: expected a number between 0 and 1, both excluded"):
        intercept_for_share(np.zeros(3), 0.0)
    with pytest.raises(UsageError, match="no ties to calibrate on"):
        intercept_for_share(np.empty(0), 0.5)
    with pytest.raises(UsageError, match="labels need ties of both kinds"):
        fit_logistic(np.zeros(3), np.ones(3, bool))

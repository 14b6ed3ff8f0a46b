"""Who is asked about: by strata, with the probability that is written down, a larger audit around a smaller."""

from __future__ import annotations

import numpy as np
import pytest

from recdiff.audit.sample import STRATA, draw, strata
from recdiff.errors import UsageError

SCORE = np.random.default_rng(0).beta(0.5, 3.0, 5_000)


def test_strata_follow_the_scores() -> None:
    stratum = strata(SCORE)
    assert set(stratum.tolist()) == set(range(STRATA))
    assert (np.diff(stratum[np.argsort(SCORE)]) >= 0).all()


def test_units_are_drawn_as_often_as_the_probability_says() -> None:
    drawn = np.stack([np.bincount(draw(SCORE, 500, seed).rows, minlength=len(SCORE)) for seed in range(200)])
    one = draw(SCORE, 500, 0)
    probability = np.zeros(STRATA)
    probability[one.stratum] = one.probability
    often = [drawn[:, strata(SCORE) == each].mean() for each in range(STRATA)]
    np.testing.assert_allclose(often, probability, rtol=1e-9)
    assert abs(np.sum(1.0 / one.probability) - len(SCORE)) < 1e-6
    assert one.probability.max() > 1.5 * one.probability.min()


def test_a_larger_audit_holds_the_smaller() -> None:
    assert set(draw(SCORE, 200, 3).rows) < set(draw(SCORE, 233, 3).rows)
    assert set(draw(SCORE, 200, 3).rows) != set(draw(SCORE, 200, 4).rows)


def test_all_are_drawn_where_there_are_no_more() -> None:
    few = draw(SCORE[:30], 200, 0)
    assert sorted(few.rows) == list(range(30))
    assert (few.probability == 1.0).all()


def test_an_audit_that_is_too_small_is_refused() -> None:
    with pytest.raises(UsageError, match="at least 20"):
        draw(SCORE, 19, 0)

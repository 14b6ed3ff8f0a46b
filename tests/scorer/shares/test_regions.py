"""Regions of a mixture's pairs, and what shares make of them."""

from __future__ import annotations

import numpy as np
import pytest

from recdiff.config.scorer import MixtureConfig
from recdiff.scorer.shares.regions import Likelihood, mixtures_of, regions_of


def test_mixtures_are_single_kinds_every_two_and_all() -> None:
    found = np.stack(mixtures_of(3))
    np.testing.assert_allclose(found.sum(axis=1), 1.0)
    assert len(found) == 3 + 3 + 1
    np.testing.assert_array_equal(found[:3], np.eye(3))


@pytest.mark.parametrize("share", [0.1, 0.4])
def test_the_bound_is_the_share_where_nothing_else_looks_like_the_kind(share: float) -> None:
    """Real pairs lie below zero and those of the kind above, so the density ratio is 1 / share there."""
    rng, count = np.random.default_rng(0), 20_000
    observed = np.where(rng.random(count) < share, 1.0, -1.0) * rng.uniform(0.1, 1.0, count)
    ratio = np.where(np.concatenate([observed, rng.uniform(0.1, 1.0, count)]) > 0, -np.log(share), -15.0)[:, None]
    label = np.repeat([0, 1], count)
    config = MixtureConfig(doubt=0.0)
    regions = regions_of(ratio, label, mixtures_of(1), classes=1, config=config, rng=rng)
    likelihood = Likelihood(regions, config)
    assert likelihood.observed[0] == pytest.approx(share, abs=0.02)
    fit = likelihood(np.linspace(0.0, 1.0, 101)[:, None])
    assert fit.argmax() / 100 == pytest.approx(share, abs=0.03)

"""Share estimation on mixtures whose densities are known."""

from __future__ import annotations

import numpy as np
import pytest

from recdiff.scorer_config import RegionsConfig, SharesConfig
from recdiff.shares import estimate_shares, joint_shares

MEANS = {"real": (0.0, 0.0), "first": (4.0, 0.0), "second": (0.0, 4.0)}


def density(x: np.ndarray, mean: tuple[float, float]) -> np.ndarray:
    return np.exp(-np.square(x - np.array(mean)).sum(axis=1) / 2)


def mixture(first: float, second: float, count: int = 20_000) -> tuple[np.ndarray, np.ndarray]:
    """Log density ratios (B, 2) and labels (B,) of an observed mixture and of samples of its two kinds."""
    rng = np.random.default_rng(0)
    kind = rng.choice(3, count, p=[1 - first - second, first, second])
    observed = np.array(list(MEANS.values()))[kind] + rng.standard_normal((count, 2))
    sampled = [np.array(MEANS[name]) + rng.standard_normal((count, 2)) for name in ("first", "second")]
    x = np.concatenate([observed, *sampled])
    parts = [density(x, MEANS[name]) for name in ("real", "first", "second")]
    whole = (1 - first - second) * parts[0] + first * parts[1] + second * parts[2]
    ratio = np.log(np.stack(parts[1:], axis=1) + 1e-30) - np.log(whole + 1e-30)[:, None]
    return ratio, np.repeat([0, 1, 2], count)


@pytest.mark.parametrize(("first", "second"), [(0.2, 0.0), (0.5, 0.0), (0.0, 0.3), (0.3, 0.2), (0.0, 0.0)])
def test_known_shares_are_found(first: float, second: float) -> None:
    found = estimate_shares(*mixture(first, second), 2, SharesConfig())
    np.testing.assert_allclose(found, [first, second], atol=0.03)


def test_a_variant_widens_the_share_of_the_last_kind_only_where_that_kind_is_present() -> None:
    ratio, label = mixture(0.2, 0.3)
    # As if the second class were another shape of the first: one kind, one variant.
    assert estimate_shares(ratio, label, 1, SharesConfig()).sum() == pytest.approx(0.5, abs=0.03)
    assert estimate_shares(*mixture(0.2, 0.0), 2, SharesConfig())[1] == 0.0


def test_a_kind_that_explains_little_more_does_not_join() -> None:
    ratio, label = mixture(0.3, 0.04)
    assert estimate_shares(ratio, label, 2, SharesConfig())[1] == 0.0
    assert estimate_shares(ratio, label, 2, SharesConfig(worthwhile=0.01))[1] == pytest.approx(0.04, abs=0.02)


@pytest.mark.parametrize(("first", "second"), [(0.2, 0.0), (0.03, 0.3), (0.3, 0.2), (0.0, 0.0)])
def test_kinds_that_are_told_apart_are_read_all_at_once(first: float, second: float) -> None:
    ratio, label = mixture(first, second)
    found = joint_shares(ratio, label, RegionsConfig(), np.ones(int((label == 0).sum())))
    np.testing.assert_allclose(found, [first, second], atol=0.03)


def test_what_other_kinds_explain_is_taken_out_first() -> None:
    """A third of the ties are of a kind already known; half of those look like the kind that is asked for."""
    rng = np.random.default_rng(3)
    real, known, asked = rng.uniform(-8.0, 0.0, 40_000), rng.uniform(-8.0, 8.0, 20_000), rng.uniform(0.0, 8.0, 20_000)
    ratio = np.concatenate([real, known, asked])[:, None]
    label = np.repeat([0, 0, 1], [40_000, 20_000, 20_000])
    assert joint_shares(ratio, label, RegionsConfig(), np.ones(60_000))[0] == pytest.approx(1 / 6, abs=0.02)
    sampled = rng.uniform(-8.0, 8.0, 10_000)[:, None]
    ratio, label = np.concatenate([sampled, ratio]), np.concatenate([np.zeros(10_000, int), label])
    weight = np.repeat([-1 / 3 * 60_000 / 10_000, 1.0], [10_000, 60_000])
    assert joint_shares(ratio, label, RegionsConfig(), weight)[0] == pytest.approx(0.0, abs=0.02)

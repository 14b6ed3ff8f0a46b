"""Share inference on mixtures whose densities are known."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from recdiff.config.scorer import MixtureConfig
from recdiff.scorer.shares.mixture import Mixture, infer_further, infer_shares

MEANS = {"real": (0.0, 0.0), "first": (4.0, 0.0), "second": (0.0, 4.0)}
CONFIG = MixtureConfig()
NATURAL = (0.01, 0.01)
RARELY = (0.01, 0.01)


def shares_of(ratio: np.ndarray, label: np.ndarray, natural: tuple[float, ...] = NATURAL, **told: Any) -> Mixture:
    """What is read with one seed; real edges rarely look like a kind to any extent."""
    told = {"vague": RARELY} | told
    return infer_shares(ratio, label, natural, CONFIG, np.random.default_rng(0), **told)


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


@pytest.mark.parametrize(("first", "second"), [(0.2, 0.0), (0.5, 0.0), (0.0, 0.3), (0.3, 0.2), (0.1, 0.1), (0.0, 0.0)])
def test_known_shares_are_found(first: float, second: float) -> None:
    found = shares_of(*mixture(first, second))
    np.testing.assert_allclose(found.shares, [first, second], atol=0.06)
    low, high = np.quantile(found.draws.sum(axis=1), [0.02, 0.98])
    assert low - 0.02 <= first + second <= high + 0.02


def test_no_kind_is_ever_switched_off() -> None:
    """A rare kind beside a frequent one keeps a share of its own."""
    ratio, label = mixture(0.3, 0.03)
    found = shares_of(ratio, label).shares
    assert 0.003 < found[1] < 0.06


def test_what_real_edges_are_expected_to_look_like_is_not_counted_as_fake() -> None:
    """Where real edges often look like a kind, the same bound leaves less for fakes."""
    ratio, label = mixture(0.2, 0.0)
    shares = [shares_of(ratio, label, natural).shares[0] for natural in ((0.01, 0.01), (0.3, 0.01))]
    assert shares[1] < 0.8 * shares[0]


def test_few_edges_leave_the_share_open() -> None:
    spread = []
    for count in (300, 20_000):
        found = shares_of(*mixture(0.2, 0.0, count))
        spread.append(found.draws.sum(axis=1).std())
    assert spread[0] > 1.2 * spread[1]


def test_kinds_read_beside_known_ones_leave_those_their_part() -> None:
    """The second kind is known already; half of it looks like the further kind, which is not there."""
    rng = np.random.default_rng(3)
    real, known, asked = rng.uniform(-8.0, 0.0, 40_000), rng.uniform(-8.0, 8.0, 20_000), rng.uniform(0.0, 8.0, 20_000)
    sampled = rng.uniform(-8.0, 8.0, 20_000)
    ratio = np.concatenate([real, known, sampled, asked])[:, None]
    label = np.repeat([0, 0, 1, 2], [40_000, 20_000, 20_000, 20_000])
    rare = (0.01,)
    before = infer_shares(np.stack([ratio[:, 0]], axis=1), np.minimum(label, 1), rare, CONFIG, rng, vague=rare)
    known_third = replace(before, draws=np.full((1, 1), 1 / 3))
    none = replace(before, draws=np.zeros((1, 1)))
    found = [
        infer_further(ratio, label, rare, vague=rare, known=each, config=CONFIG, rng=np.random.default_rng(0)).shares[0]
        for each in (none, known_third)
    ]
    assert found[0] == pytest.approx(1 / 6, abs=0.06)
    assert found[1] < 0.03


def test_a_bound_that_grows_in_half_of_the_graph_is_of_real_edges() -> None:
    """A fifth of the edges look like the first kind; in half of the graph as many, or more."""
    ratio, label = mixture(0.2, 0.0)
    found = [shares_of(ratio, label, (0.05, 0.01), thinned=mixture(halved, 0.0)[0]) for halved in (0.2, 0.3, 0.4)]
    same, more, most = (each.shares[0] for each in found)
    assert same > 0.14
    assert most < more < 0.9 * same
    assert most < 0.1
    assert found[0].purity[0] > 0.75 > 2 * found[2].purity[0]


def test_what_real_edges_may_always_look_like_needs_no_fakes_to_explain_it() -> None:
    """Two fifths look like the first kind, and more in half of the graph: far more than is natural elsewhere."""
    ratio, label = mixture(0.4, 0.0)
    halved = mixture(0.58, 0.0)[0]
    rarely, often = (shares_of(ratio, label, thinned=halved, vague=(each, 0.01)) for each in (0.01, 0.3))
    assert rarely.shares[0] > 0.15 > 1.5 * often.shares[0]

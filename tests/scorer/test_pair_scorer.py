"""Pair features against a slow formula, and the posterior against its definition."""

from __future__ import annotations

import numpy as np
import pytest

from recdiff.errors import UsageError
from recdiff.scorer.pair_scorer import PairScorer, PairTerm, log_odds, pair_features, posterior, within

TERMS = (
    PairTerm("product", (0, 3), (1, 4)),
    PairTerm("dot", (0, 4), (2, 6)),
    PairTerm("dot", (0, 4), (0, 4), (5, 6)),
    PairTerm("split", (0, 3), (3, 6)),
    PairTerm("sum", (6, 8), (6, 8)),
    PairTerm("gap", (6, 8), (6, 8)),
    PairTerm("src", (0, 2), (0, 2)),
    PairTerm("dst", (0, 2), (4, 6)),
)


def table(users: int = 40) -> np.ndarray:
    return np.random.default_rng(0).standard_normal((users, 8)).astype(np.float32)


def scorer(terms: tuple[PairTerm, ...]) -> PairScorer:
    rng = np.random.default_rng(1)
    count = sum(term.width for term in terms)
    shapes = [(7, count), (5, 7), (4, 5)]
    layers = tuple(
        (rng.standard_normal(shape).astype(np.float32) * 0.5, rng.standard_normal(shape[0]).astype(np.float32) * 0.1)
        for shape in shapes
    )
    scale = (1 + rng.random(count)).astype(np.float32)
    mean, offset = rng.standard_normal((2, max(count, 4))).astype(np.float32)
    return PairScorer(
        terms=terms,
        mean=mean[:count],
        scale=scale,
        clip=1.5,
        layers=layers,
        offset=offset[:4],
        calibration=(1.2, -0.3),
        alike=0.25,
    )


def test_terms_match_the_slow_formula() -> None:
    rows = table()
    pairs = np.random.default_rng(2).integers(0, 40, (50, 2))
    found = pair_features(rows, pairs, TERMS)
    for row, (i, j) in enumerate(pairs):
        a, b = rows[i], rows[j]
        slow = [
            *(a[0:3] * b[1:4]),
            float(np.dot(a[0:4], b[2:6])),
            float(np.dot(a[0:4], b[0:4]) * a[5] * b[6]),
            float(np.dot(a[0:3], b[0:3]) - np.dot(a[3:6], b[3:6])),
            *(a[6:8] + b[6:8]),
            *np.abs(a[6:8] - b[6:8]),
            *a[0:2],
            *b[4:6],
        ]
        np.testing.assert_allclose(found[row], slow, rtol=1e-5, atol=1e-6)
    assert found.shape[1] == sum(term.width for term in TERMS)


def test_symmetric_terms_are_symmetric_to_the_bit() -> None:
    symmetric = (
        PairTerm("product", (0, 3), (0, 3)),
        PairTerm("dot", (0, 8), (0, 8)),
        PairTerm("dot", (0, 8), (0, 8), (5, 5)),
        PairTerm("split", (0, 4), (4, 8)),
        PairTerm("sum", (6, 8), (6, 8)),
        PairTerm("gap", (6, 8), (6, 8)),
    )
    pairs = np.random.default_rng(2).integers(0, 40, (500, 2))
    model = scorer(symmetric)
    forth, back = model.score(table(), pairs), model.score(table(), pairs[:, ::-1])
    assert forth[0].tobytes() == back[0].tobytes()
    assert forth[1].tobytes() == back[1].tobytes()


def test_score_follows_the_documented_formula() -> None:
    model = scorer(TERMS)
    pairs = np.random.default_rng(3).integers(0, 40, (30, 2))
    x = np.clip((pair_features(table(), pairs, TERMS) - model.mean) / model.scale, -1.5, 1.5).astype(np.float64)
    for weight, bias in model.layers[:-1]:
        x = x @ weight.T + bias
        x = x / (1 + np.exp(-x))
    z = x @ model.layers[-1][0].T + model.layers[-1][1] + model.offset
    odds = -np.log(np.exp(z[:, 0]) / np.exp(z[:, 1:]).sum(axis=1) + 0.25)
    fake = 1 / (1 + np.exp(-(1.2 * odds - 0.3)))
    kinds = fake[:, None] * np.exp(z[:, 1:]) / np.exp(z[:, 1:]).sum(axis=1, keepdims=True)
    found = model.score(table(), pairs)
    np.testing.assert_allclose(found[0], fake, rtol=1e-4)
    np.testing.assert_allclose(found[1], kinds, rtol=1e-4, atol=1e-6)


def test_look_alikes_keep_every_score_below_the_part_that_is_fake() -> None:
    """A score is what looks like a fake, times the part of it that is one; the order stays."""
    odds = np.linspace(-30.0, 30.0, 101)
    looks = 1.0 / (1.0 + 0.25 * np.exp(odds)) * np.exp(odds)
    found = 1.0 / (1.0 + np.exp(-within(odds, 0.25)))
    np.testing.assert_allclose(found, looks / (1.0 + looks), rtol=1e-9)
    assert found.max() == pytest.approx(0.8)
    assert np.all(np.diff(within(odds, 0.25)) > 0)
    assert within(odds, 0.0) is odds


def test_posterior_is_the_share_of_the_fake_classes() -> None:
    z = np.log(np.array([[0.5, 0.3, 0.2], [0.9, 0.05, 0.05]])).astype(np.float32)
    fake, kinds = posterior(z)
    np.testing.assert_allclose(fake, [0.5, 0.1], rtol=1e-5)
    np.testing.assert_allclose(kinds, [[0.3, 0.2], [0.05, 0.05]], rtol=1e-5)
    np.testing.assert_allclose(log_odds(z), [0.0, np.log(1 / 9)], atol=1e-5)


def test_blocks_do_not_change_scores(monkeypatch: pytest.MonkeyPatch) -> None:
    model = scorer(TERMS)
    pairs = np.random.default_rng(3).integers(0, 40, (100, 2))
    whole = model.score(table(), pairs)[0]
    monkeypatch.setattr("recdiff.scorer.pair_scorer.BLOCK", 7)
    np.testing.assert_allclose(model.score(table(), pairs)[0], whole, rtol=1e-6)


def test_an_unknown_operation_is_named() -> None:
    with pytest.raises(UsageError, match="no pair operation 'cosine': known are product, dot"):
        pair_features(table(), np.array([[0, 1]]), (PairTerm("cosine", (0, 1), (0, 1)),))  # type: ignore[arg-type]

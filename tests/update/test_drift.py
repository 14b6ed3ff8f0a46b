"""A model that is updated says when a fit is due, and not before."""

from __future__ import annotations

import numpy as np
import pytest

from recdiff.update.drift import compared
from tests.update.quick import USERS, copy, fit, frame


def test_the_distance_is_how_far_scores_lie_apart() -> None:
    rng = np.random.default_rng(0)
    fitted = rng.uniform(0, 0.5, 4_000).astype(np.float32)
    found = compared(fitted, fitted[:200] + np.float32(0.2))
    assert found["distance"] == pytest.approx(0.2, abs=0.03)
    assert found["chance"] < 1e-6  # type: ignore[operator]


def test_a_shift_of_a_thousandth_is_none_to_speak_of() -> None:
    alike = np.random.default_rng(0).normal(0.1, 0.001, 4_000).astype(np.float32)
    assert compared(alike, alike[:500] - np.float32(0.005))["distance"] < 0.01  # type: ignore[operator]


def test_of_few_edges_nothing_is_said() -> None:
    scores = np.full(100, 0.1, np.float32)
    assert compared(scores, scores[:10]) == {"distance": None, "chance": None}


def test_a_few_edges_of_those_who_are_known_make_no_fit_due() -> None:
    model = copy(fit(False)).update(frame(np.array([[0, 100], [4, 60], [8, 22]])))
    assert model.fitted_.calibration["updates"]["due"] == []


def test_many_edges_of_newcomers_make_a_fit_due() -> None:
    rng = np.random.default_rng(0)
    edges = np.stack([2 * rng.integers(0, 40, 300) + 1, 2 * rng.integers(0, USERS, 300)], axis=1)
    found = copy(fit(False)).update(frame(edges)).fitted_.calibration["updates"]
    assert found["unknown_share"] == pytest.approx(0.5)
    assert any("have come since the fit" in each for each in found["due"])
    assert any("of new users" in each for each in found["due"])

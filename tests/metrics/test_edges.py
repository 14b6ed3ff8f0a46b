"""Edge metrics against slow definitions and scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, roc_auc_score, roc_curve

from recdiff.errors import UsageError
from recdiff.metrics.edges import by_degree, edge_metrics


def sample(count: int = 3000) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    score = np.round(rng.random(count), 2)
    return rng.random(count) < score**2, score


def test_ranking_figures_match_scikit_learn() -> None:
    fake, score = sample()
    found = edge_metrics(fake, score)
    assert found.auc == pytest.approx(roc_auc_score(fake, score), abs=1e-12)
    assert found.average_precision == pytest.approx(average_precision_score(fake, score), abs=1e-12)
    rate, recall, _ = roc_curve(fake, score, drop_intermediate=False)
    assert found.recall_at_1_percent == pytest.approx(np.interp(0.01, rate, recall), abs=1e-12)
    assert found.recall_at_5_percent == pytest.approx(np.interp(0.05, rate, recall), abs=1e-12)
    assert found.base_rate == pytest.approx(fake.mean())


def test_precision_at_k_counts_the_worst_k() -> None:
    fake = np.array([True, False, True, True, False, False])
    score = np.array([0.9, 0.8, 0.7, 0.6, 0.5, 0.4])
    assert edge_metrics(fake, score).precision_at_k == pytest.approx(2 / 3)


def test_calibration_error_of_a_known_gap() -> None:
    fake = np.array([True] * 30 + [False] * 70)
    assert edge_metrics(fake, np.full(100, 0.5)).calibration_error == pytest.approx(0.2)
    assert edge_metrics(fake, np.full(100, 0.3)).calibration_error == pytest.approx(0.0, abs=1e-12)
    found = edge_metrics(*sample())
    assert sum(each.count for each in found.reliability) == found.count
    assert np.isnan(edge_metrics(fake, np.full(100, 7.0), probability=False).calibration_error)


def test_buckets_split_the_ties_by_degree() -> None:
    fake, score = sample()
    degree = np.arange(3000) // 10
    found = by_degree(fake, score, degree)
    assert len(found) == 4
    assert sum(each.count for each in found.values()) == 3000
    first = next(iter(found))
    assert first.startswith("0-")
    inside = degree <= int(first.split("-")[1])
    assert found[first].auc == pytest.approx(edge_metrics(fake[inside], score[inside]).auc)


def test_one_kind_only_gives_no_auc() -> None:
    found = edge_metrics(np.zeros(4, bool), np.arange(4) / 4)
    assert np.isnan(found.auc)
    assert np.isnan(found.average_precision)


def test_lengths_and_values_are_checked() -> None:
    with pytest.raises(UsageError, match="one value per edge"):
        edge_metrics(np.zeros(3, bool), np.zeros(4))
    with pytest.raises(UsageError, match="1 of 3 scores are not finite"):
        edge_metrics(np.zeros(3, bool), np.array([0.1, np.nan, 0.2]))

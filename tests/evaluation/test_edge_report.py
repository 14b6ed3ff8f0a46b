"""What speaks against the fake score is said, and nothing is said where nothing does."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from recdiff.evaluation.edge_report import OURS, Verdict
from recdiff.metrics.edges import edge_metrics

IS_FAKE = np.array([0, 0, 0, 0, 1, 1, 1, 1])
GOOD = np.linspace(0, 1, 8)
MIDDLING = np.array([0.1, 0.9, 0.3, 0.2, 0.8, 0.15, 0.7, 0.6])


def judged(ours: np.ndarray, count: np.ndarray) -> Verdict:
    metrics = {
        OURS: edge_metrics(IS_FAKE, ours),
        "jaccard": edge_metrics(IS_FAKE, count, False),
        "degree_sum": edge_metrics(IS_FAKE, np.zeros(8), False),
    }
    return Verdict(len(IS_FAKE), 0, metrics, {})


def test_a_good_score_is_warned_of_nothing() -> None:
    assert judged(GOOD, MIDDLING).warnings == ()
    assert judged(GOOD, GOOD).warnings == ()


def test_a_count_that_beats_the_score_is_named() -> None:
    (line,) = judged(MIDDLING, GOOD).warnings
    assert line.startswith("jaccard has AUC 1.000, more than the 0.6")


@pytest.mark.parametrize("count", [GOOD, 1 - GOOD])
def test_a_score_far_below_chance_is_said_first(count: np.ndarray) -> None:
    found = judged(1 - GOOD, count)
    assert found.warnings[0].startswith("fake_score has AUC 0.000, far below 0.5")
    assert found.to_dict()["warnings"] == list(found.warnings)


def test_scores_that_others_gave_are_judged_and_are_no_heuristic() -> None:
    found = judged(MIDDLING, 1 - GOOD)
    given = replace(found, metrics=found.metrics | {"theirs.csv": edge_metrics(IS_FAKE, GOOD)}, given=("theirs.csv",))
    assert given.metrics["theirs.csv"].auc == 1.0
    assert given.best_heuristic == found.best_heuristic == "degree_sum"
    assert given.warnings == found.warnings
    assert given.to_dict()["given"] == ["theirs.csv"]

"""Answers by hand."""

from __future__ import annotations

import numpy as np
import pytest

from recdiff.graph.adjacency import social_adjacency
from recdiff.scorer.answers import answer_columns, silence

# 0 and 1 answer one another; 2 asks 0 and 1 and is not answered.
EDGES = np.array([[0, 1], [1, 0], [2, 0], [2, 1]])


def test_columns_by_hand() -> None:
    found = answer_columns(social_adjacency(EDGES, 3, directed=True))
    usual = 0.5
    # User 0 received two edges and answered one; nobody answered user 2.
    assert found["asked"][0, 0] == pytest.approx(np.log(usual / (3 / 6)))
    assert found["asking"][2, 0] == pytest.approx(np.log(usual / (2 / 6)))
    assert found["asking"][0, 0] == pytest.approx(np.log(usual / (3 / 5)))


def test_silence_is_suspicious_and_an_answer_reassuring() -> None:
    found = silence(EDGES, 3)
    assert found[:2] == pytest.approx(np.log(0.3))
    assert found[2:] == pytest.approx(-np.log(0.5))


def test_where_nobody_answers_nothing_is_said() -> None:
    edges = np.array([[0, 1], [0, 2], [1, 2]])
    assert not silence(edges, 3).any()
    assert not any(column.any() for column in answer_columns(social_adjacency(edges, 3, directed=True)).values())

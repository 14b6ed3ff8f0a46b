"""Answers by hand."""

from __future__ import annotations

import numpy as np
import pytest

from recdiff.graph.folded import FoldedGraph
from recdiff.graph.social_graph import SocialGraph
from recdiff.scorer.untaught.answers import answer_columns, silence

# 0 and 1 answer one another; 2 asks 0 and 1 and is not answered.
EDGES = np.array([[0, 1], [1, 0], [2, 0], [2, 1]])


def columns(edges: np.ndarray, users: int) -> dict[str, np.ndarray]:
    graph = FoldedGraph.of(SocialGraph(edges, users, True), np.zeros(len(edges), np.int64)).without(1)
    assert graph.sent is not None
    assert graph.received is not None
    return answer_columns(graph.sent.numpy(), graph.received.numpy())


def test_columns_by_hand() -> None:
    found = columns(EDGES, 3)
    # User 0 received two edges and answered one, as users do here; nobody answered user 2.
    assert found["asked"][0, 0] == pytest.approx(0.0)
    # No two edges of one user tell that users differ, so each is given as many edges as are given at most: 2 / 0.5.
    mean = (2 / 6) / (2 / 6 + 2 / 7)
    assert found["asking"][2, 0] == pytest.approx(np.log(mean / (4 * mean / 6)))
    assert found["asking"][0, 0] == pytest.approx(np.log(mean / ((1 + 4 * mean) / 5)))


def test_where_users_differ_a_few_edges_say_much() -> None:
    """Half of the users answer everything or nothing; or all of them answer every second edge."""
    asked = {}
    for name, answering in (("differ", lambda user, turn: user % 2), ("alike", lambda user, turn: turn % 2)):
        there = [(20 + turn, user) for user in range(20) for turn in range(4)]
        back = [(user, 20 + turn) for user in range(20) for turn in range(4) if answering(user, turn)]
        asked[name] = columns(np.array([*there, *back, (20, 24)]), 25)["asked"][:20, 0]
    assert asked["differ"][::2].min() > 0.7
    assert asked["differ"][1::2].max() < -0.3
    assert np.abs(asked["alike"]).max() < 0.3


def test_silence_is_suspicious_and_an_answer_reassuring() -> None:
    found = silence(EDGES, 3)
    assert found[:2] == pytest.approx(np.log(0.3))
    assert found[2:] == pytest.approx(-np.log(0.5))


def test_where_nobody_answers_nothing_is_said() -> None:
    edges = np.array([[0, 1], [0, 2], [1, 2]])
    assert not silence(edges, 3).any()
    assert not any(column.any() for column in columns(edges, 3).values())

"""Why an edge got its score, in words."""

from __future__ import annotations

import pytest

from recdiff.scorer.explanation import explain_edge


def test_everything_known_is_said() -> None:
    row = {
        "fake_score": 0.93,
        "kind": "degree",
        "common_friends": 1,
        "shared_items": 0,
        "degree_src": 1200,
        "degree_dst": 7,
        "movement": 1.3,
    }
    assert explain_edge("ann", "bob", row, 0.2) == [
        "ann - bob: fake_score 0.930, almost certainly fake (the whole graph's level is 0.200).",
        "It looks most like an edge between two well-connected people who have nothing to do with each other (degree).",
        "The two have 1 friend in common, of 1,200 and 7.",
        "They share no item.",
        "Denoising moves the two ends 1.30 times as far as usual: they sit at odd places.",
    ]


def test_what_is_not_known_is_left_out() -> None:
    row = {"fake_score": 0.1, "kind": "uniform", "common_friends": None, "movement": None}
    assert explain_edge(1, 2, row, 0.2) == [
        "1 - 2: fake_score 0.100, probably real (the whole graph's level is 0.200)."
    ]


@pytest.mark.parametrize(
    ("score", "words"),
    [
        (0.95, "almost certainly fake"),
        (0.6, "more likely fake than real"),
        (0.45, "more likely real than fake, but more suspicious than most"),
        (0.3, "probably real"),
    ],
)
def test_a_score_is_read_against_the_graph(score: float, words: str) -> None:
    assert words in explain_edge(1, 2, {"fake_score": score}, 0.2)[0]


@pytest.mark.parametrize(("movement", "words"), [(0.5, "only 0.50 times"), (0.95, "about as far"), (2.0, "odd places")])
def test_a_movement_is_told_by_what_is_usual(movement: float, words: str) -> None:
    assert words in explain_edge(1, 2, {"fake_score": 0.3, "movement": movement}, 0.2)[-1]

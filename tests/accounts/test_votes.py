"""Votes of edges: many count more than one, what the other end explains counts little, degrees are taken out."""

from __future__ import annotations

import numpy as np

from recdiff.accounts.usage import usage
from recdiff.accounts.votes import beyond_degree, together, votes


def star(leaves: int, score: float) -> tuple[np.ndarray, np.ndarray]:
    """Return a centre with edges of one score, and a crowd of harmless edges beside it."""
    centre = np.stack([np.zeros(leaves, np.int64), np.arange(1, leaves + 1)], axis=1)
    crowd = np.stack([np.arange(100, 200), np.arange(200, 300)], axis=1)
    scores = np.concatenate([np.full(leaves, score), np.full(100, 0.05)]).astype(np.float32)
    return np.concatenate([centre, crowd]), scores


def vote(leaves: int, score: float, others: float = 0.01) -> float:
    edges, scores = star(leaves, score)
    chance = np.full(300, others)
    return float(votes(edges, scores, chance, np.full(300, -1))[0])


def test_many_suspicious_edges_say_more_than_one() -> None:
    assert vote(9, 0.9) > 1.5 * vote(1, 0.9) > 0.0
    assert vote(9, 0.01) < vote(1, 0.01) < 0.0


def test_an_edge_to_a_fake_account_is_explained_by_it() -> None:
    assert vote(4, 0.9, others=0.99) < 0.1 * vote(4, 0.9)


def test_edges_inside_a_group_vote_for_it_together() -> None:
    edges, scores = star(4, 0.9)
    member = np.full(300, -1)
    member[:5] = 0
    member[100], member[200] = 1, 1
    suspicious, harmless, empty = together(edges, scores, member, 3)
    assert suspicious > 5.0
    assert harmless < 0.0
    assert empty == 0.0


def test_edges_inside_a_group_have_no_vote() -> None:
    edges, scores = star(4, 0.001)
    member = np.full(300, -1)
    member[:5] = 0
    assert votes(edges, scores, np.full(300, 0.01), member)[0] == 0.0


def test_what_rises_with_the_degree_is_taken_out() -> None:
    degree = np.repeat([1, 50], 500)
    values = np.where(degree == 50, 3.0, 0.0)
    left = beyond_degree(values, degree, np.ones(1000))
    assert abs(left[-1] - left[0]) < 1e-9
    values[0] = 3.0
    assert beyond_degree(values, degree, np.ones(1000))[0] > left[0] + 2.5


def test_fakes_of_one_degree_do_not_excuse_each_other() -> None:
    degree = np.repeat([1, 50], 500)
    values = np.where(degree == 50, 3.0, 0.0)
    values[500:510] = 0.0
    real = np.where(values > 0, 0.001, 1.0)
    assert beyond_degree(values, degree, real)[-1] > 2.5


def test_using_nothing_is_suspicious_only_where_others_use_much() -> None:
    degree = np.full(1000, 8)
    busy, idle = np.full(1000, 30), np.zeros(1000, np.int64)
    busy[0] = 0
    idle[0] = 30
    real = np.ones(1000)
    assert usage(busy, degree, real)[0] > 2.0 > 0.0 > usage(busy, degree, real)[1]
    assert abs(usage(idle, degree, real)[1]) < 0.5
    assert not usage(np.zeros(1000, np.int64), degree, real).any()


def test_using_a_thing_or_two_says_less_than_using_nothing() -> None:
    items = np.full(1000, 30)
    items[:2] = 0, 1
    nothing, little, much = usage(items, np.full(1000, 8), np.ones(1000))[:3]
    assert nothing > little > 0.0 > much

"""The removal policies do what their names promise."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recdiff.cleaning.policy import Policy, expectation, removed
from recdiff.errors import UsageError
from recdiff.graph.social_graph import SocialGraph

EDGES = np.array([[0, 1], [0, 2], [0, 3], [1, 2], [3, 4]])
GRAPH = SocialGraph(EDGES, 5, False)
SCORES = np.array([0.1, 0.9, 0.5, 0.3, 0.8], np.float32)


def test_a_threshold_removes_what_reaches_it() -> None:
    assert removed(GRAPH, SCORES, Policy(threshold=0.5)).tolist() == [False, True, True, False, True]


def test_without_a_number_the_threshold_is_one_half() -> None:
    assert (removed(GRAPH, SCORES, Policy()) == removed(GRAPH, SCORES, Policy(threshold=0.5))).all()


@pytest.mark.parametrize(("share", "count"), [(0.0, 0), (0.2, 1), (0.59, 2), (1.0, 5)])
def test_a_share_removes_the_worst(share: float, count: int) -> None:
    chosen = removed(GRAPH, SCORES, Policy(remove_share=share))
    assert chosen.sum() == count
    assert set(SCORES[chosen]) == set(np.sort(SCORES)[5 - count :])


def test_a_precision_is_reached_by_as_many_edges_as_it_allows() -> None:
    chosen = removed(GRAPH, SCORES, Policy(min_precision=0.7))
    assert SCORES[chosen].mean() >= 0.7
    assert chosen.tolist() == [False, True, True, False, True]


def test_an_edge_kept_for_a_lonely_user_is_the_least_suspicious() -> None:
    chosen = removed(GRAPH, SCORES, Policy(threshold=0.0, keep_degree=1))
    assert chosen.tolist() == [False, True, False, False, False]


@given(
    st.lists(st.tuples(st.integers(0, 7), st.integers(0, 7)), min_size=1, max_size=40, unique=True),
    st.integers(1, 4),
    st.floats(0, 1),
    st.randoms(use_true_random=False),
)
def test_no_user_is_left_with_fewer_edges_than_promised(
    pairs: list[tuple[int, int]], keep: int, threshold: float, random
) -> None:  # type: ignore[no-untyped-def]
    edges = np.array(pairs)
    edges = edges[edges[:, 0] != edges[:, 1]].reshape(-1, 2)
    scores = np.array([random.random() for _ in edges], np.float32)
    chosen = removed(SocialGraph(edges, 8, False), scores, Policy(threshold=threshold, keep_degree=keep))
    before, after = (np.bincount(part.ravel(), minlength=8) for part in (edges, edges[~chosen]))
    assert (after >= np.minimum(before, keep)).all()
    assert not chosen[scores < threshold].any()


def test_the_expectations_add_up() -> None:
    facts = expectation(SCORES, removed(GRAPH, SCORES, Policy(threshold=0.5)))
    assert facts["edges"] == 5
    assert facts["removed"] == 3
    assert facts["expected_fake_removed"] + facts["expected_real_removed"] == pytest.approx(3)
    assert facts["expected_fake_removed"] + facts["expected_fake_kept"] == pytest.approx(
        5 * facts["estimated_fake_share"]
    )


def test_policies_that_make_no_sense_are_refused() -> None:
    with pytest.raises(UsageError, match=r"threshold and remove_share exclude each other; give one of them"):
        Policy(threshold=0.3, remove_share=0.1)
    with pytest.raises(UsageError, match=r"threshold = 1.5: expected a number from 0 to 1"):
        Policy(threshold=1.5)
    with pytest.raises(UsageError, match=r"keep_degree = -1: expected 0 or more edges per user"):
        Policy(keep_degree=-1)

"""Ties are counted once, and their direction is settled."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from recdiff.data.direction import Ties, count_reciprocal, settle
from recdiff.graph.social_graph import SocialGraph

ROWS = st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6)), max_size=40)


def ties(rows: list[tuple[int, int]], directed: bool | None = None) -> Ties:
    arcs = np.array(rows, np.int64).reshape(-1, 2)
    return settle(arcs[:, 0], arcs[:, 1], 7, directed)


def kinds(found: Ties) -> dict[str, int]:
    return {notice.kind: notice.count for notice in found.notices}


def test_every_tie_both_ways_is_undirected() -> None:
    found = ties([(2, 1), (0, 1), (1, 0), (1, 2)])
    assert found.edges.tolist() == [[2, 1], [0, 1]]
    assert (found.directed, found.mirrored) == (False, True)
    assert str(found.notices[-1]) == "undirected edges: 2, each listed in both directions"


def test_one_way_is_directed_with_a_hint() -> None:
    found = ties([(0, 1), (1, 2)])
    assert found.edges.tolist() == [[0, 1], [1, 2]]
    assert (found.directed, found.mirrored) == (True, False)
    assert str(found.notices[-1]) == (
        "directed edges: 2, 0% of them also the other way round; if each friendship is listed once, pass --undirected"
    )


def test_partly_both_ways_is_directed() -> None:
    found = ties([(0, 1), (1, 0), (1, 2), (2, 3)])
    assert (found.directed, len(found.edges)) == (True, 4)
    assert str(found.notices[-1]) == "directed edges: 4, 50% of them also the other way round"


def test_told_undirected() -> None:
    found = ties([(1, 0), (0, 1), (1, 2)], directed=False)
    assert found.edges.tolist() == [[1, 0], [1, 2]]
    assert (found.directed, found.mirrored) == (False, False)
    assert kinds(found) == {"direction": 2, "merged_edges": 1}
    assert str(found.notices[0]) == "undirected edges, as asked: 2, not all listed in both directions"


def test_told_directed() -> None:
    found = ties([(1, 0), (0, 1)], directed=True)
    assert found.edges.tolist() == [[1, 0], [0, 1]]
    assert (found.directed, found.mirrored) == (True, False)
    assert str(found.notices[0]) == "directed edges, as asked: 2"


def test_self_ties_and_repeats_are_counted() -> None:
    found = ties([(3, 3), (0, 1), (0, 1), (0, 1), (4, 4), (1, 2)])
    assert found.edges.tolist() == [[0, 1], [1, 2]]
    assert kinds(found) == {"self_ties": 2, "duplicate_edges": 2, "direction": 2}


@given(ROWS, st.sampled_from([None, True, False]))
def test_against_sets(rows: list[tuple[int, int]], directed: bool | None) -> None:
    found = ties(rows, directed)
    arcs = {(a, b) for a, b in rows if a != b}
    both = all((b, a) in arcs for a, b in arcs) and bool(arcs)
    assert found.directed is (directed if directed is not None else not both)
    got = [tuple(edge) for edge in found.edges.tolist()]
    assert len(got) == len(set(got))
    if found.directed:
        assert set(got) == arcs
    else:
        assert {frozenset(edge) for edge in got} == {frozenset(arc) for arc in arcs}
        assert len(got) == len({frozenset(arc) for arc in arcs})
        assert found.mirrored is both


@given(ROWS)
def test_reciprocal_arcs_are_counted(rows: list[tuple[int, int]]) -> None:
    arcs = {(a, b) for a, b in rows if a != b}
    expected = sum((b, a) in arcs for a, b in arcs)
    assert count_reciprocal(SocialGraph(np.array(sorted(arcs), np.int64).reshape(-1, 2), 7, directed=True)) == expected

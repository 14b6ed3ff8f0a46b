"""Groups: fleets with the same targets, bursts, and what is counted about a group."""

from __future__ import annotations

import numpy as np
import pytest

from recdiff.graph.social_graph import SocialGraph
from recdiff.groups import lockstep
from recdiff.groups.find import DENSE, LOCKSTEP, find_groups, top_targets
from recdiff.sample.society import make_society
from tests.accounts.towns import best_overlap, fleet, town

USERS = 2000


def with_fleet(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return a town's edges with a fleet of 20, and who is in the fleet."""
    rng = np.random.default_rng(seed)
    edges = np.concatenate([make_society(USERS, rng).edges, fleet(20, 15, USERS, rng)])
    return edges, np.arange(USERS + 20) >= USERS


def test_a_fleet_is_found_by_the_targets_it_shares() -> None:
    edges, planted = with_fleet(1)
    groups = find_groups(SocialGraph(edges, len(planted), True))
    assert best_overlap(groups.member, planted) > 0.9
    group = groups.member[planted][0]
    assert groups.kind[group] == LOCKSTEP
    assert groups.evidence[group] > 2.0
    targets = set(edges[planted[edges[:, 0]], 1].tolist())
    assert set(top_targets(groups, edges, 10)[group]) <= targets


def test_targets_of_a_fleet_are_less_suspicious_than_the_fleet() -> None:
    edges, planted = with_fleet(2)
    groups = find_groups(SocialGraph(edges, len(planted), False))
    group = groups.member[planted][0]
    others = [each for each in np.unique(groups.member[~planted]) if each >= 0 and each != group]
    assert all(groups.evidence[each] < groups.evidence[group] - 2.0 for each in others)


def test_accounts_that_follow_the_same_users_at_the_same_time_are_found_by_their_times() -> None:
    """Their sets are too unlike without the times: each follows many others too."""
    rng = np.random.default_rng(3)
    ties = make_society(USERS, rng).edges
    burst = fleet(15, 8, USERS, rng)
    cover = np.stack([rng.integers(USERS, USERS + 15, 300), rng.integers(0, USERS, 300)], axis=1)
    edges = np.unique(np.concatenate([ties, burst, cover]), axis=0)
    keys = set(map(tuple, burst.tolist()))
    times = np.array([500.5 if tuple(edge) in keys else rng.uniform(0, 1000) for edge in edges.tolist()])
    planted = np.arange(USERS + 15) >= USERS
    without, with_times = (find_groups(SocialGraph(edges, len(planted), True), each) for each in (None, times))
    assert best_overlap(without.member, planted) < 0.3
    assert best_overlap(with_times.member, planted) > 0.8


def test_a_group_whose_edges_came_in_a_short_time_is_more_suspicious() -> None:
    made = town(users=800, rings=1, seed=4)
    inner = (made.ring[made.edges] >= 0).any(axis=1)
    rng = np.random.default_rng(0)
    spread = rng.uniform(0, 1000, len(made.edges))
    sudden = np.where(inner, 700 + spread / 1000, spread)
    calm, burst = (find_groups(SocialGraph(made.edges, len(made.ring), False), times) for times in (spread, sudden))
    group = burst.member[made.ring >= 0][0]
    assert burst.burst[group] > 2.0
    assert calm.burst[calm.member[made.ring >= 0][0]] < 0.5


def test_counts_of_a_group() -> None:
    clique = np.stack(np.triu_indices(10, 1), axis=1)
    line = np.stack([np.arange(10, 60), np.arange(11, 61)], axis=1)
    edges = np.concatenate([clique, line, [[0, 20], [1, 20], [2, 30]]])
    groups = find_groups(SocialGraph(edges, 61, False))
    assert (groups.kind[0], groups.size[0], groups.inside[0], groups.reach[0]) == (DENSE, 10, 45, 2)
    assert groups.density()[0] == 1.0
    assert np.isnan(groups.first[0])
    times = np.where(edges.max(axis=1) < 10, 5.0, 9.0)
    timed = find_groups(SocialGraph(edges, 61, False), times=np.append(times[:-1], np.nan))
    assert (timed.first[0], timed.last[0]) == (5.0, 9.0)
    assert top_targets(groups, edges, 5)[0] == [20]


def test_a_fleet_is_the_same_whatever_is_hashed_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    edges, member = with_fleet(3)
    graph = SocialGraph(edges, len(member), False)
    whole = find_groups(graph)
    monkeypatch.setattr(lockstep, "HASHED", 10)
    assert np.array_equal(find_groups(graph).member, whole.member)

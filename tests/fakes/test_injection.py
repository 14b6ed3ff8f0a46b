"""Injected fakes: as many as asked for, of the kind asked for, and the rest of the graph as it was."""

from __future__ import annotations

import numpy as np
import pytest

from recdiff.errors import UsageError
from recdiff.fakes.injection import corrupt
from recdiff.fakes.kinds import injected
from recdiff.graph.adjacency import adjacency
from recdiff.graph.pairs import common_neighbours, pair_keys
from recdiff.graph.social_graph import SocialGraph
from tests.graph_samples import community_edges

USERS = 320


def plain(edges: np.ndarray) -> SocialGraph:
    return SocialGraph(edges, USERS, directed=False)


@pytest.mark.parametrize("directed", [False, True])
@pytest.mark.parametrize("mode", ["replace", "add"])
@pytest.mark.parametrize("kind", injected())
def test_counts_and_truth(kind: str, mode: str, directed: bool) -> None:
    edges = community_edges()
    made = corrupt(SocialGraph(edges, USERS, directed), kind=kind, share=0.2, mode=mode, rng=np.random.default_rng(3))  # type: ignore[arg-type]
    fakes = round(0.2 * len(edges))
    assert made.is_fake.sum() == fakes
    assert len(made.edges) == len(edges) + (fakes if mode == "add" else 0)
    keys = pair_keys(made.edges, made.num_users, directed)
    assert len(np.unique(keys)) == len(keys)
    known = pair_keys(edges, made.num_users, directed)
    assert np.isin(keys[~made.is_fake], known).all()
    assert not np.isin(keys[made.is_fake], known).any()
    # The order of the ties gives nothing away.
    assert 0.4 < np.flatnonzero(made.is_fake).mean() / len(keys) < 0.6


def test_the_same_seed_gives_the_same_bytes() -> None:
    edges = community_edges()
    for kind in injected():
        first, second = (
            corrupt(plain(edges), kind=kind, share=0.1, mode="replace", rng=np.random.default_rng(5)) for _ in range(2)
        )
        assert first.edges.tobytes() == second.edges.tobytes()
        assert first.is_fake.tobytes() == second.is_fake.tobytes()


def test_two_hop_fakes_have_a_common_friend_in_the_true_graph() -> None:
    edges = community_edges()
    made = corrupt(plain(edges), kind="two-hop", share=0.1, mode="add", rng=np.random.default_rng(0))
    graph = adjacency(edges, USERS, directed=False)
    assert common_neighbours(graph, graph, made.edges[made.is_fake]).min() >= 1


def test_a_farm_ties_new_accounts_to_each_other_and_to_few_others() -> None:
    edges = community_edges()
    made = corrupt(plain(edges), kind="farm", share=0.2, mode="replace", rng=np.random.default_rng(0))
    fakes = made.edges[made.is_fake]
    assert made.num_users > USERS
    assert (fakes >= USERS).any(axis=1).all()
    within = (fakes >= USERS).all(axis=1).mean()
    assert 0.4 < within < 0.6
    assert len(np.unique(fakes[fakes < USERS])) <= 10


def test_camouflage_befriends_friends_of_its_target() -> None:
    edges = community_edges()
    made = corrupt(
        plain(edges),
        kind="camouflage",
        share=0.1,
        mode="add",
        rng=np.random.default_rng(0),
    )
    fakes = np.sort(made.edges[made.is_fake], axis=1)
    assert (fakes[:, 1] >= USERS).all()
    assert (fakes[:, 0] < USERS).all()
    friends = {u: set() for u in range(USERS)}
    for a, b in edges:
        friends[a].add(b)
        friends[b].add(a)
    for account in range(USERS, made.num_users - 1):
        ends = set(fakes[fakes[:, 1] == account, 0])
        assert any(ends - {target} <= friends[target] for target in ends)


@pytest.mark.parametrize(
    ("kind", "share", "mode", "message"),
    [
        ("random", 0.1, "add", "kind 'random': accepted are uniform, hub, degree, walk, two-hop, farm, camouflage"),
        ("uniform", 1.5, "add", "share 1.5: expected a number from 0 to 1"),
        ("uniform", 0.1, "swap", "mode 'swap': accepted are replace, add"),
    ],
)
def test_what_makes_no_sense_is_refused(kind: str, share: float, mode: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        corrupt(
            plain(community_edges()),
            kind=kind,
            share=share,
            mode=mode,
            rng=np.random.default_rng(0),
        )  # type: ignore[arg-type]


def test_a_share_of_nothing_changes_nothing() -> None:
    edges = community_edges()
    made = corrupt(plain(edges), kind="farm", share=0.0, mode="replace", rng=np.random.default_rng(0))
    assert made.num_users == USERS
    assert not made.is_fake.any()
    assert sorted(map(tuple, made.edges)) == sorted(map(tuple, edges))

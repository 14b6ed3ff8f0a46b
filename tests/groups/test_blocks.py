"""Dense blocks: what is planted is found whole, in any order, and a graph without blocks has none."""

from __future__ import annotations

import time

import numpy as np
import torch

from recdiff.graph.shared import Friends
from recdiff.graph.social_graph import SocialGraph
from recdiff.groups.blocks import find_blocks, similarity
from tests.accounts.towns import best_overlap, town


def test_every_planted_ring_is_a_block_of_its_own() -> None:
    made = town(seed=1)
    block = find_blocks(SocialGraph(made.edges, len(made.ring), False))
    for ring in range(5):
        assert best_overlap(block, made.ring == ring) > 0.9


def test_blocks_do_not_depend_on_the_order_of_edges_or_their_direction() -> None:
    made = town(users=600, seed=2)
    block = find_blocks(SocialGraph(made.edges, len(made.ring), False))
    turned = np.random.default_rng(0).permutation(made.edges[:, ::-1], axis=0)
    assert (find_blocks(SocialGraph(turned, len(made.ring), False)) == block).all()


def test_two_cliques_joined_by_an_edge_are_two_blocks_and_their_friends_in_none() -> None:
    clique = np.stack(np.triu_indices(8, 1), axis=1)
    edges = np.concatenate([clique, clique + 8, [[7, 8], [15, 16], [16, 17], [17, 18]]])
    block = find_blocks(SocialGraph(edges, 20, False))
    assert len(set(block[:8])) == len(set(block[8:16])) == 1
    assert block[0] != block[8]
    assert (block[16:] == -1).all()


def test_parts_that_no_edge_joins_are_never_one_block() -> None:
    paths = np.concatenate([np.array([[0, 1], [1, 2]]) + 3 * part for part in range(10)])
    assert (find_blocks(SocialGraph(paths, 30, False)) == -1).all()


def test_a_graph_without_edges_has_no_blocks() -> None:
    assert (find_blocks(SocialGraph(np.empty((0, 2), np.int64), 4, False)) == -1).all()


def test_similarity_counts_friends_in_common_against_degrees() -> None:
    edges = np.array([[0, 1], [0, 2], [1, 2], [2, 3]])
    np.testing.assert_allclose(similarity(Friends(torch.as_tensor(edges), 4)), [1 / 2, 1 / 6**0.5, 1 / 6**0.5, 0.0])


def test_time_grows_with_the_edges_not_with_their_square() -> None:
    def seconds(users: int) -> float:
        made = town(users=users, rings=3, seed=3)
        begin = time.process_time()
        find_blocks(SocialGraph(made.edges, len(made.ring), False))
        return time.process_time() - begin

    seconds(500)
    assert seconds(16_000) < 40 * max(seconds(2_000), 0.005)

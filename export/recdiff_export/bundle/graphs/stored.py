"""Stored scores of fitted edges inside a graph: a binary search, unrolled, over their sorted keys."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from recdiff.arrays import Float32, Int64
from recdiff.graph.keys import keys_of
from recdiff_export.bundle.graphs.writer import FLOAT, INT64, Graph
from recdiff_export.bundle.names import STORED_KEYS_FILE, STORED_SCORES_FILE
from recdiff_export.bundle.parts import FittedEdges

_LAST = np.iinfo(np.int64).max


def sorted_edges(fitted: FittedEdges, users: int) -> tuple[Int64, Float32]:
    """Return the keys (E + 1,) of the edges in order and their scores, a key above all others at the end."""
    keys = keys_of(fitted.src, fitted.dst, users, fitted.directed)
    order = np.argsort(keys)
    scores = np.append(fitted.fake_score[order], np.float32(np.nan))
    return np.append(keys[order], _LAST), scores.astype(np.float32)


def stored_score(graph: Graph, fitted: FittedEdges, users: int, positions: Sequence[str]) -> tuple[str, str]:
    """Return two names, both (B,): whether a pair of positions is a fitted edge, and its stored score where it is."""
    count = len(fitted.src)
    keys = graph.table("stored_keys", STORED_KEYS_FILE, INT64, (count + 1,))
    scores = graph.table("stored_scores", STORED_SCORES_FILE, FLOAT, (count + 1,))
    low, high = positions
    if not fitted.directed:
        low, high = graph.add("Min", *positions), graph.add("Max", *positions)
    wanted = graph.add("Add", graph.add("Mul", low, graph.constant(users, np.int64)), high)
    # ``below`` grows to the number of keys up to the wanted one, by halving steps.
    below, last = graph.add("Sub", wanted, wanted), graph.constant(count, np.int64)
    for step in (1 << bit for bit in reversed(range(count.bit_length()))):
        further = graph.add("Add", below, graph.constant(step, np.int64))
        probe = graph.add("Min", graph.add("Sub", further, graph.constant(1, np.int64)), last)
        reached = graph.add("LessOrEqual", graph.add("Gather", keys, probe, axis=0), wanted)
        below = graph.add("Where", reached, further, below)
    one, zero = graph.constant(1, np.int64), graph.constant(0, np.int64)
    place = graph.add("Max", graph.add("Sub", below, one), zero)
    found = graph.add("Equal", graph.add("Gather", keys, place, axis=0), wanted)
    return found, graph.add("Gather", scores, place, axis=0)

"""The neighbourhood of a pair of users, and where to draw it.

The two ends stand left and right, their common friends between them, the friends of one end around it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from recdiff.arrays import Float64, Int64
from recdiff.studies.page.figures import COLOURS

# Friends drawn of each sort; more would hide the pair.
MOST = 12


@dataclass(frozen=True)
class Ego:
    """A pair with the friends around it.

    Attributes:
        nodes: positions of the users drawn: the two ends, common friends, friends of the first, of the second.
        groups: (N,) 0 end, 1 common, 2 friend of the first only, 3 of the second only.
        places: (N, 2) coordinates.
        edges: (M, 2) edges among the nodes, as places in ``nodes``.
        counts: number of common friends, friends of the first only and of the second only, drawn or not.
    """

    nodes: Int64
    groups: Int64
    places: Float64
    edges: Int64
    counts: tuple[int, int, int]


def ego_of(edges: Int64, pair: tuple[int, int]) -> Ego:
    """Return the neighbourhood of ``pair`` in a graph of ``edges`` (E, 2)."""
    first, second = pair
    friends = [np.setdiff1d(_neighbours(edges, end), [first, second]) for end in pair]
    common = np.intersect1d(friends[0], friends[1])
    others = [np.setdiff1d(each, common) for each in friends]
    drawn = [part[:MOST] for part in (common, *others)]
    nodes = np.concatenate([[first, second], *drawn]).astype(np.int64)
    groups = np.repeat([0, 1, 2, 3], [2, *map(len, drawn)])
    places = np.concatenate(
        [[[-1.0, 0.0], [1.0, 0.0]], _column(len(drawn[0])), *map(_arc, (-1, 1), map(len, drawn[1:]))]
    )
    return Ego(nodes, groups, places, _among(edges, nodes), (len(common), len(others[0]), len(others[1])))


def draw_ego(axis: Any, ego: Ego, names: tuple[str, str]) -> None:
    """Draw the neighbourhood with the names of the two ends."""
    tie = {"color": "#010203", "linewidth": 0.7, "alpha": 0.25}
    for a, b in ego.edges:
        axis.plot(*ego.places[[a, b]].T, zorder=1, **tie)
    axis.plot(*ego.places[:2].T, color=COLOURS[5], linewidth=1.8, linestyle=(0, (4, 2)), zorder=2)
    for group, colour, size in ((1, COLOURS[2], 36), (2, COLOURS[8], 22), (3, COLOURS[8], 22), (0, COLOURS[0], 90)):
        chosen = ego.places[ego.groups == group]
        axis.scatter(chosen[:, 0], chosen[:, 1], s=size, color=colour, zorder=3, linewidths=0)
    for (x, y), name in zip(ego.places[:2], names, strict=True):
        axis.annotate(name, (x, y), (0, -13), textcoords="offset points", ha="center", fontsize=9, zorder=4)
    axis.set(xlim=(-2.1, 2.1), ylim=(-1.35, 1.35), aspect="equal")
    axis.axis("off")


def _neighbours(edges: Int64, user: int) -> Int64:
    return np.unique(np.concatenate([edges[edges[:, 0] == user, 1], edges[edges[:, 1] == user, 0]]))


def _column(count: int) -> Float64:
    """Return places between the ends, alternating above and below their edge, never on it."""
    level = np.arange(count)
    height = (level // 2 + 1) / (max(count - 1, 1) // 2 + 1) * 1.2
    return np.stack([np.zeros(count), np.where(level % 2 == 0, height, -height)], axis=1)


def _arc(side: int, count: int) -> Float64:
    """Return places around an end, on the side away from the other."""
    angle = np.linspace(-1, 1, count) * 0.5 * np.pi if count > 1 else np.zeros(count)
    return np.stack([side * (1 + 0.95 * np.cos(angle)), 1.2 * np.sin(angle)], axis=1)


def _among(edges: Int64, nodes: Int64) -> Int64:
    """Return the edges among ``nodes`` but the pair's own, by place in ``nodes``."""
    place = {int(node): index for index, node in enumerate(nodes)}
    near = edges[np.isin(edges, nodes).all(axis=1)]
    found = [(place[int(a)], place[int(b)]) for a, b in near]
    return np.array([each for each in found if set(each) != {0, 1}], np.int64).reshape(-1, 2)

"""Rows of the scorer's table for users with new edges or items, with or without one of their edges.

An eigenvector is the mean of its values at the neighbours, over its eigenvalue, so a user's part r_u of it, as long as
the eigenvalue says, goes on to new edges (Nystroem's extension; Bengio et al., 2004). With weighted degrees d, ridge t:

    r_u sqrt(d_u + t) = sum over edges of w_uv r_v / (lambda sqrt(d_v + t))

A fitted user's sum is known from the fit's own row, so new edges are added to it. Those between new users are added
once the others have given both a row. Whatever one edge adds can be taken away again: that is the row that did not see
it. Singular vectors go the same way, each side from the other.

Letters: U users, B new edges, M touched users, R rows asked for, k eigenvectors, S singular vectors, F table columns.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from recdiff.arrays import Float32, Float64, Half, Int64
from recdiff.config.scorer import ScorerConfig
from recdiff.graph.edge_index import EdgeIndex
from recdiff.graph.keys import among, distinct
from recdiff.graph.social_graph import SocialGraph
from recdiff.scorer.evidence import ConditionalDenoiser, evidence_columns, read
from recdiff.scorer.growth import column, latent_inputs, scale_of, sided_rows, spectral_rows
from recdiff.scorer.round import LATENT_CLIP, named_evidence
from recdiff.scorer.table import COMPANY, FRIENDS, friends_columns, join
from recdiff.scorer.untaught.answers import Habit, usual_rate
from recdiff.scorer.untaught.labelled import ACCOUNT
from recdiff.scorer.untaught.staged import LEAST, STAGED
from recdiff.update.larger import Larger

SMALLEST = 1e-6
"""An eigenvalue below this is of a vector that was not found."""
TINY = 1e-9
SIDES = {"out": "into", "into": "out"}
Columns = dict[str, NDArray[Any]]
"""By name, (R, width) each."""


@dataclass(frozen=True, eq=False)
class Asked:
    """Which rows, and which edges they shall not have seen: those between ``user`` and ``other``.

    Attributes:
        user, other: (R,) places among the touched users.
        sent, received: (R,) weights of the edge to the other and from the other; 0 where nothing is left out.
        arcs: (R, 2) how many edges there are to and from the other.
    """

    user: Int64
    other: Int64
    sent: Float64
    received: Float64
    arcs: Float64

    @classmethod
    def whole(cls, count: int) -> Asked:
        """Ask for the rows of all ``count`` touched users, nothing left out."""
        every, none = np.arange(count), np.zeros(count)
        return cls(every, every, none, none, np.zeros((count, 2)))

    @property
    def weight(self) -> Float64:
        """Of what is left out, (R,)."""
        return self.sent + self.received


class Rows:
    """What the rows of touched users are made of, for one choice of the new edges' weights (B,)."""

    def __init__(self, larger: Larger, config: ScorerConfig, weight: Float64) -> None:
        self.larger, self.config, self.growth = larger, config, larger.growth
        self.touched = larger.touched
        self.place = np.full(larger.graph.num_users, -1)
        self.place[self.touched] = np.arange(len(self.touched))
        self.ends = self.place[larger.new]
        self.weight, self.new_weight = np.concatenate([self.growth.weight, weight]), weight
        self.old = larger.table[self.touched]
        self.has_row = larger.known[self.touched]
        edges, users = larger.graph.edges, larger.graph.num_users
        every = _degrees(edges, self.weight, users)
        before = _degrees(edges[: larger.fitted], self.growth.weight, users)[:, self.touched]
        self.degree = every[:, self.touched]
        self.ridge = config.table.ridge * self.growth.degree
        self.near = larger.around(every.sum(axis=0)[:, None], self.weight)[:, 0]
        self._spectral(before)
        if "unit_out" in larger.at:
            self._sided(before)
            sent, received = larger.counts
            usual = usual_rate(sent)
            self.habits = {"asked": Habit.of(received, usual), "asking": Habit.of(sent, usual)}
        if "taste" in larger.at:
            taste, items = larger.tastes
            self.taste, self.items = taste[self.touched], items[self.touched]
            ones = np.ones(len(larger.graph.edges))
            self.friends_say = larger.around(np.column_stack([taste, items]), ones)
        self.net: ConditionalDenoiser | None = read(self.growth.net, config.evidence) if self.growth.net else None

    def _spectral(self, before: Float64) -> None:
        """Set the sums behind the eigenvectors' rows (M, k), and what each user adds to a neighbour's sum (M, k)."""
        rows = spectral_rows(self.old, self.larger.at).astype(np.float64)
        own = np.sqrt(self.degree.sum(axis=0) + self.ridge[0])[:, None]
        start = rows * np.sqrt(before.sum(axis=0) + self.ridge[0])[:, None]
        positive = self.config.table.positive
        over = _inverse(np.concatenate([self.growth.value[:positive], -self.growth.value[positive:]]))
        for _ in range(2):
            # What is new has no row the first time, so it adds nothing to others yet.
            self.adds = rows / own * over
            self.sums = start.copy()
            for one, other in ((0, 1), (1, 0)):
                np.add.at(self.sums, self.ends[:, one], self.new_weight[:, None] * self.adds[self.ends[:, other]])
            rows = np.where(self.has_row[:, None], rows, self.sums / np.maximum(own, SMALLEST))

    def _sided(self, before: Float64) -> None:
        """Set the same for the singular vectors: ``sided_sums`` and ``sided_adds`` by side, (M, S) each."""
        larger, mean, ridge = self.larger, float(self.growth.degree[1]), self.ridge[1]
        over = _inverse(self.growth.singular)
        own = {side: np.sqrt(self.degree[at] + ridge)[:, None] for at, side in enumerate(SIDES)}
        rows = {
            side: sided_rows(self.old, larger.at, side, before[at], mean).astype(np.float64)
            for at, side in enumerate(SIDES)
        }
        start = {side: rows[side] * np.sqrt(before[at] + ridge)[:, None] for at, side in enumerate(SIDES)}
        for _ in range(2):
            self.sided_adds = {side: rows[side] / own[side] * over for side in SIDES}
            self.sided_sums = {side: each.copy() for side, each in start.items()}
            for at, (side, other) in enumerate(SIDES.items()):
                added = self.new_weight[:, None] * self.sided_adds[other][self.ends[:, 1 - at]]
                np.add.at(self.sided_sums[side], self.ends[:, at], added)
            rows = {
                side: np.where(self.has_row[:, None], rows[side], self.sided_sums[side] / own[side]) for side in SIDES
            }

    @cached_property
    def _index(self) -> tuple[EdgeIndex, Int64]:
        """The edges between ends of a new one, and which rows of all edges they are."""
        graph, new = self.larger.graph, self.larger.new
        wanted = distinct(graph.keys_of(np.concatenate([new, new[:, ::-1]])))
        rows = np.flatnonzero(among(graph.keys_of(graph.edges), wanted))
        return EdgeIndex.of(SocialGraph(graph.edges[rows], graph.num_users, graph.directed)), rows

    def leaving_out(self, which: Int64, side: int) -> Asked:
        """Ask for the row of one ``side`` of the new edges ``which`` (R,), without what is between its two ends."""
        own, other = self.larger.new[which, side], self.larger.new[which, 1 - side]
        ways = [self._between(own, other)]
        ways.append(self._between(other, own) if self.larger.graph.directed else np.zeros_like(ways[0]))
        weight, arcs = np.stack(ways, axis=1)[..., 0], np.stack(ways, axis=1)[..., 1]
        return Asked(self.place[own], self.place[other], weight[:, 0], weight[:, 1], arcs)

    def _between(self, src: Int64, dst: Int64) -> Float64:
        """Return weight and number of the edges from ``src`` to ``dst``, (R, 2)."""
        index, rows = self._index
        found = index.rows_of(np.stack([src, dst], axis=1))
        weight = self.weight[rows[found]]
        return np.where(found[:, None] >= 0, np.stack([weight, np.ones(len(weight))], axis=1), 0.0)

    def table(self, asked: Asked) -> Half:
        """Return rows of the table, (R, F)."""
        return self._joined(self._columns(asked))

    def all(self) -> tuple[Half, Float32]:
        """Return the rows (M, F) of all touched users, and what of them is denoised, (M, D)."""
        columns = self._columns(Asked.whole(len(self.touched)))
        return self._joined(columns), self.latent(columns) if self.net is not None else np.empty((0, 0), np.float32)

    def _joined(self, columns: Columns) -> Half:
        names = sorted(self.larger.at, key=lambda name: self.larger.at[name])
        ordered = {name: torch.as_tensor(np.asarray(columns[name], np.float32)) for name in names}
        return np.asarray(join(ordered).numpy())

    def _columns(self, asked: Asked) -> Columns:
        columns = self._social(asked)
        if "unit_out" in self.larger.at:
            columns |= self._directed(asked)
        if "taste" in self.larger.at:
            columns |= self._tastes(asked)
        kept = {STAGED: -LEAST, ACCOUNT: -LEAST, COMPANY: 0.0}
        for name in kept.keys() & self.larger.at.keys():
            columns[name] = self._kept(name, kept[name])[asked.user][:, None]
        arcs = asked.arcs.sum(axis=1)
        count = self.larger.friends[self.touched[asked.user]] - arcs
        columns[FRIENDS] = friends_columns(torch.as_tensor(count)).numpy()
        if self.net is not None:
            columns |= self._evidence(columns)
        return columns

    def _social(self, asked: Asked) -> Columns:
        degree = np.maximum(self.degree.sum(axis=0)[asked.user] - asked.weight, 0.0)
        theirs = self.degree.sum(axis=0)[asked.other]
        near = np.maximum(self.near[asked.user] - asked.weight * theirs, 0.0) / np.maximum(degree, SMALLEST)
        sums = self.sums[asked.user] - asked.weight[:, None] * self.adds[asked.other]
        rows = sums / np.sqrt(degree + self.ridge[0])[:, None]
        length = np.linalg.norm(rows, axis=1, keepdims=True)
        return {
            "degree": np.log1p(degree)[:, None],
            "near": np.log1p(near)[:, None],
            "norm": np.log(length + 1e-3),
            "length": length,
            "pull": length * _pull(degree, self.growth.degree[0]),
            "unit": rows / np.maximum(length, TINY),
        }

    def _directed(self, asked: Asked) -> Columns:
        found: Columns = {}
        for at, (side, other) in enumerate(SIDES.items()):
            left_out = (asked.sent, asked.received)[at]
            degree = np.maximum(self.degree[at][asked.user] - left_out, 0.0)
            sums = self.sided_sums[side][asked.user] - left_out[:, None] * self.sided_adds[other][asked.other]
            rows = sums / np.sqrt(degree + self.ridge[1])[:, None]
            length = np.linalg.norm(rows, axis=1, keepdims=True)
            found[side] = np.log1p(degree)[:, None]
            found[f"pull_{side}"] = length * _pull(degree, self.growth.degree[1])
            found[f"unit_{side}"] = rows / np.maximum(length, TINY)
        answered = asked.arcs.prod(axis=1)
        for at, name in enumerate(("asking", "asked")):
            counts = self.larger.counts[at][self.touched[asked.user]]
            counts = counts - np.stack([asked.arcs[:, at], answered], axis=1)
            found[name] = self.habits[name].rarely(counts)[:, None]
        return found

    def _tastes(self, asked: Asked) -> Columns:
        arcs = asked.arcs.sum(axis=1)
        friends = self.larger.friends[self.touched[asked.user]] - arcs
        theirs = np.column_stack([self.taste, self.items])[asked.other]
        mean = (self.friends_say[asked.user] - arcs[:, None] * theirs) / np.maximum(friends, 1.0)[:, None]
        taste, items = self.taste[asked.user], self.items[asked.user]
        quiet, agree = self.growth.friendless
        usual = self.growth.usual[np.minimum(scale_of(friends), len(self.growth.usual) - 1)]
        found = {
            "lack": items - usual,
            "quiet": np.where(friends > 0, mean[:, -1], quiet),
            "agree": np.where(friends > 0, (taste * mean[:, :-1]).sum(axis=1), agree),
            "items": items,
        }
        return {"taste": taste, **{name: each[:, None] for name, each in found.items()}}

    def _kept(self, name: str, of_new: float) -> Float32:
        """Return the column ``name`` (M,) that fits alone find, with what new users have there until the next fit."""
        return np.where(self.has_row, column(self.old, self.larger.at, name)[:, 0], np.float32(of_new))

    def latent(self, columns: Columns) -> Float32:
        """Return the rows (R, D) that are denoised, of rows with these ``columns``."""
        raw = latent_inputs(columns, self.config.table.positive)
        mean, scale = self.growth.latent
        return np.asarray(np.clip((raw - mean) / scale, -LATENT_CLIP, LATENT_CLIP), np.float32)

    def _evidence(self, columns: Columns) -> Columns:
        assert self.net is not None
        rows = torch.as_tensor(self.latent(columns))
        noise = [torch.as_tensor(each).expand(len(rows), -1) for each in self.growth.noise]
        found = named_evidence(evidence_columns(self.net, rows, noise, self.config.evidence.levels))
        return {name: each.numpy() for name, each in found.items()}


def _degrees(edges: Int64, weight: Float32 | Float64, num_users: int) -> Float64:
    """Return how much leaves and reaches each user, (2, U)."""
    return np.stack([np.bincount(edges[:, side], weight, num_users) for side in (0, 1)])


def _inverse(values: Float32) -> Float64:
    """Return 1 / ``values``, 0 for those of vectors that were not found."""
    wide = values.astype(np.float64)
    return np.where(np.abs(wide) > SMALLEST, 1.0 / np.where(np.abs(wide) > SMALLEST, wide, 1.0), 0.0)


def _pull(degree: Float64, mean: float) -> Float64:
    return np.sqrt((degree + 1.0) / (mean + 1.0))[:, None]

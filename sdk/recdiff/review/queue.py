"""What there is to decide, the greatest expected harm first.

    harm = score * reach

with reach the edges that go if a thing is fake: one of an edge, all of an account, all of a group's members. So harm is
how many edges are expected to go by one decision, whatever it is about.

Letters: N things, E edges, U users, G groups.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from recdiff.accounts.scores import group_scores
from recdiff.accounts.tables import numbers
from recdiff.arrays import Float64, Int64, Mask
from recdiff.audit.decisions import ACCOUNT, EDGE, GROUP
from recdiff.audit.groups import group_name, listed_members
from recdiff.model.fitted import Fitted


@dataclass(frozen=True, eq=False)
class Queue:
    """Things of one sort.

    Attributes:
        what: "edge", "account" or "group". names: columns of text (N,), which tell a thing from all others.
        score: (N,) probability of being fake. reach: (N,) edges that go if it is.
    """

    what: str
    names: Sequence[pa.Array]
    score: Float64
    reach: Int64

    def __len__(self) -> int:
        return len(self.score)

    @cached_property
    def harm(self) -> Float64:
        """How many edges are expected to go by a decision, (N,)."""
        return self.score * self.reach

    @cached_property
    def order(self) -> Int64:
        """The things by their harm, the greatest first, (N,)."""
        return np.lexsort((np.arange(len(self)), -self.score, -self.harm))

    def name(self, place: int) -> tuple[str, ...]:
        """Return what the thing at ``place`` is called."""
        return tuple(column[place].as_py() for column in self.names)

    def matching(self, text: str, least: float) -> Mask:
        """Return which things (N,) have ``text`` in a name, in capitals or not, and a score of ``least`` or more."""
        found = self.score >= least
        if text:
            told = [pc.match_substring(column, text, ignore_case=True).to_numpy(False) for column in self.names]
            found &= np.logical_or.reduce(told)
        return found


@dataclass(frozen=True, eq=False)
class Page:
    """Some of the things that were asked for.

    Attributes:
        places: which. ranks: their places in the order of the whole queue. start: how many that fit come before.
        total: how many fit.
    """

    places: Int64
    ranks: Int64
    start: int
    total: int


def page(queue: Queue, chosen: Mask, limit: int, *, after: int = -1, before: int | None = None) -> Page:
    """Return the first ``limit`` of the ``chosen`` (N,) behind the rank ``after``, or the last ones before ``before``.

    Ranks stay what they are when things are decided, so nobody misses one by deciding.
    """
    ranks = np.flatnonzero(chosen[queue.order])
    if before is None:
        start = int(np.searchsorted(ranks, after, side="right"))
        stop = start + limit
    else:
        stop = int(np.searchsorted(ranks, before))
        start = max(0, stop - limit)
    there = ranks[start:stop]
    return Page(queue.order[there], there, start, len(ranks))


def edge_queue(fitted: Fitted) -> Queue:
    """Return the fitted edges, by row."""
    pairs = fitted.pairs
    names = [fitted.users.take(pairs[:, end]).cast(pa.string()) for end in (0, 1)]
    return Queue(EDGE, names, fitted.scores.astype(np.float64), np.ones(len(pairs), np.int64))


def account_queue(fitted: Fitted) -> Queue:
    """Return the accounts, by position."""
    return Queue(ACCOUNT, [fitted.users.values.cast(pa.string())], fitted.accounts.score, fitted.accounts.degree)


def group_queue(fitted: Fitted) -> Queue:
    """Return the groups in the table, the one with number 1 first."""
    accounts, pairs = fitted.accounts, fitted.pairs
    number = np.append(numbers(accounts), 0)[accounts.groups.member]
    members = listed_members(accounts)
    of_ends = number[pairs]
    within = of_ends[:, 0] == of_ends[:, 1]
    touched = np.bincount(of_ends.ravel(), minlength=len(members) + 1)
    inside = np.bincount(of_ends[within, 0], minlength=len(members) + 1)
    names = [group_name(fitted.users.take(each).cast(pa.string()).to_pylist()) for each in members]
    listed = numbers(accounts)
    score = np.empty(len(members))
    score[listed[listed > 0] - 1] = group_scores(accounts)[listed > 0]
    return Queue(GROUP, [pa.array(names, pa.string())], score, (touched - inside)[1:].astype(np.int64))

"""Groups of accounts that act together: dense blocks, fleets with the same targets, and what there is to say of them.

Letters: U users, E edges, G groups.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import scipy.sparse as sp
import torch
from scipy.special import logit

from recdiff.arrays import Float64, Int64
from recdiff.graph.adjacency import adjacency
from recdiff.graph.pairs import ends_of, undirected
from recdiff.graph.social_graph import SocialGraph
from recdiff.groups.blocks import find_blocks
from recdiff.groups.lockstep import find_lockstep
from recdiff.groups.shape import LEAST, MOST, WEIGHTS, shape_of

DENSE, LOCKSTEP = 0, 1

LOOSE = -3.0
"""Evidence of a block below which its users count as in no group."""
SHARED = 0.5
"""Share of a fleet's members that a common target is tied to."""
STAGED_FLEET = 1.5
"""Evidence from which on a fleet is more likely staged than not."""
FLEET = (-1.0, 2.0, 1.0)
"""Evidence of a fleet: intercept, and the weights of the share of edges to common targets and of log size / 10."""
WINDOWS = 200
"""Stretches of time of equal length; two edges to one target are of one time where they are in the same."""
FEWEST_TIMES = 10
BURST, MOST_BURST = 1.0, 3.0
"""What a group's edges in a short time add: the log of how much shorter than usual it is, at most so much."""


@dataclass(frozen=True, eq=False)
class Members:
    """Who is in which group, and how suspicious each is.

    Attributes:
        member: (U,) number of each account's group, -1 for none.
        kind: (G,) ``DENSE`` or ``LOCKSTEP``.
        evidence: (G,) log odds that the group is accounts acting together, before what its members do alone.
        burst: (G,) the part of it that is due to times.
        staged: (G,) how much it looks as if one hand had made the group: above 0 it is more likely so than not.
    """

    member: Int64
    kind: Int64
    evidence: Float64
    burst: Float64
    staged: Float64


@dataclass(frozen=True, eq=False)
class Groups(Members):
    """Groups of accounts, with what can be counted about them.

    Attributes:
        size, inside: (G,) members, and edges among them.
        reach: (G,) other users that members are tied to.
        first, last: (G,) times of the members' edges; nan where there are none.
    """

    size: Int64
    inside: Int64
    reach: Int64
    first: Float64
    last: Float64

    def density(self) -> Float64:
        """Return the share of the pairs of members that are edges, (G,)."""
        return np.asarray(2.0 * self.inside / np.maximum(self.size * (self.size - 1.0), 1.0))


def find_groups(graph: SocialGraph, times: Float64 | None = None) -> Groups:
    """Return the groups among the users of ``graph``, the more suspicious first.

    Args:
        times: (E,) when each edge came about, nan where unknown; or None.
    """
    return _described(find_members(graph, times), graph.edges, times)


def find_members(graph: SocialGraph, times: Float64 | None = None, device: torch.device | str = "cpu") -> Members:
    """Return who is in which group, as in ``find_groups``; edges between groups are looked up on ``device``."""
    edges = graph.edges
    member = find_blocks(graph, device)
    shape = shape_of(member, graph, device)
    member, evidence, staged = _kept(member, shape.evidence(), shape.staged())
    kind = np.full(len(evidence), DENSE)
    out = adjacency(edges, graph.num_users, graph.directed, kind=np.int8)
    for tokens in (out, *(() if times is None else (_timed(graph, times),))):
        fleet = find_lockstep(tokens, edges, member < 0)
        found = _fleet_evidence(fleet, tokens)
        member = np.where(fleet >= 0, fleet + len(evidence), member)
        evidence, kind = np.concatenate([evidence, found]), np.append(kind, np.full(len(found), LOCKSTEP))
        staged = np.concatenate([staged, found - STAGED_FLEET])
    burst = np.zeros(len(evidence)) if times is None else _bursts(member, edges, times, len(evidence))
    return Members(member, kind, evidence + burst, burst, staged + burst)


def of_members(groups: Members, edges: Int64, said: Float64) -> Float64:
    """Return what is ``said`` of groups (G,) for each of their members, (U,), nan for users in none.

    It is less of a member of a dense block whose edges leave it.
    """
    within = _within(groups.member, edges)
    found = np.full(len(groups.member), np.nan)
    there = groups.member >= 0
    own = groups.member[there]
    mean = np.bincount(own, within[there]) / np.bincount(own)
    stray = np.minimum(_odds(within[there]) - _odds(mean)[own], 0.0)
    found[there] = said[own] + np.where(groups.kind[own] == DENSE, WEIGHTS["within"] * stray, 0.0)
    return found


def top_targets(groups: Groups, edges: Int64, most: int) -> list[list[int]]:
    """Return the users outside each group that most of its members are tied to, at least two of them."""
    users = len(groups.member)
    group, target, count = _tied_outside(groups.member, edges, users)
    order = np.lexsort((target, -count, group))
    order = order[count[order] >= 2]
    starts = np.searchsorted(group[order], np.arange(len(groups.size) + 1))
    return [target[order[start : min(stop, start + most)]].tolist() for start, stop in pairwise(starts.tolist())]


def _kept(member: Int64, evidence: Float64, staged: Float64) -> tuple[Int64, Float64, Float64]:
    """Return the blocks that may be accounts acting together, numbered anew."""
    kept = evidence >= LOOSE
    number = np.append(np.where(kept, np.cumsum(kept) - 1, -1), -1)
    return number[member], evidence[kept], staged[kept]


def _timed(graph: SocialGraph, times: Float64) -> sp.csr_matrix:
    """Return what each account was tied to when, as tokens: users times windows, (U, T)."""
    known = np.isfinite(times)
    pairs, when = graph.edges[known], times[known]
    if not len(pairs):
        return sp.csr_matrix((graph.num_users, 1))
    width = max((when.max() - when.min()) / WINDOWS, 1e-9)
    window = ((when - when.min()) / width).astype(np.int64)
    ends = pairs if graph.directed else np.concatenate([pairs, pairs[:, ::-1]])
    window = window if graph.directed else np.tile(window, 2)
    named, token = np.unique(ends[:, 1] * np.int64(WINDOWS + 1) + window, return_inverse=True)
    tokens = sp.csr_matrix((np.ones(len(ends)), (ends[:, 0], token)), shape=(graph.num_users, len(named)))
    # What one account alone did at that time says nothing of acting together.
    shared = np.bincount(tokens.indices, minlength=len(named)) > 1
    tokens = sp.csr_matrix(tokens[:, shared])
    tokens.data[:] = 1.0
    return tokens


def _fleet_evidence(fleet: Int64, out: sp.csr_matrix) -> Float64:
    """Return the evidence of fleets: how much of what members do, ``out`` (U, T), half of them do too."""
    fleets = int(fleet.max(initial=-1)) + 1
    rows = np.flatnonzero(fleet >= 0)
    size = np.bincount(fleet[rows], minlength=fleets)
    own = np.repeat(fleet[rows], np.diff(out.indptr)[rows])
    _, place, count = np.unique(
        own * np.int64(out.shape[0]) + out[rows].indices, return_inverse=True, return_counts=True
    )
    common = count[place] >= SHARED * size[own]
    within = np.bincount(own, common, minlength=fleets) / np.maximum(np.bincount(own, minlength=fleets), 1)
    intercept, share, larger = FLEET
    return np.asarray(intercept + share * logit(np.clip(within, LEAST, MOST)) + larger * np.log(size / 10.0))


def _bursts(member: Int64, edges: Int64, times: Float64, groups: int) -> Float64:
    """Return what it adds that a group's edges came about in a short time, (G,)."""
    usual = _spread(np.zeros(len(times), np.int64), times, 1)[0]
    group, when = _times_of(member, edges, times)
    spread = _spread(group, when, groups)
    shorter = np.log(max(usual, 1e-9) / np.maximum(spread, 1e-3 * max(usual, 1e-9)))
    return np.asarray(np.where(np.isfinite(shorter), np.clip(BURST * (shorter - 1.0), 0.0, MOST_BURST), 0.0))


def _times_of(member: Int64, edges: Int64, times: Float64) -> tuple[Int64, Float64]:
    """Return group and time of each edge of a group's member; an edge within one group counts once."""
    ends = member[edges]
    second = np.where(ends[:, 0] == ends[:, 1], -1, ends[:, 1])
    group, when = np.concatenate([ends[:, 0], second]), np.tile(times, 2)
    there = (group >= 0) & np.isfinite(when)
    return group[there], when[there]


def _spread(group: Int64, when: Float64, groups: int) -> Float64:
    """Return the time between the first and the last quarter of each group's edges, (G,); nan where there are few."""
    group, when = group[np.isfinite(when)], when[np.isfinite(when)]
    order = np.lexsort((when, group))
    count = np.bincount(group, minlength=groups)
    start = np.cumsum(count) - count
    enough = count >= FEWEST_TIMES
    at = [np.where(enough, start + (count * part) // 4, 0) for part in (1, 3)]
    sorted_times = np.append(when[order], np.nan)
    return np.asarray(np.where(enough, sorted_times[at[1]] - sorted_times[at[0]], np.nan))


def _described(found: Members, edges: Int64, times: Float64 | None) -> Groups:
    """Return the groups numbered by their evidence, the strongest first, with what can be counted about them."""
    order = np.lexsort((np.arange(len(found.kind)), -found.evidence))
    place = np.append(np.argsort(order), -1)
    member = place[found.member]
    count = len(order)
    ends = member[undirected(edges, len(member))]
    inner = (ends[:, 0] == ends[:, 1]) & (ends[:, 0] >= 0)
    first, last = np.full(count, np.inf), np.full(count, -np.inf)
    if times is not None:
        group, when = _times_of(member, edges, times)
        np.minimum.at(first, group, when)
        np.maximum.at(last, group, when)
    return Groups(
        member=member,
        kind=found.kind[order],
        evidence=found.evidence[order],
        burst=found.burst[order],
        staged=found.staged[order],
        size=np.bincount(member[member >= 0], minlength=count),
        inside=np.bincount(ends[inner, 0], minlength=count),
        reach=np.bincount(_tied_outside(member, edges, len(member))[0], minlength=count),
        first=np.where(np.isfinite(first), first, np.nan),
        last=np.where(np.isfinite(last), last, np.nan),
    )


def _tied_outside(member: Int64, edges: Int64, users: int) -> tuple[Int64, Int64, Int64]:
    """Return group, outside user and how many edges join them, for all that are joined."""
    both = np.concatenate([edges, edges[:, ::-1]])
    group = member[both[:, 0]]
    across = (group >= 0) & (group != member[both[:, 1]])
    key, count = np.unique(group[across] * np.int64(users) + both[across, 1], return_counts=True)
    return key // users, key % users, count


def _within(member: Int64, edges: Int64) -> Float64:
    """Return the share of each account's edges that stay in its group, (U,)."""
    same, degree = (ends_of(each, len(member)) for each in (edges[member[edges[:, 0]] == member[edges[:, 1]]], edges))
    return np.asarray(same / np.maximum(degree, 1))


def _odds(share: Float64) -> Float64:
    return np.asarray(logit(np.clip(share, LEAST, MOST)))

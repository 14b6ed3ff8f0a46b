"""The account score: the probability that an account is fake, from its edges, what it uses, and its group.

    log odds = prior + votes of its edges + what it uses + its group + share (+ what labels add)

Each part is the log of a likelihood ratio, as far as it can be known without labels, and they add up. "share" is by how
much fakes are more common than the prior says among accounts in no suspicious group. Votes, usage and share depend on
who else is fake, so they and the scores are found in turn.

A group speaks for its members where it is suspicious, and the edges inside say no more. Any other says nothing, and the
edges inside vote for all its members together: one by one they would explain each other, and a sparse farm that is one
large group would hide behind itself.

Letters: U users, E edges, G groups.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import scipy.sparse as sp
from scipy.special import expit, logit

from recdiff.accounts.taught import taught
from recdiff.accounts.usage import usage
from recdiff.accounts.votes import beyond_degree, together, votes
from recdiff.arrays import Float32, Float64, Int64, Mask
from recdiff.graph.social_graph import SocialGraph
from recdiff.groups.find import Groups, find_groups, of_members
from recdiff.metrics.edges import auc

PRIOR = -3.5
MOST_PRIOR = -1.0
"""Log odds of an account about which nothing is known."""
LEAST_VOTE, MUCH = -2.0, 3.0
"""Votes of an account's edges for real count down to the first; those for fake count less and less from the second."""
ALONE = -2.0
"""What it says of an account that it is in no group, or in one that is not suspicious."""
SUSPICIOUS = 2.0
"""Evidence from which on a group speaks for its members."""
ROUNDS, SETTLED = 30, 0.05
AUDIT = "audit"
"""The part that the answers of an audit add."""


@dataclass(frozen=True, eq=False)
class Evidence:
    """What an account score is computed from.

    Attributes:
        graph: the edges; scores: (E,) their fake scores; times: (E,) or None.
        items: (U, I), what each account uses; no items where there are no interactions.
        known: (U,) 1 for accounts labelled fake, 0 for those labelled real, -1 for all others; or None.
    """

    graph: SocialGraph
    scores: Float32
    items: sp.csr_matrix
    times: Float64 | None = None
    known: Int64 | None = None

    @property
    def edges(self) -> Int64:
        """The edges by position, (E, 2)."""
        return self.graph.edges

    @property
    def degree(self) -> Int64:
        """Edges of each account, (U,)."""
        return np.asarray(np.bincount(self.edges.ravel(), minlength=self.items.shape[0]), np.int64)

    @property
    def used(self) -> Int64:
        """How many items each account uses, (U,)."""
        return np.asarray(np.diff(self.items.indptr), np.int64)


@dataclass(frozen=True, eq=False)
class Accounts:
    """Accounts with their scores.

    Attributes:
        log_odds: (U,) of being fake.
        parts: what adds up to it beside the prior, (U,) by name.
        groups: the groups that were found.
        expected_fake: (U,) how many of an account's edges are expected to be fake.
    """

    log_odds: Float64
    parts: dict[str, Float64]
    groups: Groups
    degree: Int64
    expected_fake: Float64

    @property
    def score(self) -> Float64:
        """The account scores, (U,)."""
        return np.asarray(expit(self.log_odds))


def judge_accounts(evidence: Evidence) -> Accounts:
    """Return all accounts with their scores; the same evidence gives the same ones."""
    degree = evidence.degree
    groups = find_groups(evidence.graph, evidence.times)
    parts = {"group": of_group(groups, evidence.edges)}
    odds, alone = PRIOR + parts["group"], parts["group"] == ALONE
    inside = of_edges_inside(groups, evidence)
    for _ in range(ROUNDS):
        chance, before = expit(odds), odds
        parts["usage"] = usage(evidence.used, degree, surely_real(chance))
        found = votes(evidence.edges, evidence.scores, chance, groups.member)
        parts["edges"] = bent(beyond_degree(found, degree, 1.0 - chance)) + inside
        parts["share"] = np.where(alone, _share(chance[alone]), 0.0)
        odds = PRIOR + np.sum(list(parts.values()), axis=0)
        if np.abs(odds - before).max() < SETTLED:
            break
    if evidence.known is not None and (evidence.known >= 0).any():
        told = taught(evidence.graph, evidence.items, odds, parts=parts, known=evidence.known)
        parts["labels"], odds = told - odds, told
    return Accounts(odds, parts, groups, degree, expected_fake(evidence, expit(odds)))


def recalibrated(accounts: Accounts, slope: float, intercept: float, evidence: Evidence) -> Accounts:
    """Return accounts whose log odds s are ``slope`` s + ``intercept``, as an audit found; what they gain is a part.

    An account whose label is known keeps at least what the label says. ``evidence`` has the edge scores of now.
    """
    before = accounts.log_odds
    odds = slope * before + intercept
    if evidence.known is not None:
        odds = np.where(evidence.known == 1, np.maximum(odds, before), odds)
        odds = np.where(evidence.known == 0, np.minimum(odds, before), odds)
    parts = {**accounts.parts, AUDIT: odds - before}
    return replace(accounts, log_odds=odds, parts=parts, expected_fake=expected_fake(evidence, expit(odds)))


def agreement(accounts: Accounts, known: Int64) -> float | None:
    """Return the AUC, on labelled accounts, of what is found without labels; None where it cannot be told.

    The votes of edges are left out: the edge scores may have learned from the same labels. Where only fakes are
    labelled, they are set against all accounts without a label.
    """
    fake, real = known == 1, known == (0 if (known == 0).any() else -1)
    if not fake.any() or not real.any():
        return None
    odds = accounts.parts["usage"] + accounts.parts["group"]
    return auc(fake[fake | real], odds[fake | real])


def _share(chance: Float64) -> float:
    """Return by how much there are more fakes among accounts in no group than the prior says, as log odds."""
    if not len(chance):
        return 0.0
    return float(np.clip(logit(np.clip(chance.mean(), 1e-9, 0.5)), PRIOR + ALONE, MOST_PRIOR)) - PRIOR - ALONE


def bent(found: Float64) -> Float64:
    """Return votes (U,) of which the strongest count less: edges of one account are far from independent."""
    much = MUCH * np.log1p(np.maximum(found, 0.0) / MUCH)
    return np.asarray(np.where(found > 0, much, np.maximum(found, LEAST_VOTE)), np.float64)


def of_group(groups: Groups, edges: Int64) -> Float64:
    """Return what its group says of each account, (U,): less of a member whose edges leave the group."""
    found = of_members(groups, edges, np.where(unsuspicious(groups), ALONE, groups.evidence))
    return np.asarray(np.fmax(found, ALONE))


def of_edges_inside(groups: Groups, evidence: Evidence) -> Float64:
    """Return what the edges inside unsuspicious groups say of each member, (U,), at least 0: friends vouch for nobody.

    It is less of a member whose edges leave the group.
    """
    found = bent(together(evidence.edges, evidence.scores, groups.member, len(groups.size)))
    said = of_members(groups, evidence.edges, np.where(unsuspicious(groups), found, 0.0))
    return np.asarray(np.fmax(said, 0.0))


def unsuspicious(groups: Groups) -> Mask:
    """Return of which groups nothing is said by what they are, (G,)."""
    return np.asarray(groups.evidence < SUSPICIOUS)


def surely_real(chance: Float64) -> Float64:
    """Return how much each account (U,) counts when it is asked what real ones do: of doubtful ones little is heard."""
    real, fake = (1.0 - chance) ** 2, chance**2
    return real / (real + fake)


def expected_fake(evidence: Evidence, chance: Float64) -> Float64:
    """Return how many edges of each account are expected to be fake: an edge is at least as much so as its ends."""
    of_edge = np.maximum(chance[evidence.edges].max(axis=1), evidence.scores)
    return np.asarray(np.bincount(evidence.edges.ravel(), np.repeat(of_edge, 2), minlength=len(chance)))


def most_fake(accounts: Accounts, evidence: Evidence, fake_edges: float) -> float:
    """Return the share of fake accounts, 0..1, where they made every fake edge; at least the share expected.

    So many of the most suspicious accounts are counted as touch that many edges.

    Args:
        fake_edges: the share of fake edges, 0..1; the upper end of its interval makes the result an upper end.
    """
    expected = float(accounts.score.mean())
    rank = np.empty(len(accounts.log_odds), np.int64)
    rank[np.argsort(-accounts.log_odds, kind="stable")] = np.arange(len(rank))
    touched = np.sort(rank[evidence.edges].min(axis=1))
    fakes = min(round(fake_edges * len(touched)), len(touched))
    return max(expected, float(touched[fakes - 1] + 1) / len(rank)) if fakes else expected


def group_scores(accounts: Accounts) -> Float64:
    """Return the share of each group's members that are expected to be fake, (G,)."""
    there = accounts.groups.member >= 0
    own = accounts.groups.member[there]
    total = np.bincount(own, accounts.score[there], minlength=len(accounts.groups.size))
    return np.asarray(total / np.maximum(accounts.groups.size, 1))

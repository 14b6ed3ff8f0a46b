"""Why a thing has its score, as contributions that add up: start + steps = total.

Edges and accounts: in log odds of being fake. A group's score is the expected share of fakes among its M members,

    S = 1/M sum_m sigmoid(start + sum_j x_mj),

and of what a member's parts x_mj add to its term, each has its share along the straight way from the start to the
member (Aumann and Shapley, 1974; on a sum of parts that way gives each in proportion to x_mj):

    added_j = 1/M sum_m x_mj (sigmoid(start + t_m) - sigmoid(start)) / t_m,    t_m = sum_j x_mj.

So the steps of a group are sums over all its members and add up to the score that is shown.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy.special import expit

from recdiff.accounts.scores import AUDIT, PRIOR, Accounts
from recdiff.accounts.tables import why_grouped
from recdiff.arrays import Float64, Int64
from recdiff.model.contributions import (
    ACCOUNTS,
    ANSWERS,
    COMPANY,
    DEGREE,
    DENOISING,
    GROUP,
    PLACE,
    TASTE,
    UNSEEN,
    USE,
    Contributions,
)
from recdiff.model.explanation import OTHERWISE

LABELS = {
    PLACE: "Friends in common",
    DEGREE: "Number of friends",
    TASTE: "What they use",
    USE: "How much they use",
    DENOISING: "Denoising",
    ANSWERS: "Answers",
    GROUP: "Its group",
    ACCOUNTS: "Like known accounts",
    COMPANY: "The company of the two",
    UNSEEN: "Judged unseen",
    "edges": "Its edges",
    "usage": "What it uses",
    "share": "How common fakes are",
    "labels": "Known accounts",
    AUDIT: "The audit",
}
LOG_ODDS, SHARE = "log odds", "share"
UNKNOWN = "accounts of which nothing is known"
SHORT = 1e-6
"""Log odds within which a probability rises in a straight line."""


@dataclass(frozen=True)
class Step:
    """What one part of the evidence adds, and what is known of it."""

    label: str
    added: float
    fact: str


@dataclass(frozen=True)
class Why:
    """``start`` and what every step adds are ``total``; the larger steps come first.

    Attributes:
        unit: "log odds", or "share": of a group's members, from 0 to 1.
    """

    unit: str
    whose: str
    start: float
    steps: tuple[Step, ...]
    total: float


def why_edge(found: Contributions, facts: Mapping[str, str]) -> Why:
    """Return why an edge has its score; ``facts`` by part, see ``model.explanation.facts_of``."""
    steps = [Step(LABELS[part], added, facts.get(part, OTHERWISE[part])) for part, added in found.parts.items()]
    return Why(LOG_ODDS, "edges on average", found.base, _sorted(steps), found.total)


def why_account(accounts: Accounts, used: Int64, user: int) -> Why:
    """Return why an account has its score."""
    added = {part: float(values[user]) for part, values in accounts.parts.items()}
    one = np.array([user])
    return Why(LOG_ODDS, UNKNOWN, PRIOR, _steps(accounts, used, one, added), float(accounts.log_odds[user]))


def why_group(accounts: Accounts, used: Int64, members: Int64) -> Why:
    """Return why a group of ``members`` (M,) has its score, the expected share of fakes among them."""
    parts = {part: values[members] for part, values in accounts.parts.items()}
    slope = _mean_slope(np.sum(list(parts.values()), axis=0))
    added = {part: float((values * slope).mean()) for part, values in parts.items()}
    steps = _steps(accounts, used, members, added)
    return Why(SHARE, UNKNOWN, float(expit(PRIOR)), steps, float(accounts.score[members].mean()))


def _mean_slope(way: Float64) -> Float64:
    """Return by how much a probability rises per log odds, on average over the ``way`` (M,) from the start."""
    start = expit(PRIOR)
    long = np.abs(way) > SHORT
    rise = (expit(PRIOR + way) - start) / np.where(long, way, 1.0)
    return np.asarray(np.where(long, rise, start * (1.0 - start)))


def _steps(accounts: Accounts, used: Int64, members: Int64, added: Mapping[str, float]) -> tuple[Step, ...]:
    alone = len(members) == 1
    edges, items = float(accounts.degree[members].sum()), float(used[members].sum())
    whose = "it has" if alone else f"its {len(members):,} members have"
    facts = {
        "edges": f"{whose} {_counted(edges, 'edge')}",
        "usage": f"{whose} used {_counted(items, 'item')}",
        "group": why_grouped(accounts.groups, int(accounts.groups.member[members[0]])),
        "share": "among accounts in no suspicious group, as found so far",
        "labels": "what labelled accounts have in common, and how near they are",
        AUDIT: "what an audit's answers say of scores like this",
    }
    return _sorted([Step(LABELS[part], each, facts[part]) for part, each in added.items() if each or part != "share"])


def _counted(number: float, what: str) -> str:
    return f"{f'{number:,.0f}' if number else 'no'} {what}{'' if number == 1 else 's'}"


def _sorted(steps: list[Step]) -> tuple[Step, ...]:
    return tuple(sorted(steps, key=lambda step: -abs(step.added)))

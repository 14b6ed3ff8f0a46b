"""Why a thing has its score, as contributions that add up: start + steps = total, in log odds of being fake."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from recdiff.accounts.scores import PRIOR, Accounts
from recdiff.accounts.tables import why_grouped
from recdiff.arrays import Int64
from recdiff.model.contributions import ANSWERS, DEGREE, DENOISING, GROUP, PLACE, TASTE, UNSEEN, USE, Contributions
from recdiff.model.explanation import OTHERWISE

LABELS = {
    PLACE: "Friends in common",
    DEGREE: "Number of friends",
    TASTE: "What they use",
    USE: "How much they use",
    DENOISING: "Denoising",
    ANSWERS: "Answers",
    GROUP: "Its group",
    UNSEEN: "Judged unseen",
    "edges": "Its edges",
    "usage": "What it uses",
    "share": "How common fakes are",
    "labels": "Known accounts",
}


@dataclass(frozen=True)
class Step:
    """What one part of the evidence adds, and what is known of it."""

    label: str
    added: float
    fact: str


@dataclass(frozen=True)
class Why:
    """``start`` and what every step adds are ``total``; the larger steps come first."""

    whose: str
    start: float
    steps: tuple[Step, ...]
    total: float


def why_edge(found: Contributions, facts: Mapping[str, str]) -> Why:
    """Return why an edge has its score; ``facts`` by part, see ``model.explanation.facts_of``."""
    steps = [Step(LABELS[part], added, facts.get(part, OTHERWISE[part])) for part, added in found.parts.items()]
    return Why("edges on average", found.base, _sorted(steps), found.total)


def why_accounts(accounts: Accounts, used: Int64, members: Int64) -> Why:
    """Return why the account ``members`` (1,), or an account of a group on average, has its score."""
    alone = len(members) == 1
    each = {part: float(values[members].mean()) for part, values in accounts.parts.items()}
    edges, items = float(accounts.degree[members].mean()), float(used[members].mean())
    whose = "it has" if alone else "a member has"
    group = int(accounts.groups.member[members[0]])
    facts = {
        "edges": f"{whose} {edges:,.{0 if alone else 1}f} edges",
        "usage": f"{whose} used {f'{items:,.{0 if alone else 1}f}' if items else 'no'} items",
        "group": why_grouped(accounts.groups, group),
        "share": "among accounts in no group, as found so far",
        "labels": "what labelled accounts have in common, and how near they are",
    }
    steps = [Step(LABELS[part], added, facts[part]) for part, added in each.items() if added or part != "share"]
    start = "accounts of which nothing is known"
    return Why(start, PRIOR, _sorted(steps), float(accounts.log_odds[members].mean()))


def _sorted(steps: list[Step]) -> tuple[Step, ...]:
    return tuple(sorted(steps, key=lambda step: -abs(step.added)))

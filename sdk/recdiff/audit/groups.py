"""Decisions about groups of accounts: one for the group, and one for each member that nobody has decided by itself.

The number of a group changes from fit to fit, so a group is called by its members.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from itertools import pairwise

import numpy as np

from recdiff.accounts.scores import Accounts
from recdiff.accounts.tables import numbers
from recdiff.arrays import Int64
from recdiff.audit.decisions import ACCOUNT, GROUP, TAKEN_BACK, Decision, Key, taken
from recdiff.audit.verdict import is_fake_of

HEX = 12


def listed_members(accounts: Accounts) -> list[Int64]:
    """Return the members of every group in the table, by position; the first is the group of number 1."""
    number = np.append(numbers(accounts), 0)[accounts.groups.member]
    order = np.argsort(number, kind="stable")
    starts = np.searchsorted(number[order], np.arange(1, number.max(initial=0) + 2))
    return [order[start:stop] for start, stop in pairwise(starts.tolist())]


def group_name(members: Sequence[str]) -> str:
    """Return what the group of these ``members`` is called in decisions, whatever its number."""
    return hashlib.sha256("\0".join(sorted(members)).encode()).hexdigest()[:HEX]


def group_decisions(
    members: Sequence[str],
    verdict: str,
    standing: Mapping[Key, Decision],
    *,
    reason: str = "",
    who: str = "",
    score: float | None = None,
) -> list[Decision]:
    """Return what it takes to decide the group of ``members``.

    A member with a verdict of its own keeps it; "unsure" takes back what members have by the group.

    Args:
        standing: the last decision about each thing.
    """
    name = group_name(members)
    mark, decided = f"{GROUP} {name}", is_fake_of(verdict) is not None
    rows = [taken(GROUP, name, "", verdict, reason, who=who, score=score)]
    said = f"{mark}: {reason}" if reason and decided else mark
    for each in members:
        before = standing.get((ACCOUNT, each, ""))
        alone = before is None or is_fake_of(before.verdict) is None
        ours = not alone and before is not None and before.reason.startswith(mark)
        if ours or (alone and decided):
            rows.append(taken(ACCOUNT, each, "", verdict, said if decided else TAKEN_BACK, who=who))
    return rows

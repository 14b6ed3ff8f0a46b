"""Accounts and groups as tables, the most suspicious first. Letters: U users, G groups."""

from __future__ import annotations

import json

import numpy as np
import pyarrow as pa

from recdiff.accounts.scores import AUDIT, SUSPICIOUS, Accounts, Evidence, group_scores
from recdiff.arrays import Float64, Int64
from recdiff.data.ids import Ids
from recdiff.groups.find import LOCKSTEP, Groups, top_targets

SPEAKS = 0.7
"""Log odds from which on a part is a reason."""
MOST_REASONS, MOST_TARGETS = 3, 10
LEAST_SCORE = 0.02
"""Of a group that is listed: below it is a circle of friends."""
WORDS = {"edges": "its edges look fake", "labels": "like accounts labelled fake"}
MEMBERS = "what its members do, each or together"
"""Why a group is listed that is not suspicious by what it is."""
BURST = "in a short time"
SILENT = ("share", AUDIT)
"""Parts that are of all accounts, and no reason."""


def account_table(accounts: Accounts, evidence: Evidence, users: Ids) -> pa.Table:
    """Return one row per account: user_id, account_score, edges, expected_fake_edges, group, reasons.

    ``group`` is the number that the table of groups has, null for accounts in none.
    """
    order = np.lexsort((np.arange(len(users)), -accounts.log_odds))
    number = numbers(accounts)
    group = np.append(number, 0)[accounts.groups.member][order]
    return pa.table(
        {
            "user_id": users.take(order),
            "account_score": pa.array(accounts.score[order]),
            "edges": pa.array(accounts.degree[order]),
            "expected_fake_edges": pa.array(np.round(accounts.expected_fake[order], 3)),
            "group": pa.array(group, pa.int64(), mask=group == 0),
            "reasons": pa.array(reasons_of(accounts, evidence.used, order), pa.string()),
        }
    )


def group_table(accounts: Accounts, evidence: Evidence, users: Ids) -> pa.Table:
    """Return one row per group that may be accounts acting together.

    Columns: group (from 1), group_score (expected share of fakes among its members), kind ("dense", "same targets"),
    size, density, inner_edges, reach (other users its members are tied to), first, last (times of its edges, null
    without), reasons, targets and members (JSON lists of ids; targets are tied to most of the members).
    """
    groups = accounts.groups
    order = _listed(accounts)
    targets = top_targets(groups, evidence.edges, MOST_TARGETS)
    by_group = np.argsort(groups.member, kind="stable")
    start = np.searchsorted(groups.member[by_group], np.arange(len(groups.size) + 1))
    members = [by_group[start[group] : start[group + 1]] for group in order]
    return pa.table(
        {
            "group": pa.array(np.arange(1, len(order) + 1)),
            "group_score": pa.array(group_scores(accounts)[order]),
            "kind": pa.array([_kind(groups, int(group)) for group in order], pa.string()),
            "size": pa.array(groups.size[order]),
            "density": pa.array(np.round(groups.density()[order], 4)),
            "inner_edges": pa.array(groups.inside[order]),
            "reach": pa.array(groups.reach[order]),
            "first": _times(groups.first[order]),
            "last": _times(groups.last[order]),
            "reasons": pa.array([_why_listed(groups, int(group)) for group in order], pa.string()),
            "targets": pa.array([_ids(users, np.array(targets[group], np.int64)) for group in order], pa.string()),
            "members": pa.array([_ids(users, each) for each in members], pa.string()),
        }
    )


def numbers(accounts: Accounts) -> Int64:
    """Return the number of each group in the table, from 1, (G,); 0 for those that are not listed."""
    found = np.zeros(len(accounts.groups.size), np.int64)
    order = _listed(accounts)
    found[order] = np.arange(1, len(order) + 1)
    return found


def _listed(accounts: Accounts) -> Int64:
    """Return the groups that are listed, by their scores; of equal ones the larger first."""
    score = group_scores(accounts)
    order = np.lexsort((np.arange(len(score)), -accounts.groups.size, -np.round(score, 2)))
    return order[score[order] >= LEAST_SCORE]


def reasons_of(accounts: Accounts, items: Int64, order: Int64) -> list[str]:
    """Return what speaks for each account being fake, the strongest first."""
    names = [name for name in accounts.parts if name not in SILENT]
    parts = np.stack([accounts.parts[name][order] for name in names], axis=1)
    strongest = np.argsort(-parts, axis=1, kind="stable")[:, :MOST_REASONS]
    said = []
    for row, (user, columns) in enumerate(zip(order.tolist(), strongest.tolist(), strict=True)):
        words = [_word(accounts, names[column], user, items) for column in columns if parts[row, column] >= SPEAKS]
        said.append("; ".join(words))
    return said


def _word(accounts: Accounts, part: str, user: int, items: Int64) -> str:
    if part == "group":
        return why_grouped(accounts.groups, int(accounts.groups.member[user]))
    if part == "usage":
        return "uses nothing" if items[user] == 0 else "uses little"
    return WORDS[part]


def why_grouped(groups: Groups, group: int) -> str:
    """Return what is to be said of a group, -1 for none."""
    if group < 0:
        return "in no group"
    if groups.evidence[group] < SUSPICIOUS:
        return "shares some targets with others" if groups.kind[group] == LOCKSTEP else "in a group as friends form it"
    words = "follows the same targets as others" if groups.kind[group] == LOCKSTEP else "in a dense group cut off"
    return f"{words}, {BURST}" if groups.burst[group] >= SPEAKS else words


def _why_listed(groups: Groups, group: int) -> str:
    return why_grouped(groups, group) if groups.evidence[group] >= SUSPICIOUS else MEMBERS


def _kind(groups: Groups, group: int) -> str:
    return "same targets" if groups.kind[group] == LOCKSTEP else "dense"


def _times(values: Float64) -> pa.Array:
    return pa.array(values, pa.float64(), mask=~np.isfinite(values))


def _ids(users: Ids, positions: Int64) -> str:
    return json.dumps(users.take(positions).to_pylist(), ensure_ascii=False)

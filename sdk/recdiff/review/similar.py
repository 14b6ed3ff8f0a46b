"""Cases like one that was decided before: the nearest by standardised evidence. Letters: N things, F numbers."""

from __future__ import annotations

import numpy as np

from recdiff.arrays import Float64, Int64
from recdiff.audit.groups import listed_members
from recdiff.groups.find import DENSE
from recdiff.metrics.odds import odds_of
from recdiff.model.fitted import Fitted

SHOWN = 4
COUNTS = ("common_friends", "shared_items", "degree_src", "degree_dst")


def nearest(evidence: Float64, place: int, among: Int64) -> Int64:
    """Return the few of the things ``among`` whose ``evidence`` (N, F) is nearest to that of the one at ``place``."""
    others = among[among != place]
    distance = np.sqrt(((evidence[others] - evidence[place]) ** 2).sum(axis=1))
    return np.asarray(others[np.argsort(distance, kind="stable")[:SHOWN]], np.int64)


def edge_evidence(fitted: Fitted) -> Float64:
    """Return numbers that tell edges apart, (E, F)."""
    edges = fitted.edges
    columns = [odds_of(fitted.scores)]
    columns += [np.log1p(edges[name].to_numpy()) for name in COUNTS if name in edges.schema.names]
    if "movement" in edges.schema.names:
        columns.append(edges["movement"].to_numpy())
    kinds = edges["kind"].combine_chunks().dictionary_encode()
    columns += [kinds.indices.to_numpy(False) == code for code in range(len(kinds.dictionary))]
    return _standard(columns)


def account_evidence(fitted: Fitted) -> Float64:
    """Return numbers that tell accounts apart, (U, F)."""
    return _standard([*fitted.accounts.parts.values(), np.log1p(fitted.accounts.degree)])


def group_evidence(fitted: Fitted) -> Float64:
    """Return numbers that tell groups apart, (G, F)."""
    groups = fitted.accounts.groups
    first = np.array([groups.member[each[0]] for each in listed_members(fitted.accounts)], np.int64)
    columns = [groups.evidence, groups.density(), np.log1p(groups.size), np.log1p(groups.reach), groups.kind == DENSE]
    return _standard([each[first] for each in columns])


def _standard(columns: list[np.ndarray]) -> Float64:
    table = np.stack([np.asarray(each, np.float64) for each in columns], axis=1)
    if not len(table):
        return table
    return np.asarray((table - table.mean(axis=0)) / np.maximum(table.std(axis=0), 1e-9))

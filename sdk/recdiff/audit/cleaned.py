"""Which edges a policy removes, what was decided obeyed. Letters: E edges."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from recdiff.arrays import Float64, Mask
from recdiff.audit.decided import Decided
from recdiff.audit.decisions import Decision, about_accounts
from recdiff.audit.guarantee import guaranteed
from recdiff.cleaning.policy import Policy, removed
from recdiff.model.fitted import Fitted
from recdiff.model.told import FAKE, REAL, SILENT

SHOWN_AGAIN = 20


def choose(fitted: Fitted, policy: Policy, decisions: Sequence[Decision]) -> tuple[Mask, dict[str, Any]]:
    """Return which fitted edges (E,) are removed, and what a summary says of decisions and audits.

    Obeyed are ``decisions``, those that the fit took in, and answers of audits: an edge that is known to be real is
    never removed, one that is known to be fake always is.
    """
    pairs = fitted.pairs
    score = fitted.scores
    found = Decided.of(decisions, fitted.users, fitted.graph)
    anew = bool(decisions)
    accounts = fitted.told.obeyed_accounts(about_accounts(decisions, fitted.users), anew=anew)
    obeyed = fitted.told.obeyed(pairs, found.verdicts, accounts, anew=anew)
    allowed = None if policy.guarantee is None else guaranteed(fitted, obeyed, policy.guarantee)
    chosen = removed(fitted.graph, score, policy, allowed)
    chosen = (chosen | (obeyed == FAKE)) & (obeyed != REAL)
    facts: dict[str, Any] = {}
    if (obeyed != SILENT).any():
        facts["decided"] = {"fake": int((obeyed == FAKE).sum()), "real": int((obeyed == REAL).sum())}
    again = _again(fitted, found, score.astype(np.float64))
    if again:
        facts["decisions_contradicted"] = again
    if "audit" in fitted.calibration:
        facts["audit"] = fitted.calibration["audit"]
    return chosen, facts


def _again(fitted: Fitted, found: Decided, score: Float64) -> list[dict[str, Any]]:
    """Return the decisions that new evidence speaks against, the strongest first."""
    rows = found.contradicted(score)
    rows = rows[np.argsort(-np.abs(score[rows] - 0.5), kind="stable")][:SHOWN_AGAIN]
    ends = (fitted.users.take(fitted.pairs[rows, side]).cast(pa.string()).to_pylist() for side in (0, 1))
    return [
        {"src": src, "dst": dst, "decided": "fake" if found.verdicts[row] == FAKE else "real", "fake_score": score[row]}
        for src, dst, row in zip(*ends, rows.tolist(), strict=True)
    ]

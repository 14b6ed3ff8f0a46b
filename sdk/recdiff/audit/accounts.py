"""An audit of a fitted model's accounts, and the model that its answers lead to. Letters: U users, B answers."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import asdict, replace

import numpy as np
import pyarrow as pa
from scipy.special import expit

from recdiff.accounts.tables import numbers, reasons_of
from recdiff.arrays import Int64, Mask
from recdiff.audit.decisions import Decision, about_accounts
from recdiff.audit.edges import HEX, Found
from recdiff.audit.estimate import Answers
from recdiff.audit.sheet import Units
from recdiff.model.fitted import Fitted
from recdiff.model.told import FAKE, REAL, SILENT, Verdicts, overlaid

DECIMALS = 3
"""Of log odds that a fingerprint is made of: less than what the order of sums moves."""


def account_units(fitted: Fitted) -> Units:
    """Return the accounts as what can be audited.

    Raises:
        DataError: the model scores no edges.
    """
    fitted.require_scores()
    names = fitted.users.values.cast(pa.string()).to_pylist()
    odds = fitted.blind_accounts.log_odds
    digest = hashlib.sha256(np.round(odds, DECIMALS).astype(np.float32).tobytes())
    digest.update("\0".join(["accounts", *names]).encode())
    return Units(digest.hexdigest()[:HEX], {"user_id": names}, np.asarray(expit(odds), np.float64))


def account_words(fitted: Fitted, rows: Int64) -> list[str]:
    """Return what is known of accounts in a few words each: edges, expected fakes, group, first reasons."""
    accounts = fitted.accounts
    group = np.append(numbers(accounts), 0)[accounts.groups.member]
    said = []
    for user, reasons in zip(rows.tolist(), reasons_of(accounts, fitted.account_evidence.used, rows), strict=True):
        words = [f"{accounts.degree[user]} edges, {accounts.expected_fake[user]:.1f} expected to be fake"]
        words += [f"in group {group[user]}"] if group[user] else []
        said.append("; ".join([*words, reasons] if reasons else words))
    return said


def known_before(fitted: Fitted, decisions: Sequence[Decision]) -> Verdicts:
    """Return what is known of each account, (U,), by decisions and answers of earlier audits."""
    return overlaid(len(fitted.users), about_accounts(decisions, fitted.users), fitted.told.account_answers)


def audited_accounts(fitted: Fitted, rows: Int64, is_fake: Mask, threshold: float) -> tuple[Fitted, Found]:
    """Return the model with the answers to the accounts ``rows`` (B,) taken in, and what they say.

    Edge scores stay as they are. Answers of earlier audits of the same accounts count beside them; of two to one
    account the later.
    """
    blind = fitted.blind_accounts.score
    said = overlaid(len(blind), fitted.told.account_answers)
    said[rows] = np.where(is_fake, FAKE, REAL)
    answered = np.flatnonzero(said != SILENT)
    answers = Answers(blind, answered, said[answered] == FAKE)
    share, (slope, intercept) = answers.share(), answers.recalibration()
    change = {"slope": slope, "intercept": intercept}
    after = replace(fitted, calibration={**fitted.calibration, "account_audit": change})
    chosen = after.accounts.score >= threshold
    found = Found(share, threshold, answers.precision(chosen), int(answers.is_fake.sum()))
    calibration = {
        **fitted.calibration,
        "account_share": {**asdict(share), "audited": True},
        "account_audit": {**asdict(found), **change},
    }
    return replace(fitted, calibration=calibration, told=replace(fitted.told, account_answers=said)), found

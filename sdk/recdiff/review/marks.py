"""What has been said of each thing on a queue. Letters: N things."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from recdiff.arrays import Mask
from recdiff.audit.decided import Decided
from recdiff.audit.decisions import ACCOUNT, EDGE, GROUP, TAKEN_BACK, Decision
from recdiff.audit.groups import listed_members
from recdiff.audit.verdict import is_fake_of
from recdiff.model.fitted import Fitted
from recdiff.model.told import FAKE, REAL, SILENT, Verdicts, overlaid
from recdiff.review.ledger import Ledger
from recdiff.review.queue import Queue

UNSURE = 2
"""Somebody looked and could not tell; beside the verdicts fake, real and nothing."""
WORDS = {SILENT: "open", FAKE: "fake", REAL: "real", UNSURE: "unsure"}
STATES = ("open", "again", "decided", "fake", "real", "unsure", "all")


@dataclass(frozen=True, eq=False)
class Marks:
    """What stands of the things on a queue.

    Attributes:
        state: (N,) a key of ``WORDS``.
        own: (N,) whether a person decided it by itself, not by way of its accounts, its group or a label.
        again: (N,) whether new evidence speaks against the decision.
    """

    state: Verdicts
    own: Mask
    again: Mask

    def chosen(self, state: str) -> Mask:
        """Return which things (N,) are in one of ``STATES``; what is shown again is open, too."""
        if state == "all":
            return np.ones(len(self.state), bool)
        if state == "again":
            return self.again
        if state == "decided":
            return np.asarray(self.state != SILENT)
        found = np.asarray(self.state == {word: code for code, word in WORDS.items()}[state])
        return found | self.again if state == "open" else found


def edge_marks(fitted: Fitted, queue: Queue, ledger: Ledger) -> Marks:
    """Return what stands of the fitted edges: decisions of them, of their accounts, answers of audits and labels."""
    told, pairs = fitted.told, fitted.pairs
    decided = Decided.of(ledger.rows, fitted.users, fitted.graph)
    state = overlaid(len(pairs), told.labels, told.answers, decided.verdicts)
    unsure = [each for each in ledger.standing.values() if each.what == EDGE and _unsure(each)]
    ends = ([each.src for each in unsure], [each.dst for each in unsure])
    positions = np.stack([fitted.users.index(pa.array(each, pa.string())) for each in ends], axis=1)
    rows = fitted.rows_of(positions[(positions >= 0).all(axis=1)])
    rows = rows[rows >= 0]
    state[rows[state[rows] == SILENT]] = UNSURE
    again = np.zeros(len(pairs), bool)
    again[decided.contradicted(queue.score)] = True
    return Marks(state, decided.own, again)


def account_marks(fitted: Fitted, ledger: Ledger) -> Marks:
    """Return what stands of the accounts: decisions of them, answers of audits, and labels."""
    standing = [each for each in ledger.standing.values() if each.what == ACCOUNT]
    at = fitted.users.index(pa.array([each.src for each in standing], pa.string()))
    decided: Verdicts = np.full(len(fitted.users), SILENT, np.int8)
    own = np.zeros(len(decided), bool)
    for place, each in zip(at.tolist(), standing, strict=True):
        if place >= 0:
            decided[place] = _code(each)
            own[place] = is_fake_of(each.verdict) is not None and not each.reason.startswith(f"{GROUP} ")
    state = overlaid(len(decided), fitted.told.accounts, fitted.told.account_answers, decided)
    return Marks(state, own, np.zeros(len(state), bool))


def group_marks(fitted: Fitted, queue: Queue, accounts: Marks, ledger: Ledger) -> Marks:
    """Return what stands of the groups; one whose members were all decided alike was decided by that."""
    found: Verdicts = np.full(len(queue), SILENT, np.int8)
    own = np.zeros(len(queue), bool)
    for place, members in enumerate(listed_members(fitted.accounts)):
        said = ledger.standing.get((GROUP, queue.name(place)[0], ""))
        alike = set(accounts.state[members].tolist())
        if said is not None and _code(said) != SILENT:
            found[place] = _code(said)
            own[place] = is_fake_of(said.verdict) is not None
        elif len(alike) == 1:
            found[place] = alike.pop()
    return Marks(found, own, np.zeros(len(found), bool))


def _unsure(each: Decision) -> bool:
    return is_fake_of(each.verdict) is None and each.reason != TAKEN_BACK


def _code(each: Decision) -> int:
    fake = is_fake_of(each.verdict)
    return (UNSURE if _unsure(each) else SILENT) if fake is None else FAKE if fake else REAL

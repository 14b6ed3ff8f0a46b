"""What an audit can be of: edges or accounts. Letters: N things, B of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from recdiff.arrays import Float64, Int64, Mask
from recdiff.audit.accounts import account_units, account_words, audited_accounts, known_before
from recdiff.audit.decided import Decided
from recdiff.audit.decisions import ACCOUNT, EDGE, Decision, taken
from recdiff.audit.edges import Found, audited, edge_units, evidence_of
from recdiff.audit.sheet import Units
from recdiff.model.fitted import Fitted
from recdiff.model.told import Verdicts, overlaid


@dataclass(frozen=True)
class Subject:
    """A sort of thing that is audited.

    Attributes:
        what: as decisions call it. words: what one and several of it are called.
        units: all of a model's. evidence: what is known of some (B,), in words. known: (N,) by decisions and answers.
        audited: the model with answers taken in. scores: (N,) of now.
    """

    what: str
    words: tuple[str, str]
    units: Callable[[Fitted], Units]
    evidence: Callable[[Fitted, Int64], list[str]]
    known: Callable[[Fitted, Sequence[Decision]], Verdicts]
    audited: Callable[[Fitted, Int64, Mask, float], tuple[Fitted, Found]]
    scores: Callable[[Fitted], Float64]

    def decisions(self, units: Units, rows: Int64, is_fake: Mask, *, score: Float64, who: str) -> list[Decision]:
        """Return the answers to ``rows`` (B,), fake or not, as decisions of ``who``; ``score`` (N,) before them."""
        ids = list(units.ids.values())
        found = []
        for row, fake in zip(rows.tolist(), is_fake.tolist(), strict=True):
            src, dst = [*(each[row] for each in ids), ""][:2]
            verdict = "fake" if fake else "real"
            found.append(taken(self.what, src, dst, verdict, reason="audit", who=who, score=float(score[row])))
        return found


def _known_edges(fitted: Fitted, decisions: Sequence[Decision]) -> Verdicts:
    decided = Decided.of(decisions, fitted.users, fitted.graph)
    return overlaid(len(fitted.pairs), decided.verdicts, fitted.told.answers)


EDGES = Subject(
    EDGE,
    ("edge", "edges"),
    edge_units,
    evidence_of,
    known=_known_edges,
    audited=audited,
    scores=lambda fitted: np.asarray(fitted.scores, np.float64),
)
ACCOUNTS = Subject(
    ACCOUNT,
    ("account", "accounts"),
    account_units,
    account_words,
    known=known_before,
    audited=audited_accounts,
    scores=lambda fitted: fitted.accounts.score,
)


def subject_of(file: Path) -> Subject:
    """Return what the table ``file`` asks about, by its first line; edges where that says nothing."""
    try:
        with file.open(encoding="utf-8-sig") as stream:
            header = stream.readline()
    except (OSError, UnicodeDecodeError):  # Whoever reads the whole says what is wrong with it.
        return EDGES
    return ACCOUNTS if header.strip().split(",")[0].strip('" ') == "user_id" else EDGES

"""What people said of fitted edges and accounts, and what a model scored before an audit. Letters: U users, E edges."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recdiff.arrays import Float32, Int64

Verdicts = NDArray[np.int8]
"""Of each edge (E,): 1 fake, 0 real, -1 nothing was said."""
REAL, FAKE, SILENT = 0, 1, -1


def overlaid(count: int, *said: Verdicts | None) -> Verdicts:
    """Return what was said of ``count`` things; of two that spoke of one, the later in ``said`` goes first."""
    found: Verdicts = np.full(count, SILENT, np.int8)
    for each in said:
        if each is not None:
            found = np.where(each != SILENT, each, found)
    return found


def fake_ends(pairs: Int64, accounts: Verdicts) -> Verdicts:
    """Return "fake" for pairs (B, 2) with an end that is a fake one of the ``accounts`` (U,), nothing for others."""
    found: Verdicts = np.where((accounts == FAKE)[pairs].any(axis=1), FAKE, SILENT).astype(np.int8)
    return found


@dataclass(frozen=True, eq=False)
class Told:
    """What is known of edges by people; None where nobody said anything.

    Attributes:
        labels: that the fit was given. decided: that it took from decisions. answers: of audits since.
        accounts, decided_accounts, account_answers: the same three of accounts, (U,).
        blind: (E,) fake scores before the first audit.
    """

    labels: Verdicts | None = None
    decided: Verdicts | None = None
    answers: Verdicts | None = None
    accounts: Verdicts | None = None
    decided_accounts: Verdicts | None = None
    account_answers: Verdicts | None = None
    blind: Float32 | None = None

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        """Return what is there, by name."""
        return {each.name: value for each in fields(self) if (value := getattr(self, each.name)) is not None}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> Told:
        """Return what ``to_arrays`` gave."""
        return cls(**arrays)

    def verdicts(self, count: int) -> Verdicts:
        """Return all that was said of ``count`` edges: what was decided before labels, and answers before both."""
        return overlaid(count, self.labels, self.decided, self.answers)

    def obeyed_accounts(self, decided: Verdicts, *, anew: bool) -> Verdicts:
        """Return what is obeyed of accounts, (U,): what is ``decided`` of them, and answers of audits.

        Args:
            anew: decisions were read since the fit, so those that it took in do not count.
        """
        return overlaid(len(decided), None if anew else self.decided_accounts, self.account_answers, decided)

    def obeyed(self, pairs: Int64, decided: Verdicts, accounts: Verdicts, *, anew: bool) -> Verdicts:
        """Return what is obeyed of the fitted edges ``pairs`` (E, 2): 1 fake, 0 real, -1 nothing.

        Args:
            decided: (E,) of the edges, or by way of their accounts. accounts, anew: see ``obeyed_accounts``.
        """
        return overlaid(len(pairs), fake_ends(pairs, accounts), None if anew else self.decided, self.answers, decided)

    def known_accounts(self) -> Verdicts | None:
        """Return what the fit knew of accounts, (U,): what was decided before labels; None where it knew nothing."""
        if self.accounts is None or self.decided_accounts is None:
            return self.accounts if self.decided_accounts is None else self.decided_accounts
        return overlaid(len(self.accounts), self.accounts, self.decided_accounts)

"""What people said of fitted edges and accounts, and what a model scored before an audit. Letters: U users, E edges."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recdiff.arrays import Float32

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

    def known_accounts(self) -> Verdicts | None:
        """Return what the fit knew of accounts, (U,): what was decided before labels; None where it knew nothing."""
        if self.accounts is None or self.decided_accounts is None:
            return self.accounts if self.decided_accounts is None else self.decided_accounts
        return overlaid(len(self.accounts), self.accounts, self.decided_accounts)

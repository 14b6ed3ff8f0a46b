"""One fitted model as somebody who decides sees it. Letters: U users, E edges, G groups."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pyarrow as pa

from recdiff.accounts.tables import numbers
from recdiff.arrays import Float64, Int64
from recdiff.audit.decisions import ACCOUNT, EDGE, GROUP
from recdiff.audit.groups import listed_members
from recdiff.data.problems import shorten
from recdiff.errors import DataError
from recdiff.model.checked import fitted_of
from recdiff.model.explained import Explainer
from recdiff.model.fitted import Fitted
from recdiff.model.folder import manifest_of, read_artifact
from recdiff.review.queue import Queue, account_queue, edge_queue, group_queue
from recdiff.review.similar import account_evidence, edge_evidence, group_evidence
from recdiff.review.surroundings import Surroundings
from recdiff.storage.manifest import sha256

SORTS = (GROUP, ACCOUNT, EDGE)


@dataclass(frozen=True, eq=False)
class Opened:
    """A model, and what is found out about it once.

    Attributes:
        digest: of the model folder, another for every fit.
        queues: by sort of thing.
    """

    digest: str
    fitted: Fitted
    queues: dict[str, Queue]

    @classmethod
    def read(cls, folder: Path) -> Opened:
        """Read the model folder.

        Raises:
            ArtifactError: see ``model.folder.read_artifact``. DataError: the model scores no edges.
        """
        digest = digest_of(folder)
        fitted = fitted_of(folder, read_artifact(folder))
        fitted.require_scores()
        queues = {GROUP: group_queue(fitted), ACCOUNT: account_queue(fitted), EDGE: edge_queue(fitted)}
        return cls(digest, fitted, queues)

    @cached_property
    def explainer(self) -> Explainer:
        """What tells why edges have their scores."""
        return Explainer(self.fitted)

    @cached_property
    def surroundings(self) -> Surroundings:
        """Who is around whom."""
        return Surroundings.of(self.fitted.graph, self.fitted.scores)

    @cached_property
    def members(self) -> list[Int64]:
        """The members of every group, by position."""
        return listed_members(self.fitted.accounts)

    @cached_property
    def number(self) -> Int64:
        """The number of each account's group, 0 for none, (U,)."""
        return np.append(numbers(self.fitted.accounts), 0)[self.fitted.accounts.groups.member]

    @cached_property
    def evidence(self) -> dict[str, Float64]:
        """Numbers by which cases are compared, (N, F), by sort of thing."""
        tables = {GROUP: group_evidence, ACCOUNT: account_evidence, EDGE: edge_evidence}
        return {what: table(self.fitted) for what, table in tables.items()}

    def user(self, name: str) -> int:
        """Return the position of the user ``name``.

        Raises:
            DataError: there is none.
        """
        found = int(self.fitted.users.index(pa.array([name], pa.string()))[0])
        if found < 0:
            raise DataError(f"no account {shorten(name)} in this model")
        return found

    def place(self, what: str, name: Sequence[str]) -> int:
        """Return where the thing called ``name`` is on its queue.

        Raises:
            DataError: there is no such thing.
        """
        if what not in SORTS or len(name) != len(self.queues[what].names):
            raise DataError(f"{shorten(what)} {shorten(name)}: expected a group, an account, or an edge's two ends")
        if what == GROUP:
            found = self.queues[GROUP].names[0].index(name[0]).as_py()
            if found < 0:
                raise DataError(f"no group {shorten(name[0])} in this model; groups change when it is fitted again")
            return int(found)
        if what == ACCOUNT:
            return self.user(name[0])
        row = int(self.fitted.rows_of(np.array([[self.user(each) for each in name]]))[0])
        if row < 0:
            raise DataError(f"no edge {shorten(','.join(name))} in this model")
        return row


def digest_of(folder: Path) -> str:
    """Return what tells the model in a folder from others; empty where there is none."""
    manifest = manifest_of(folder)
    return sha256(manifest)[:16] if manifest else ""

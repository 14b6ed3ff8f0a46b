"""What a study is given to work with: the data, what it may spend, and a way to get cells computed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

from recdiff.data.dataset import SocialDataset
from recdiff.machine.progress import Report
from recdiff.studies.lab.budget import Budget
from recdiff.studies.lab.cell import Cell, Result
from recdiff.studies.lab.runner import Runner
from recdiff.studies.lab.source import Source, fingerprint
from recdiff.studies.systems.invited import Invited


@dataclass
class Bench:
    """The working place of one study.

    Attributes:
        runner: computes cells on ``runner.source``.
        budget: what may be spent.
        report: where progress goes.
        invited: who joins the systems built in, where the study compares them.
        used: seconds each cell took that the study asked for, by key.
    """

    runner: Runner
    budget: Budget
    report: Report
    invited: Invited = field(default_factory=Invited)
    used: dict[str, float] = field(default_factory=dict)

    @property
    def source(self) -> Source:
        """The data folder."""
        return self.runner.source

    @cached_property
    def dataset(self) -> SocialDataset:
        """The data set."""
        return self.source.read()

    @cached_property
    def fingerprint(self) -> str:
        """The hash of the data set."""
        return fingerprint(self.dataset)

    def results(self, cells: Sequence[Cell], stage: str, *, alone: bool = False) -> list[Result]:
        """Return the results of ``cells`` in order, see ``Runner.results``."""
        found = self.runner.results(cells, stage, self.report, alone=alone)
        self.used |= {result.cell.key: result.seconds for result in found}
        return found

"""How long work tells its caller where it is: the library reports, the command line draws."""

from __future__ import annotations

from collections.abc import Callable
from logging import Logger
from threading import Lock

# Called as report(stage, done, total): a stage's name, units done and units in all.
Report = Callable[[str, int, int], None]


class Steps:
    """Reports the units of a stage one by one, from any thread."""

    def __init__(self, report: Report, stage: str, total: int) -> None:
        self._report, self._stage, self._total = report, stage, total
        self._turn = Lock()
        self._to(0)

    def one(self) -> None:
        """Report that one more unit is done."""
        with self._turn:
            self._to(self._done + 1)

    def all(self) -> None:
        """Report that all units are done, or were not needed."""
        self._to(self._total)

    def _to(self, done: int) -> None:
        self._done = done
        self._report(self._stage, done, self._total)


def silent(stage: str, done: int, total: int) -> None:
    """Report nothing."""


def logged(report: Report, log: Logger) -> Report:
    """Return ``report`` that also says to ``log`` which stage is done."""

    def tell(stage: str, done: int, total: int) -> None:
        if done == total:
            log.info("%s: done", stage)
        report(stage, done, total)

    return tell

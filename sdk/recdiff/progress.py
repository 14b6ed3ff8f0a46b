"""How long work tells its caller where it is: the library reports, the command line draws."""

from __future__ import annotations

from collections.abc import Callable

# Called as report(stage, done, total): a stage's name, units done and units in all.
Report = Callable[[str, int, int], None]


def silent(stage: str, done: int, total: int) -> None:
    """Report nothing."""

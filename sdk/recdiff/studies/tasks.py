"""What can be computed in a cell, by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from recdiff.studies.cleaning import CLEANING, run_cleaning
from recdiff.studies.lab.cell import Cell
from recdiff.studies.lab.scaling import run_scaling
from recdiff.studies.lab.source import Source
from recdiff.studies.lab.trial import TASK, TIMED, run_trial
from recdiff.studies.lab.unoptimised_trial import LOOP, run_loop
from recdiff.studies.likeness import LIKENESS, run_likeness
from recdiff.studies.listed import LISTED, run_listed
from recdiff.studies.pair_change import PAIRS, run_pairs

TASKS: Mapping[str, Callable[[Cell, Source], Mapping[str, Any]]] = {
    "scaling": run_scaling,
    TASK: run_trial,
    TIMED: run_trial,
    LOOP: run_loop,
    PAIRS: run_pairs,
    CLEANING: run_cleaning,
    LISTED: run_listed,
    LIKENESS: run_likeness,
}


def perform(cell: Cell, source: Source) -> Mapping[str, Any]:
    """Compute the values of ``cell``.

    Raises:
        KeyError: no task has the cell's name.
    """
    return TASKS[cell.task](cell, source)

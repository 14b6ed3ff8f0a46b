"""Work for the runner's tests, importable by other processes."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

import torch

from recdiff.studies.lab.cell import Cell
from recdiff.studies.lab.source import Source


def dying(cell: Cell, source: Source) -> Mapping[str, Any]:
    """End the process, as the system does where memory runs out."""
    os._exit(1)


def where(cell: Cell, source: Source) -> Mapping[str, Any]:
    """Say which process computed the cell, with how many threads."""
    return {"process": os.getpid(), "threads": torch.get_num_threads(), "twice": 2 * cell.settings["number"]}

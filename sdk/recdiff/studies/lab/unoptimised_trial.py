"""A cell that trains the unoptimised loop for a few epochs and times it."""

from __future__ import annotations

import time
from typing import Any

import torch

from recdiff.baselines.task import validation_judge
from recdiff.config import PaperConfig
from recdiff.metrics.ranking import by_tables
from recdiff.studies.lab.cell import Cell
from recdiff.studies.lab.source import Source
from recdiff.studies.lab.unoptimised import Loop

LOOP = "unoptimised-loop"


def run_loop(cell: Cell, source: Source) -> dict[str, Any]:
    """Train for the number of epochs the cell names; return validation and seconds after each."""
    dataset = source.read()
    judge = validation_judge(dataset.train, dataset.validation)
    loop = Loop(PaperConfig(), dataset.train, dataset.graph.adjacency(), cell.seed)
    history, seconds = [], 0.0
    for epoch in range(1, cell.settings["epochs"] + 1):
        began = time.perf_counter()
        loop.epoch()
        seconds += time.perf_counter() - began
        users, items = (rows.numpy() for rows in loop.model.embeddings())
        history.append({"epoch": epoch, "validation": judge(by_tables(users, items)), "seconds": seconds})
    return {"history": history, "threads": torch.get_num_threads()}

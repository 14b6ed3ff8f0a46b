"""One point of the complexity study: a training step of the published model on a random graph of a given size."""

from __future__ import annotations

import time
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import scipy.sparse as sp
import torch

from recdiff.config import PaperConfig
from recdiff.graph.adjacency import social_adjacency
from recdiff.paper.encoder import Graphs
from recdiff.paper.network import PaperModel
from recdiff.studies.lab.cell import Cell
from recdiff.studies.lab.memory import peak, reset_peak
from recdiff.studies.lab.source import Source

WARM_UP = 2


@dataclass(frozen=True)
class Size:
    """What a step's cost depends on.

    Attributes:
        users, items: U, I.
        interactions, edges: R, S (undirected, each once).
        width: D.
    """

    users: int
    items: int
    interactions: int
    ties: int
    width: int


def measure(size: Size, repeats: int, seed: int) -> dict[str, Any]:
    """Return seconds of each repeated training step and the peak memory they needed, in bytes.

    The peak counts parameters, optimiser state, graphs and everything a step allocates, and not the interpreter.
    """
    train, social = random_graphs(size, seed)
    config = PaperConfig(width=size.width)
    # What a first step loads and starts once (kernels, thread pools) is no cost of the size.
    _Step(config, *random_graphs(Size(64, 64, 256, 64, size.width), seed), seed).run()
    before = reset_peak()
    step = _Step(config, train, social, seed)
    seconds = []
    for _ in range(WARM_UP + repeats):
        began = time.perf_counter()
        step.run()
        seconds.append(time.perf_counter() - began)
    after = peak()
    return {
        "seconds": seconds[WARM_UP:],
        "bytes": None if before is None or after is None else after - before,
        "threads": torch.get_num_threads(),
        "batch": step.batch,
    }


def run_scaling(cell: Cell, source: Source) -> dict[str, Any]:
    """Measure the point that the cell's settings name: the fields of Size, and repeats."""
    sizes = {each.name: cell.settings[each.name] for each in fields(Size)}
    return measure(Size(**sizes), cell.settings["repeats"], cell.seed)


def random_graphs(size: Size, seed: int) -> tuple[sp.csr_matrix, sp.csr_matrix]:
    """Return random interactions (U, I) and a random symmetric adjacency (U, U) of about the given counts."""
    rng = np.random.default_rng(seed)
    rows, columns = (rng.integers(0, bound, size.interactions) for bound in (size.users, size.items))
    train = sp.csr_matrix((np.ones(size.interactions, np.float32), (rows, columns)), shape=(size.users, size.items))
    train.data[:] = 1
    ends = rng.integers(0, size.users, (size.ties, 2))
    return train, social_adjacency(ends[ends[:, 0] != ends[:, 1]], size.users, directed=False)


def operations(size: Size, config: PaperConfig, batch: int) -> float:
    """Return the multiplications of the article's formula for one step: O((R + S) D + (U + I) D^2 + B (D^2 + D H))."""
    D, H = size.width, config.time_width
    propagation = 2 * (config.layers * size.interactions + config.social_layers * size.ties) * D
    transforms = (config.layers * (size.users + size.items) + config.social_layers * size.users) * D**2
    denoising = batch * (2 * D**2 + D * H + H**2)
    return float(propagation + transforms + denoising)


def numbers_kept(size: Size, config: PaperConfig, batch: int) -> float:
    """Return the floats a step keeps: tables with gradient and two moments, one activation per layer, graphs, batch."""
    tables = 4 * (size.users + size.items) * size.width
    active = min(size.items, size.interactions)
    layers = 2 * (config.layers * (size.users + active) + config.social_layers * size.users) * size.width
    graphs = 4 * size.interactions + 4 * size.ties
    return float(tables + layers + graphs + 8 * batch * size.width)


class _Step:
    """A model, its optimisers and a batch, ready to be trained on again and again."""

    def __init__(self, config: PaperConfig, train: sp.csr_matrix, social: sp.csr_matrix, seed: int) -> None:
        self.generator = torch.Generator().manual_seed(seed)
        self.graphs = Graphs.of(train, social)
        users, items = train.shape
        self.model = PaperModel(config, users, items, self.generator)
        self.optimiser = torch.optim.Adam(self.model.parameters(), lr=config.learning_rate, fused=True)
        coo = train.tocoo()
        self.batch = min(config.batch_size, coo.nnz)
        chosen = torch.randperm(coo.nnz, generator=self.generator)[: self.batch].numpy()
        self.users, self.positives = (torch.as_tensor(part[chosen].astype(np.int64)) for part in (coo.row, coo.col))
        self.negatives = torch.randint(train.shape[1], (self.batch,), generator=self.generator)

    def run(self) -> None:
        self.optimiser.zero_grad(set_to_none=True)
        losses = self.model.losses(self.graphs, self.users, self.positives, self.negatives, self.generator)
        losses.total.backward()  # type: ignore[no-untyped-call]
        self.optimiser.step()

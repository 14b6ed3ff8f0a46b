"""The training loop of the published model: chosen on validation, resumable to the bit.

One epoch visits every training interaction once, in seeded order, with one negative each.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import scipy.sparse as sp
import torch
from torch import Tensor

from recdiff.arrays import Float32
from recdiff.config import PaperConfig
from recdiff.graph.negatives import NegativeSampler
from recdiff.graph.rewired import rewired
from recdiff.machine.device import generator_on
from recdiff.machine.progress import Report, silent
from recdiff.machine.seeds import seeds_of
from recdiff.metrics.selection import Best
from recdiff.paper.encoder import Graphs
from recdiff.paper.network import PaperModel
from recdiff.storage.checkpoint import Checkpoint

# Judges user (U, D) and item (I, D) embeddings on the validation split; larger is better.
Validate = Callable[[Float32, Float32], float]

PARTS = 3
"""Of a fit, each with a seed of its own: the random graph, first weights, and what its steps draw."""


@dataclass
class Training:
    """A model in training: everything that changes from epoch to epoch."""

    model: PaperModel
    optimisers: tuple[torch.optim.Adam, torch.optim.Adam]
    generator: torch.Generator
    epoch: int = 0
    best: Best[dict[str, Tensor]] = field(default_factory=lambda: Best({}))
    history: list[dict[str, float]] = field(default_factory=list)


def fit_paper(
    config: PaperConfig,
    train: sp.csr_matrix,
    social: sp.csr_matrix,
    validate: Validate,
    seed: int,
    *,
    device: torch.device | str = "cpu",
    checkpoint: Checkpoint | None = None,
    report: Report = silent,
) -> tuple[PaperModel, Graphs, list[dict[str, float]]]:
    """Train the published model and return it with the weights of its best validation epoch.

    Args:
        train: interactions (U, I).
        social: social adjacency (U, U).
        validate: judges embeddings every ``config.evaluate_every`` epochs.
        seed: of the random graph, of initialisation, and of order, negatives, noise and dropout, a seed each.
        checkpoint: saved at every evaluation and continued from where it exists.

    Returns:
        the model, the graphs it was trained on, and the history: one row per evaluation.
    """
    wiring, *_ = seeds_of(seed, PARTS)
    if config.social == "random":
        social = rewired(social, np.random.default_rng(wiring))
    graphs = Graphs.of(train, social, device)
    training = start(config, train.shape, seed, device)
    if checkpoint is not None:
        _restore(training, checkpoint)
    pairs = positives(train, device)
    sampler = NegativeSampler(train, device)
    while training.epoch < config.epochs and training.best.waited < config.patience:
        losses = train_epoch(training, graphs, sampler, *pairs)
        training.epoch += 1
        if training.epoch % config.evaluate_every == 0 or training.epoch == config.epochs:
            _judge(training, graphs, validate, losses)
            if checkpoint is not None:
                _save(training, checkpoint)
        report("train", training.epoch, config.epochs)
    if training.best.kept:
        training.model.load_state_dict(training.best.kept)
    report("train", config.epochs, config.epochs)
    return training.model, graphs, training.history


def train_epoch(training: Training, graphs: Graphs, sampler: NegativeSampler, users: Tensor, items: Tensor) -> Tensor:
    """Train one epoch over positives (R,) and return the mean of bpr, diffusion and norm loss, (3,)."""
    config, generator = training.model.config, training.generator
    for optimiser, rate in zip(training.optimisers, (config.learning_rate, config.denoiser_learning_rate), strict=True):
        for group in optimiser.param_groups:
            group["lr"] = rate * config.learning_rate_decay**training.epoch
    order = torch.randperm(len(users), generator=generator, device=users.device)
    negatives = sampler.draw(users, generator)
    total = torch.zeros(3, device=users.device)
    batches = torch.split(order, config.batch_size)
    for batch in batches:
        for optimiser in training.optimisers:
            optimiser.zero_grad(set_to_none=True)
        losses = training.model.losses(graphs, users[batch], items[batch], negatives[batch], generator)
        losses.total.backward()  # type: ignore[no-untyped-call]
        for optimiser in training.optimisers:
            optimiser.step()
        total += torch.stack(list(losses)).detach()
    return total / len(batches)


def start(config: PaperConfig, shape: tuple[int, int], seed: int, device: torch.device | str) -> Training:
    """Return an untrained model of ``shape`` (users, items) with its optimisers, as a fit with this ``seed`` begins."""
    _, weights, steps = seeds_of(seed, PARTS)
    model = PaperModel(config, *shape, torch.Generator().manual_seed(weights)).to(device)
    optimisers = (
        torch.optim.Adam(model.encoder.parameters(), lr=config.learning_rate, fused=True),
        torch.optim.Adam(model.denoiser.parameters(), lr=config.denoiser_learning_rate, fused=True),
    )
    return Training(model, optimisers, generator_on(device, steps))


def positives(train: sp.csr_matrix, device: torch.device | str) -> tuple[Tensor, Tensor]:
    """Return user and item positions of the training interactions, each (R,)."""
    coo = train.tocoo()
    return tuple(torch.as_tensor(part.astype(np.int64), device=device) for part in (coo.row, coo.col))  # type: ignore[return-value]


def _judge(training: Training, graphs: Graphs, validate: Validate, losses: Tensor) -> None:
    user, item, _ = training.model.embeddings(graphs)
    score = validate(user.cpu().numpy(), item.cpu().numpy())
    bpr, diffusion, regularisation = losses.tolist()
    training.history.append(
        {"epoch": training.epoch, "validation": score, "bpr": bpr, "diffusion": diffusion, "norm": regularisation}
    )
    if training.best.offer(score):
        training.best.kept = {name: tensor.detach().clone() for name, tensor in training.model.state_dict().items()}


def _save(training: Training, checkpoint: Checkpoint) -> None:
    tensors = {f"model.{name}": tensor for name, tensor in training.model.state_dict().items()}
    tensors |= {f"best.{name}": tensor for name, tensor in training.best.kept.items()}
    for index, optimiser in enumerate(training.optimisers):
        for key, moments in optimiser.state_dict()["state"].items():
            tensors |= {f"adam.{index}.{key}.{name}": tensor for name, tensor in moments.items()}
    tensors["generator"] = training.generator.get_state()
    best = {"value": training.best.value, "waited": training.best.waited}
    checkpoint.save(tensors, {"epoch": training.epoch, "history": training.history, "best": best})


def _restore(training: Training, checkpoint: Checkpoint) -> None:
    saved = checkpoint.load()
    if saved is None:
        return
    tensors, state = saved
    training.model.load_state_dict(_below("model.", tensors))
    training.best = Best(_below("best.", tensors), **state["best"])
    for index, optimiser in enumerate(training.optimisers):
        moments: dict[int, dict[str, Any]] = {}
        for name, tensor in _below(f"adam.{index}.", tensors).items():
            key, _, part = name.partition(".")
            moments.setdefault(int(key), {})[part] = tensor
        optimiser.load_state_dict({"state": moments, "param_groups": optimiser.state_dict()["param_groups"]})
    training.generator.set_state(tensors["generator"])
    training.epoch, training.history = state["epoch"], state["history"]


def _below(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}

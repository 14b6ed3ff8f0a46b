"""Fitting the default recommender: a light graph encoder over interactions and edges, trained on all pairs at once.

Letters: U users, I items, A items with a training interaction, N = U + A nodes, D width, L layers, w edge weight.

Graph  G = D^-1/2 [[w S, R], [R^T, 0]] D^-1/2 (joint_graph), rows Z = mean over l = 0 .. L of G^l X, table X (N, D).
Objective  all_pairs.loss(Z) + regularisation |X|^2, minimised by Adam over whole passes: some dozens, no sampling.
A step costs O((R + E) D L + N D^2), linear in users, interactions and edges.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property, partial
from typing import Any

import numpy as np
import scipy.sparse as sp
import torch
from torch import Tensor

from recdiff.arrays import Float32, Int64
from recdiff.config.recommender import RecommenderConfig
from recdiff.errors import UsageError
from recdiff.graph.social_graph import SocialGraph
from recdiff.graph.sparse import walk
from recdiff.machine.progress import Report, silent
from recdiff.metrics.ranking import Score
from recdiff.metrics.selection import validation_value
from recdiff.recommender.joint_graph import JointGraph
from recdiff.recommender.loss import gradient
from recdiff.recommender.tables import Recommender
from recdiff.recommender.training import BLIND_STEPS, Trainer, Trial, descend
from recdiff.storage.checkpoint import Checkpoint

__all__ = ["SEARCH", "FittedRecommender", "Recommender", "RecommenderConfig", "fit_recommender"]


# What is tried, one setting after the other, each kept where validation likes it better.
SEARCH: tuple[tuple[str, tuple[Any, ...]], ...] = (
    ("regularisation", (0.3, 1.0, 2.0, 3.0)),
    ("tie_weight", (0.1, 0.3)),
    ("layers", (2, 3)),
)
# Validation users judged at an evaluation: so many that their scores number JUDGED_SCORES, within these bounds;
# more would cost a large graph more than its training.
JUDGED_SCORES = 2**28
FEWEST_JUDGED, MOST_JUDGED = 500, 5_000


@dataclass(frozen=True, eq=False)
class FittedRecommender:
    """A fit and how it came about.

    Attributes:
        recommender: the tables.
        config: the settings that were chosen, ``search`` off.
        history: one row per evaluation of every trial: trial, step, validation.
    """

    recommender: Recommender
    config: RecommenderConfig
    history: tuple[dict[str, float], ...]

    @property
    def passes(self) -> int:
        """After how many passes the tables were taken."""
        if not self.history:
            return self.config.steps
        return int(max(self.history, key=lambda row: row["validation"])["step"])


@dataclass(frozen=True, eq=False)
class _Data:
    train: sp.csr_matrix
    social: sp.csr_matrix
    directed: bool
    validation: sp.csr_matrix
    sample: Int64
    active: Int64
    device: torch.device | str

    @property
    def users(self) -> int:
        return int(self.train.shape[0])

    @cached_property
    def known(self) -> sp.csr_matrix:
        """The interactions of the active items, (U, A)."""
        return self.train if len(self.active) == self.train.shape[1] else self.train[:, self.active]

    @cached_property
    def between(self) -> sp.csr_matrix:
        """The edges without directions: their mean, where there are two."""
        return (self.social + self.social.T) / 2 if self.directed else self.social

    def joint(self, config: RecommenderConfig) -> JointGraph:
        """Return the joint graph of a trial."""
        return JointGraph.of(self.known, self.between, config.tie_weight, self.device)


@dataclass(frozen=True, eq=False)
class _Search:
    """The best so far: its settings, node table and value; how many trials are done, and what they showed."""

    config: RecommenderConfig
    table: Tensor
    value: float
    done: int
    history: tuple[dict[str, float], ...]

    def after(self, config: RecommenderConfig, trial: Trial) -> _Search:
        """Return the search with one more trial done."""
        rows = (*self.history, *({"trial": self.done, **row} for row in trial.history))
        better = trial.value > self.value
        best = (config, trial.table, trial.value) if better else (self.config, self.table, self.value)
        return _Search(*best, self.done + 1, rows)

    def save(self, checkpoint: Checkpoint) -> None:
        """Write it all down."""
        state = {"config": asdict(self.config), "value": self.value, "done": self.done, "history": self.history}
        checkpoint.save({"table": self.table}, state)


def fit_recommender(
    config: RecommenderConfig,
    train: sp.csr_matrix,
    graph: SocialGraph,
    validation: sp.csr_matrix,
    seed: int,
    *,
    edge_weight: Float32 | None = None,
    device: torch.device | str = "cpu",
    checkpoint: Checkpoint | None = None,
    trainer: Trainer | None = None,
    report: Report = silent,
) -> FittedRecommender:
    """Fit on ``train`` (U, I), the number of passes and, with ``config.search``, settings chosen on ``validation``.

    Where ``validation`` is empty nothing can be chosen: the settings are those given, with at most
    ``training.BLIND_STEPS`` passes.

    Args:
        edge_weight: (E,) weights of the graph's edges, such as 1 - fake_score; 1 where not given.
        seed: of the first table and of the choice of judged users.
        checkpoint: saved after every trial and continued from where it exists.
        trainer: trains somewhere else, such as on a cluster; None: here.

    Raises:
        UsageError: there is nothing to train on, or a setting makes no sense.
        ArtifactError: the checkpoint is damaged or of another fit.
    """
    _check(config, train)
    social = graph.adjacency(edge_weight)
    active = np.flatnonzero(np.bincount(train.indices, minlength=train.shape[1]))
    data = _Data(
        train=sp.csr_matrix(train),
        social=social,
        directed=graph.directed,
        validation=validation,
        sample=judged_users(validation, seed),
        active=active,
        device=device,
    )
    if not len(data.sample):
        config = replace(config, steps=min(config.steps, BLIND_STEPS))
    plan = _plan(config) if config.search and len(data.sample) else [{}]
    search = _resumed(checkpoint, config, device)
    for index in range(search.done, len(plan)):
        report("recommender", index, len(plan))
        changed = replace(search.config, **plan[index])
        search = search.after(changed, _trained(changed, data, seed, trainer))
        if checkpoint is not None:
            search.save(checkpoint)
    report("recommender", len(plan), len(plan))
    chosen = replace(search.config, search=False)
    return FittedRecommender(_tables(chosen, data, search.table), chosen, search.history)


def refitted(
    made: FittedRecommender,
    everything: sp.csr_matrix,
    graph: SocialGraph,
    seed: int,
    *,
    device: torch.device | str = "cpu",
    trainer: Trainer | None = None,
) -> Recommender:
    """Return the recommender that learns from ``everything`` (U, I) what ``made`` learned from a part of it.

    Settings and number of passes are those that validation chose; nothing is held out to judge by.
    """
    config = replace(made.config, steps=made.passes)
    train = sp.csr_matrix(everything)
    data = _Data(
        train=train,
        social=graph.adjacency(),
        directed=graph.directed,
        validation=sp.csr_matrix(train.shape, dtype=train.dtype),
        sample=np.empty(0, np.int64),
        active=np.flatnonzero(np.bincount(train.indices, minlength=train.shape[1])),
        device=device,
    )
    return _tables(config, data, _trained(config, data, seed, trainer).table)


def judged_users(validation: sp.csr_matrix, seed: int) -> Int64:
    """Return the users to judge by: those with held-out items, at most so many that judging stays cheap."""
    held = np.flatnonzero(np.diff(validation.indptr)).astype(np.int64)
    most = int(np.clip(JUDGED_SCORES // validation.shape[1], FEWEST_JUDGED, MOST_JUDGED))
    return held if len(held) <= most else np.random.default_rng(seed).choice(held, most, replace=False)


def _plan(config: RecommenderConfig) -> list[dict[str, Any]]:
    """Return the changes to try one after the other, each on top of the best so far; the first is none."""
    changes = [{name: value} for name, values in SEARCH for value in values if value != getattr(config, name)]
    return [{}, *changes]


def _resumed(checkpoint: Checkpoint | None, config: RecommenderConfig, device: torch.device | str) -> _Search:
    saved = None if checkpoint is None else checkpoint.load()
    if saved is None:
        return _Search(config, torch.empty(0), -1.0, 0, ())
    tensors, state = saved
    rows = tuple(state["history"])
    table = tensors["table"].to(device)
    return _Search(RecommenderConfig(**state["config"]), table, state["value"], state["done"], rows)


def _check(config: RecommenderConfig, train: sp.csr_matrix) -> None:
    if train.nnz == 0:
        raise UsageError("there is no training interaction, so nothing can be recommended")


def _trained(config: RecommenderConfig, data: _Data, seed: int, trainer: Trainer | None) -> Trial:
    if trainer is None:
        return _train(config, data, seed)
    judge = partial(_judge, data) if len(data.sample) else None
    trial = trainer(config, data.known, data.social, judge, seed)
    return replace(trial, table=trial.table.to(data.device))


def _train(config: RecommenderConfig, data: _Data, seed: int) -> Trial:
    """Train here with fixed settings and return the table of the evaluation that validation likes best."""
    joint = data.joint(config)
    graph, observed = joint.walked, joint.observed
    generator = torch.Generator().manual_seed(seed)
    first = torch.randn(data.users + len(data.active), config.width, generator=generator) * 0.1

    def judge(table: Tensor) -> float:
        return _judge(data, walk(graph, table, config.layers).cpu().numpy())

    table = first.to(data.device)
    spare = [torch.empty_like(table) for _ in range(3)]
    by_table = partial(_table_gradient, config, graph, observed, users=data.users, spare=spare)
    return descend(config, table, by_table, judge if len(data.sample) else None)


def _table_gradient(
    config: RecommenderConfig, graph: Tensor, observed: Tensor, table: Tensor, *, users: int, spare: Sequence[Tensor]
) -> Tensor:
    """Return the derivative by X of (all-pairs loss + regularisation |X|^2) / R, (N, D), in one of three ``spare``."""
    rows = walk(graph, table, config.layers, spare[:2])
    by_row = gradient(observed, rows, users, config.background, spare[2])
    by_table = walk(graph, by_row, config.layers, spare[:2])
    return by_table.add_(table, alpha=2 * config.regularisation).div_(observed.values().numel() / 2)


def _judge(data: _Data, rows: Float32) -> float:
    """Return recall@20 + ndcg@20 on validation of node rows (N, D), items without training left out."""
    return validation_value(_score(data, rows), data.train, data.validation, data.sample)


def _score(data: _Data, rows: Float32) -> Score:
    users, columns = rows[: data.users], rows[data.users :].T

    def score(chosen: Int64) -> Float32:
        full = np.zeros((len(chosen), data.train.shape[1]), np.float32)
        full[:, data.active] = users[chosen] @ columns
        return full

    return score


@torch.no_grad()
def _tables(config: RecommenderConfig, data: _Data, table: Tensor) -> Recommender:
    """Return the tables of the fitted node table X (N, D)."""
    joint = data.joint(config)
    graph = joint.walked
    rows = walk(graph, table, config.layers).cpu().numpy()
    share = table / (config.layers + 1)
    # The walk of one layer less, as each neighbour hands it over: Z = share + G (sum_{l < L} G^l) share.
    handed = walk(graph, table, config.layers - 1) * (config.layers / (config.layers + 1))
    degree = joint.degree.cpu().numpy()
    memory = (handed.cpu().numpy() / np.sqrt(np.where(degree > 0, degree, 1.0))[:, None]).astype(np.float32)
    users, own = rows[: data.users].copy(), share[: data.users].cpu().numpy().copy()
    alone = degree[: data.users] == 0
    users[alone] = own[alone] = users[~alone].mean(axis=0)
    return Recommender(
        user_table=users,
        item_table=_with_empty_rows(data, rows[data.users :]),
        own=own,
        item_memory=_with_empty_rows(data, memory[data.users :]),
        user_memory=memory[: data.users] * np.float32(config.tie_weight),
        tie_weight=config.tie_weight,
    )


def _with_empty_rows(data: _Data, rows: Float32) -> Float32:
    full = np.zeros((data.train.shape[1], rows.shape[1]), np.float32)
    full[data.active] = rows
    return full

"""What stays the same over the rounds of one division into folds: pairs to learn from, accounts, seeds.

Letters: U users, E edges, K folds, L pairs learned from, C classes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, fields
from functools import cached_property
from typing import TypeVar

import numpy as np
import scipy.sparse as sp
import torch
from torch import Tensor

from recdiff.arrays import Float64, Int64
from recdiff.config.scorer import ScorerConfig
from recdiff.fakes.drawing import Graph
from recdiff.graph.folded import FoldedGraph
from recdiff.graph.social_graph import SocialGraph
from recdiff.machine.hands import Hands, nothing
from recdiff.machine.progress import Steps
from recdiff.machine.seeds import seeds_of
from recdiff.machine.threads import side_by_side
from recdiff.scorer.accounts import PlantedEdges, account_columns, plant
from recdiff.scorer.pool import FakePool, edge_folds, fake_pool
from recdiff.scorer.table import Columns, Tastes, friends_columns
from recdiff.scorer.untaught.labelled import LabelledAccounts
from recdiff.scorer.untaught.staged import Staged

Block = TypeVar("Block")
Made = TypeVar("Made")

ALIVE = 2
"""Graphs encoded at a time, which bounds memory."""


@dataclass(frozen=True, eq=False)
class Seeds:
    """Seeds of the parts of a fit, each of its own.

    Attributes:
        pool, spectrum, noise, planted, mixture: of NumPy's draws; networks: of torch's.
    """

    pool: int
    spectrum: int
    noise: int
    planted: int
    mixture: int
    networks: int

    @classmethod
    def of(cls, sequence: np.random.SeedSequence) -> Seeds:
        """Return six seeds that ``sequence`` leads to."""
        parts = fields(cls)
        return cls(**dict(zip((part.name for part in parts), seeds_of(sequence, len(parts)), strict=True)))


@dataclass(frozen=True, eq=False)
class Setup:
    """What stays the same over the rounds.

    Attributes:
        times: (E,) when each edge came about, nan where unknown; or None.
        labelled: what is known of accounts, or None.
        folded: the graph with its edges in K folds.
        pool: observed edges and sampled non-edges.
        learn: (L,) rows of the pool's pairs that are learned from; pairs: (L, 2) these, label: (L,) their classes.
        planted: edges of planted accounts, learned from beside them.
        tastes: what the interactions say of the users.
        accounts: K + 1 of the account columns, per left-out fold and, last, of the whole graph.
        groups: ``staged``, once it is known.
        generator: of the networks.
        steps: one per encoding, and one per round for what is learned from them.
        device: where vectors are found and the denoiser is trained.
        hands: what encodes and learns instead of this process, or None.
    """

    graph: SocialGraph
    times: Float64 | None
    labelled: LabelledAccounts | None
    folded: FoldedGraph
    pool: FakePool
    folds: int
    learn: Int64
    pairs: Int64
    label: Int64
    planted: PlantedEdges
    tastes: Tastes
    accounts: list[Columns]
    groups: Future[Staged]
    config: ScorerConfig
    seeds: Seeds
    generator: torch.Generator
    steps: Steps
    device: torch.device | str
    hands: Hands | None

    @property
    def staged(self) -> Staged:
        """Which groups look made."""
        return self.groups.result()

    @cached_property
    def friends(self) -> list[Tensor]:
        """K + 1 of the columns of how many edges each user has (``friends_columns``): without a fold, and of all."""
        ends, fold, users = self.edges, self.edge_fold, self.graph.num_users
        every = torch.bincount(ends.reshape(-1), minlength=users)
        theirs = [torch.bincount(ends[fold == held].reshape(-1), minlength=users) for held in range(self.folds)]
        return [friends_columns(every - each) for each in (*theirs, torch.zeros_like(every))]

    @property
    def made_groups(self) -> Tensor:
        """The column of ``staged``, (U, 1), where tables are."""
        return torch.as_tensor(self.staged.column).to(self.device)

    def each_in_turn(
        self, work: Callable[[Block], Made], blocks: Iterable[Block], most: int | None = ALIVE
    ) -> list[Made]:
        """Return ``work`` of every block: on a processor ``most`` at a time, on a card one after the other."""
        return _each_in_turn(work, blocks, self.device, most)

    def handed_out(
        self, work: Callable[[Block], Made], blocks: Sequence[Block], done: Callable[[], None] = nothing
    ) -> list[Made]:
        """Return ``work``, which holds nothing but arrays, of every block: by ``hands``, or as ``each_in_turn`` does.

        Args:
            done: called after each.
        """
        if self.hands is not None:
            return self.hands.each(work, blocks, done)

        def told(block: Block) -> Made:
            made = work(block)
            done()
            return made

        return self.each_in_turn(told, blocks)

    @property
    def fold(self) -> Int64:
        """Fold of each row learned from, (L,)."""
        return self.pool.fold[self.learn].astype(np.int64)

    @property
    def edges(self) -> Tensor:
        """The edges (E, 2), where vectors are found."""
        return torch.as_tensor(self.graph.edges).to(self.device)

    @property
    def edge_fold(self) -> Tensor:
        """The fold of each edge (E,), there."""
        return torch.as_tensor(self.pool.fold[: self.pool.observed]).to(self.device)


def make_setup(
    graph: SocialGraph,
    train: sp.csr_matrix | None,
    config: ScorerConfig,
    seeds: Seeds,
    steps: Steps,
    *,
    times: Float64 | None = None,
    accounts: Int64 | None = None,
    device: torch.device | str = "cpu",
    hands: Hands | None = None,
) -> Setup:
    """Divide the edges into folds, draw what is learned from and describe the accounts in it."""
    edges = graph.edges
    groups = _begun(lambda: Staged.of(graph, times, device), device)
    rng = np.random.default_rng(seeds.pool)
    folds = config.folds_for(len(edges))
    edge_fold = edge_folds(graph, folds, rng)
    folded = FoldedGraph.of(graph, edge_fold, device)
    drawable = Graph.on(folded.whole, edges, graph.directed)
    pool = fake_pool(drawable, graph, edge_fold=edge_fold, folds=folds, per_kind=config.pairs_for(len(edges)), rng=rng)
    classes = range(len(pool.kinds) + 1)
    learn = np.concatenate([_at_most(pool.rows_of(each), config.most_pairs, rng) for each in classes])
    learned, label = pool.taken(learn)
    tastes = Tastes.of(train, graph.num_users, config.table, rng, device)
    planted = PlantedEdges.none()
    if train is not None and tastes.columns:
        drawn = np.random.default_rng(seeds.planted)
        count = config.planted_for(len(edges))
        planted = plant(drawable, folded, (edges, edge_fold), train, tastes, count=count, rng=drawn)

    def befriended(left_out: int) -> Columns:
        return account_columns([folded.without(left_out).both], tastes.columns) if tastes.columns else {}

    return Setup(
        graph=graph,
        times=times,
        labelled=LabelledAccounts.of(accounts, train, graph.num_users),
        folded=folded,
        pool=pool,
        folds=folds,
        learn=learn,
        pairs=learned,
        label=label,
        planted=planted,
        tastes=tastes,
        accounts=_each_in_turn(befriended, range(folds + 1), device),
        groups=groups,
        config=config,
        seeds=seeds,
        generator=torch.Generator().manual_seed(seeds.networks),
        steps=steps,
        device=device,
        hands=hands,
    )


def _each_in_turn(
    work: Callable[[Block], Made], blocks: Iterable[Block], device: torch.device | str, most: int | None = ALIVE
) -> list[Made]:
    if torch.device(device).type == "cpu":
        return side_by_side(work, blocks, most)
    return [work(block) for block in blocks]


def _begun(work: Callable[[], Made], device: torch.device | str) -> Future[Made]:
    """Return what ``work`` will return; where a card does the rest, it goes on meanwhile."""
    pool = ThreadPoolExecutor(1)
    found = pool.submit(work)
    pool.shutdown(wait=torch.device(device).type == "cpu")
    return found


def _at_most(rows: range, count: int, rng: np.random.Generator) -> Int64:
    if len(rows) <= count:
        return np.arange(rows.start, rows.stop)
    return rows.start + np.sort(rng.choice(len(rows), count, replace=False))

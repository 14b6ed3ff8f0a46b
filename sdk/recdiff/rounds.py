"""One round of scoring: encodings of the graph without each fold, their pair features, and networks on them.

A round is what the scorer can do once or again on re-weighted ties; the task is what stays the same.

Letters: U users, E ties, F table columns, K folds, L pairs learned from, N pair features, C classes.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
import torch
from numpy.typing import NDArray

from recdiff.accounts import PlantedTies, account_columns, account_terms, plant
from recdiff.classifier import Lesson
from recdiff.evidence import ConditionalDenoiser, evidence_columns, train_denoiser
from recdiff.fakepool import DRAWN, FakePool, fake_pool, tie_folds
from recdiff.graph import FoldedGraph
from recdiff.nonties import Graph
from recdiff.pairs import Layer, PairTerm, Span, forward, pair_features
from recdiff.progress import Report, Steps
from recdiff.scorer_config import ClassifierConfig, ScorerConfig
from recdiff.side_by_side import side_by_side
from recdiff.spectrum import aligned
from recdiff.usertable import (
    Columns,
    Encoding,
    Tastes,
    encode,
    join,
    latent_rows,
    pair_terms,
    spans,
)

Float32 = NDArray[np.float32]
Half = NDArray[np.float16]
Float64 = NDArray[np.float64]
Int64 = NDArray[np.int64]

CLIP = 6.0
LATENT_CLIP = 4.0
HALVES = 2
CLASSES = 1 + len(DRAWN)
ALIVE = 2
"""Graphs encoded at a time, which bounds memory."""
FEATURE_BLOCK = 1 << 14
"""Pairs whose features are computed at once: what is gathered for them stays in the cache."""


@dataclass(frozen=True, eq=False)
class Round:
    """What one round of encoding leaves behind.

    Attributes:
        tables: K + 1 of (U, F), per left-out fold and, last, of the whole graph.
        at: where each named column lies.
        terms: the pair features.
        eigenvectors: K + 1 of (U, positive + negative), as the tables.
        latents: K + 1 of (U, D), as the tables; the whole graph's alone where evidence was taken.
        net: the denoiser, or None where no evidence was taken.
        inputs: (L, N) standardised features of the pairs learned from; mean, scale: (N,) of the standardising.
    """

    tables: list[Half]
    at: dict[str, Span]
    terms: tuple[PairTerm, ...]
    eigenvectors: list[Half]
    latents: list[Half]
    net: ConditionalDenoiser | None
    inputs: Float32
    mean: Float32
    scale: Float32

    @property
    def latent(self) -> Float32:
        """Latent rows of the whole graph, (U, D)."""
        return self.latents[-1].astype(np.float32)


@dataclass(frozen=True, eq=False)
class Task:
    """What stays the same over the rounds.

    Attributes:
        graph: of all ties.
        folds: K.
        learn: (L,) rows of the pool's pairs that are learned from.
        planted: ties of planted accounts, learned from beside them.
        tastes: what the interactions say of the users.
        accounts: K + 1 of the account columns, per left-out fold and, last, of the whole graph.
        spectral_seed, noise_seed: of the encodings and the evidence; the same for all graphs, so that they compare.
        generator: of the networks.
        steps: one per encoding, and one per round for what is learned from them.
        device: where vectors are found and the denoiser is trained.
    """

    edges: Int64
    num_users: int
    graph: FoldedGraph
    pool: FakePool
    folds: int
    learn: Int64
    planted: PlantedTies
    tastes: Tastes
    accounts: list[Columns]
    directed: bool
    config: ScorerConfig
    spectral_seed: int
    noise_seed: int
    generator: torch.Generator
    steps: Steps
    device: torch.device | str

    @property
    def label(self) -> Int64:
        """Class of each row learned from, (L,)."""
        return self.pool.label[self.learn]

    @property
    def fold(self) -> Int64:
        """Fold of each row learned from, (L,)."""
        return self.pool.fold[self.learn]


def make_task(
    edges: Int64,
    num_users: int,
    train: sp.csr_matrix | None,
    directed: bool,
    config: ScorerConfig,
    seed: int,
    report: Report,
    device: torch.device | str = "cpu",
) -> Task:
    """Draw what is learned from and describe the accounts in it."""
    rng = np.random.default_rng(seed)
    per_kind = min(len(edges), config.most_pairs)
    folds = config.folds_for(len(edges))
    tie_fold = tie_folds(edges, num_users, directed, folds, rng)
    in_folds = FoldedGraph.of(edges, tie_fold, num_users, directed)
    graph = Graph.on(in_folds.whole, edges, directed)
    pool = fake_pool(graph, edges, tie_fold, folds, per_kind, rng)
    learn = np.concatenate([_at_most(np.flatnonzero(pool.label == c), config.most_pairs, rng) for c in range(CLASSES)])
    tastes = Tastes.of(train, num_users, config.table, rng, device)
    spectral_seed, noise_seed = (int(each) for each in rng.integers(0, 2**31, 2))
    generator = torch.Generator().manual_seed(seed)
    planted = PlantedTies.none()
    if train is not None and tastes.columns:
        rng = np.random.default_rng(spectral_seed + 2)
        planted = plant(graph, in_folds, train, tastes, config.planted_for(len(edges)), folds, rng)

    def befriended(left_out: int) -> Columns:
        return account_columns(in_folds.without(left_out), directed, tastes.columns)

    accounts = side_by_side(befriended, range(folds + 1), ALIVE)
    return Task(
        edges,
        num_users,
        in_folds,
        pool,
        folds,
        learn,
        planted,
        tastes,
        accounts,
        directed,
        config,
        spectral_seed,
        noise_seed,
        generator,
        Steps(report, "edge scorer", config.rounds * (folds + 2)),
        device,
    )


def make_round(task: Task, weight: Float32, eigenvectors: list[Half] | None = None, *, evidence: bool = True) -> Round:
    """Encode the graph whose ties have ``weight`` (E,), K times without a fold and once whole.

    Two encodings are alive at a time: of each, its part of the table, its latent rows and its eigenvectors are kept, in
    float16.

    Args:
        eigenvectors: those of an earlier round to continue from, or None.
        evidence: whether to take the denoiser's evidence, where the task takes any.
    """

    def encoded(left_out: int) -> tuple[Half, dict[str, Span], Encoding]:
        start = None if eigenvectors is None else eigenvectors[left_out]
        graph = task.graph.without(left_out, weight)
        rng = np.random.default_rng(task.spectral_seed)
        found = encode(graph, task.directed, task.config.table, rng, start, task.device)
        columns = found.columns | task.accounts[left_out] | task.tastes.columns
        task.steps.one()
        return join(columns), spans(columns), found.kept()

    tables, at, encodings = map(list, zip(*side_by_side(encoded, range(task.folds + 1), ALIVE), strict=True))
    latents = _latents(task, encodings)
    describe = _with_evidence if evidence else _described
    return describe(task, tables, at[0], [each.eigenvectors for each in encodings], latents)


def with_evidence(task: Task, made: Round) -> Round:
    """Return ``made``, which has none yet, with the denoiser's evidence, where the task takes any."""
    return _with_evidence(task, made.tables, made.at, made.eigenvectors, made.latents)


def _with_evidence(
    task: Task, tables: list[Half], at: dict[str, Span], eigenvectors: list[Half], latents: list[Half]
) -> Round:
    """Return the round with the denoiser's evidence beside the other columns, where the task takes any.

    ``tables`` are then replaced by wider ones.
    """
    if task.config.evidence.denoising == "none":
        return _described(task, tables, at, eigenvectors, latents)
    ties = task.learn[task.label == 0]
    pairs, fold = task.pool.pairs[ties], task.pool.fold[ties]
    net = train_denoiser(latents, pairs, fold, task.config.evidence, task.generator, task.device)
    width = tables[0].shape[1]

    def widened(place: int) -> dict[str, Span]:
        told = _evidence(task, net, latents[place])
        tables[place] = np.concatenate([tables[place], join(told)], axis=1)
        return spans(told)

    further = side_by_side(widened, range(len(tables)), ALIVE)[0]
    at = at | {name: (start + width, stop + width) for name, (start, stop) in further.items()}
    return _described(task, tables, at, eigenvectors, latents[-1:], net)


def _described(
    task: Task,
    tables: list[Half],
    at: dict[str, Span],
    eigenvectors: list[Half],
    latents: list[Half],
    net: ConditionalDenoiser | None = None,
) -> Round:
    """Return the round with the features of the pairs learned from."""
    terms = pair_terms(at, task.directed, task.config.table) + account_terms(at)
    features = fold_features(tables, task.pool.pairs[task.learn], task.fold, terms)
    mean, scale = features.mean(axis=0), features.std(axis=0) + np.float32(1e-6)
    inputs = standardised(features, mean, scale)
    return Round(tables, at, terms, eigenvectors, latents, net, inputs, mean, scale)


def _latents(task: Task, encodings: list[Encoding]) -> list[Half]:
    """Return the latent rows (U, D) of encodings, rotated onto those of the last and standardised as those are."""
    reference, tastes = encodings[-1], task.tastes.columns
    found = latent_rows(reference, np.eye(reference.rows.shape[1], dtype=np.float32), tastes)
    mean, scale = found.mean(axis=0), found.std(axis=0) + np.float32(1e-6)

    def standing(encoding: Encoding) -> Half:
        rows = latent_rows(encoding, aligned(encoding.rows, reference.rows), tastes)
        standard: Float32 = np.clip((rows - mean) / scale, -LATENT_CLIP, LATENT_CLIP)
        return standard.astype(np.float16)

    return side_by_side(standing, encodings, ALIVE)


def _evidence(task: Task, net: ConditionalDenoiser, rows: Half) -> Columns:
    columns: Columns = {}
    for level, found in enumerate(evidence_columns(net, rows, task.config.evidence.levels, task.noise_seed)):
        columns |= {
            f"joint_{level}": found.joint,
            f"apart_{level}": found.apart,
            f"power_{level}": found.power,
            f"movement_{level}": found.movement,
        }
    return columns


def fold_features(tables: list[Half], pairs: Int64, fold: Int64, terms: tuple[PairTerm, ...]) -> Float32:
    """Return the features of ``pairs``, each from the table that left its fold out, (B, N)."""
    features = np.empty((len(pairs), sum(term.width for term in terms)), np.float32)
    for held, table in enumerate(tables[:-1]):
        rows = np.flatnonzero(fold == held)
        for block in np.array_split(rows, len(rows) // FEATURE_BLOCK + 1):
            features[block] = pair_features(table, pairs[block], terms)
    return features


def standardised(features: Float32, mean: Float32, scale: Float32) -> Float32:
    """Return features as the networks take them, (B, N)."""
    return np.asarray(np.clip((features - mean) / scale, -CLIP, CLIP), np.float32)


def lesson(task: Task, inputs: Float32, label: Int64, extra: Float32, config: ClassifierConfig) -> Lesson:
    """Return a lesson on ``inputs`` (B, N) with rows weighted by ``extra`` (B,), all classes equally heavy in sum."""
    total = np.bincount(label, weights=extra)
    weights = (extra / np.maximum(total, 1e-9)[label]).astype(np.float32)
    return Lesson.of(inputs, label, weights, len(total), config, task.generator)


def half_logits(halves: list[tuple[Layer, ...]], inputs: Float32, fold: Int64) -> Float32:
    """Return logits (B, C) of standardised inputs, each from the network that did not train on its fold."""
    z = np.empty((len(inputs), len(halves[0][-1][1])), np.float32)
    for half, layers in enumerate(halves):
        rows = np.flatnonzero(fold % HALVES == half)
        for block in np.array_split(rows, len(rows) // FEATURE_BLOCK + 1):
            z[block] = forward(layers, inputs[block])
    return z


def tie_logits(task: Task, made: Round, halves: list[tuple[Layer, ...]]) -> Float32:
    """Return logits (E, C) of all ties, each out of its fold."""
    pool = task.pool
    z = np.empty((pool.observed, len(halves[0][-1][1])), np.float32)

    def fill(rows: Int64) -> None:
        features = fold_features(made.tables, task.edges[rows], pool.fold[rows], made.terms)
        inputs = standardised(features, made.mean, made.scale)
        z[rows] = half_logits(halves, inputs, pool.fold[rows])

    side_by_side(fill, np.array_split(np.arange(pool.observed), pool.observed // FEATURE_BLOCK + 1))
    return z


def log_ratio(z: Float32) -> Float64:
    """Return log p_k / p_0 (B, K) from logits (B, C) trained with classes equally heavy."""
    return np.asarray(z[:, 1:] - z[:, :1], np.float64)


def _at_most(rows: Int64, count: int, rng: np.random.Generator) -> Int64:
    return rows if len(rows) <= count else np.sort(rng.choice(rows, count, replace=False))

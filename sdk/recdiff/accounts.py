"""Fakes that come with accounts of their own: what such accounts look like, and a network that knows them.

A farm is a community of its own, so counts and eigenvectors take its ties for real. What gives it away is its
accounts: how much they and their friends use, and how little of it they share. The network therefore sees only that,
and only of the end that has less of it. It is not told where the ends lie in the graph, nor their degrees: a farm
planted to learn from would otherwise be told from a farm that is there by its place and its size alone.

Columns, of the unweighted graph without directions:
    items         log number of items
    quiet         mean over the friends of their log number of items
    agree         own taste . mean taste of the friends
A data set without interactions has none of them, and no such fakes are looked for there.

Letters: U users, A planted accounts, P planted ties, K folds, N features, C classes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from recdiff.corrupt import Kind, draw_from
from recdiff.graph import FoldedGraph, csr_tensor, product, scaled, social_adjacency
from recdiff.nonties import Graph
from recdiff.pairs import Layer, PairTerm, Span, pair_features
from recdiff.usertable import Columns, Half, Tastes, join, spans

Float32 = NDArray[np.float32]
Int64 = NDArray[np.int64]
Mask = NDArray[np.bool_]

GANGS = 8
"""Groups of planted accounts per kind, each with targets of its own, lest a few targets stand for all."""
FEW_ITEMS = 3
"""What an account of an active farm uses at most; the others use nothing."""
PLANTED = ("farm", "active-farm", "camouflage")
_DRAWN_AS: dict[str, Kind] = {"farm": "farm", "active-farm": "farm", "camouflage": "camouflage"}
ACCOUNT_COLUMNS = ("items", "quiet", "agree")


def account_columns(graph: sp.csr_matrix, directed: bool, tastes: Columns) -> Columns:
    """Return what the friends in ``graph`` (U, U), unweighted, say of each account by their ``tastes``."""
    if not tastes:
        return {}
    both = sp.csr_matrix(graph + graph.T) if directed else graph
    degree = np.asarray(both.sum(axis=1), np.float64).ravel()
    mean = csr_tensor(scaled(both, (1.0 / np.maximum(degree, 1.0)).astype(np.float32)))
    agree = np.sum(tastes["taste"] * product(mean, tastes["taste"]), axis=1, keepdims=True)
    return {"quiet": product(mean, tastes["items"]), "agree": np.asarray(agree, np.float32)}


@dataclass(frozen=True, eq=False)
class PlantedTies:
    """Ties of planted accounts and what the network sees of them.

    Attributes:
        features: (P, N) account features, each out of the tie's fold.
        label: (P,), 1 + the place in ``PLANTED``.
        fold: (P,).
        kinds: what was planted.
    """

    features: Float32
    label: Int64
    fold: Int64
    kinds: tuple[str, ...]

    @classmethod
    def none(cls) -> PlantedTies:
        """Return what is planted where there are no interactions to tell accounts by."""
        return cls(np.empty((0, 0), np.float32), np.empty(0, np.int64), np.empty(0, np.int64), ())


def plant(
    graph: Graph,
    in_folds: FoldedGraph,
    train: sp.csr_matrix,
    tastes: Tastes,
    ties: int,
    folds: int,
    rng: np.random.Generator,
) -> PlantedTies:
    """Plant about ``ties`` ties of each planted kind beside those of ``graph``, in ``GANGS`` groups, described."""
    num_users, directed = graph.num_users, graph.directed
    count = -(-ties // GANGS)
    planted, active = [], np.empty(0, bool)
    for kind in (each for each in PLANTED for _ in range(GANGS)):
        pairs, fresh = draw_from(graph, _DRAWN_AS[kind], count, rng)
        planted.append(np.where(pairs >= num_users, pairs + len(active), pairs))
        active = np.append(active, np.full(fresh, kind == "active-farm"))
    size = num_users + len(active)
    pairs = np.concatenate(planted)
    fold = rng.integers(0, folds, len(pairs))
    theirs = tastes.describe(_few_items(train, active, rng))
    wide = {name: np.concatenate([each, theirs[name]]) for name, each in tastes.columns.items()}
    features: list[Float32] = []
    for held in range(folds):
        without = in_folds.without(held)
        without.resize(size, size)
        without = without + social_adjacency(pairs[fold != held], size, directed)
        table, terms = account_table(account_columns(without, directed, wide) | wide)
        features.append(pair_features(table, pairs[fold == held], terms))
    order = np.argsort(fold, kind="stable")
    label = np.repeat(np.repeat(np.arange(len(PLANTED)) + 1, GANGS), [len(each) for each in planted])
    return PlantedTies(np.concatenate(features), label[order], fold[order], PLANTED)


def _few_items(train: sp.csr_matrix, active: Mask, rng: np.random.Generator) -> sp.csr_matrix:
    """Return the interactions (A, I) of planted accounts: the active ones use a few items, drawn by popularity."""
    counts = np.where(active, rng.integers(1, FEW_ITEMS + 1, len(active)), 0)
    items = rng.choice(train.indices, counts.sum())
    indptr = np.concatenate([[0], np.cumsum(counts)])
    drawn = sp.csr_matrix((np.ones(len(items), np.float32), items, indptr), shape=(len(active), train.shape[1]))
    drawn.sum_duplicates()
    drawn.data[:] = 1.0
    return drawn


def account_table(columns: Columns) -> tuple[Half, tuple[PairTerm, ...]]:
    """Return the account columns alone, side by side, and their pair terms."""
    chosen = {name: columns[name] for name in ACCOUNT_COLUMNS}
    return join(chosen), account_terms(spans(chosen))


def account_terms(at: Mapping[str, Span]) -> tuple[PairTerm, ...]:
    """Return the pair features of the account columns."""
    return tuple(PairTerm("low", at[name], at[name]) for name in ACCOUNT_COLUMNS if name in at)


def merged(ties: tuple[Layer, ...], accounts: tuple[Layer, ...]) -> tuple[Layer, ...]:
    """Return one network that computes both: logits of ``ties`` (C), then of the kinds that ``accounts`` knows.

    ``accounts`` sees the last features only, and its classes are [observed, kinds]; each of its kinds comes out
    as observed + (kind - its own observed), so that log ratios to "observed" stay what they are.
    """
    both = len(ties) == len(accounts)
    if not both:
        raise ValueError("two networks can only be merged where they have as many layers")
    (first, bias), (other, other_bias) = ties[0], accounts[0]
    spread = np.zeros((len(other), first.shape[1]), np.float32)
    spread[:, -other.shape[1] :] = other
    layers = [(np.concatenate([first, spread]), np.concatenate([bias, other_bias]))]
    for (a, a_bias), (b, b_bias) in zip(ties[1:-1], accounts[1:-1], strict=True):
        joined = np.zeros((len(a) + len(b), a.shape[1] + b.shape[1]), np.float32)
        joined[: len(a), : a.shape[1]], joined[len(a) :, a.shape[1] :] = a, b
        layers.append((joined, np.concatenate([a_bias, b_bias])))
    (a, a_bias), (b, b_bias) = ties[-1], accounts[-1]
    known = np.concatenate([a, np.repeat(a[:1], len(b) - 1, axis=0)])
    added = np.concatenate([np.zeros((len(a), b.shape[1]), np.float32), b[1:] - b[:1]])
    shift = np.concatenate([a_bias, a_bias[0] + b_bias[1:] - b_bias[0]])
    return (*layers, (np.concatenate([known, added], axis=1), shift))

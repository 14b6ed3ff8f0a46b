"""Fakes that come with accounts of their own: what such accounts look like, and a network that knows them.

A farm is a community of its own, so counts and eigenvectors take its ties for real. What gives it away is its
accounts: how much they and their friends use, and how little of it they share. The network
therefore sees only such columns of the two ends, not where the ends lie in the graph: a farm planted to learn from
would otherwise be told from a farm that is there by its place alone.

Columns, of the unweighted graph without directions:
    reach         log degree
    quiet         mean over the friends of their log number of items
    agree         own taste . mean taste of the friends
    items         log number of items
of directed graphs also reach_out and reach_into.

Letters: U users, A planted accounts, P planted ties, K folds, N features, C classes.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from recdiff.corrupt import Kind, draw_fakes
from recdiff.graph import social_adjacency
from recdiff.pairs import Layer, PairTerm, pair_features
from recdiff.usertable import Columns, join, scalar_terms, spans

Float32 = NDArray[np.float32]
Int64 = NDArray[np.int64]

GANGS = 8
"""Groups of planted accounts per kind, each with targets of its own, lest a few targets stand for all."""
PLANTED: tuple[Kind, ...] = ("farm", "camouflage")
ACCOUNT_COLUMNS = ("reach", "reach_out", "reach_into", "quiet", "agree", "items")


def account_columns(graph: sp.csr_matrix, directed: bool, tastes: Columns) -> Columns:
    """Return what each account looks like in ``graph`` (U, U), unweighted; ``tastes`` are its interactions' columns."""
    both = sp.csr_matrix(graph + graph.T) if directed else graph
    degree = np.asarray(both.sum(axis=1), np.float64).ravel()
    share = sp.csr_matrix(sp.diags_array(1.0 / np.maximum(degree, 1.0)) @ both)
    reach = np.log1p(degree)
    found = {"reach": reach}
    if directed:
        found["reach_out"] = np.log1p(np.asarray(graph.sum(axis=1), np.float64).ravel())
        found["reach_into"] = np.log1p(np.asarray(graph.sum(axis=0), np.float64).ravel())
    if tastes:
        found["quiet"] = share @ tastes["items"][:, 0].astype(np.float64)
        found["agree"] = np.sum(tastes["taste"] * (share @ tastes["taste"]), axis=1)
    return {name: np.asarray(values, np.float32)[:, None] for name, values in found.items()}


@dataclass(frozen=True, eq=False)
class PlantedTies:
    """Ties of planted accounts and what the network sees of them.

    Attributes:
        features: (P, N) account features, each out of the tie's fold.
        label: (P,), 1 + the place in ``PLANTED``.
        fold: (P,).
    """

    features: Float32
    label: Int64
    fold: Int64


def plant(
    edges: Int64,
    tie_fold: Int64,
    num_users: int,
    directed: bool,
    tastes: Columns,
    share: float,
    folds: int,
    rng: np.random.Generator,
) -> PlantedTies:
    """Plant about share * E ties of each planted kind beside ``edges`` (E, 2), in ``GANGS`` groups, described."""
    count = -(-round(share * len(edges)) // GANGS)
    planted, accounts = [], 0
    for kind in np.repeat(PLANTED, GANGS):
        pairs, fresh = draw_fakes(edges, num_users, kind, count, rng, directed)
        planted.append(np.where(pairs >= num_users, pairs + accounts, pairs))
        accounts += fresh
    pairs = np.concatenate(planted)
    fold = rng.integers(0, folds, len(pairs))
    wide = {name: np.pad(each, ((0, accounts), (0, 0))) for name, each in tastes.items()}
    ties, all_folds = np.concatenate([edges, pairs]), np.concatenate([tie_fold, fold])
    features: list[Float32] = []
    for held in range(folds):
        graph = social_adjacency(ties[all_folds != held], num_users + accounts, directed)
        table, terms = account_table(account_columns(graph, directed, wide) | wide, directed)
        features.append(pair_features(table, pairs[fold == held], terms))
    order = np.argsort(fold, kind="stable")
    label = np.repeat(np.repeat(np.arange(len(PLANTED)) + 1, GANGS), [len(each) for each in planted])
    return PlantedTies(np.concatenate(features), label[order], fold[order])


def account_table(columns: Columns, directed: bool) -> tuple[Float32, tuple[PairTerm, ...]]:
    """Return the account columns alone, side by side, and their pair terms."""
    chosen = {name: each for name, each in columns.items() if name in ACCOUNT_COLUMNS}
    return join(chosen), tuple(scalar_terms(spans(chosen), directed))


def account_features(at: dict[str, tuple[int, int]], terms: tuple[PairTerm, ...]) -> Int64:
    """Return which features of a full table's ``terms`` are account features, in the order of ``account_table``."""
    ours = {span for name, span in at.items() if name in ACCOUNT_COLUMNS}
    starts = np.cumsum([0, *(term.width for term in terms)])
    chosen = [
        start
        for start, term in zip(starts, terms, strict=False)
        if term.left in ours and term.operation in ("sum", "gap", "src", "dst")
    ]
    return np.array(chosen, np.int64)


def merged(ties: tuple[Layer, ...], accounts: tuple[Layer, ...], inputs: Int64) -> tuple[Layer, ...]:
    """Return one network that computes both: logits of ``ties`` (C), then of the kinds that ``accounts`` knows.

    ``accounts`` sees the features ``inputs`` only, and its classes are [observed, kinds]; each of its kinds comes out
    as observed + (kind - its own observed), so that log ratios to "observed" stay what they are.
    """
    both = len(ties) == len(accounts)
    if not both:
        raise ValueError("two networks can only be merged where they have as many layers")
    (first, bias), (other, other_bias) = ties[0], accounts[0]
    spread = np.zeros((len(other), first.shape[1]), np.float32)
    spread[:, inputs] = other
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

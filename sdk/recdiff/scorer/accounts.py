"""Fakes that come with accounts of their own: what such accounts look like, and a network that knows them.

A farm is a community of its own, so counts and eigenvectors take its edges for real. What gives it away is its
accounts: how much they and their friends use, and how little of it they share. The network therefore sees only that,
and only of the end that has less of it. It is not told where the ends lie in the graph: a farm planted to learn from
would otherwise be told from a farm that is there by its place. Nor is it told degrees, but for rings, which are planted
with degrees of all sizes, and then only how much less an account uses than others of its degree.

Columns, of the unweighted graph without directions:
    items         log number of items
    lack          log number of items, less its mean over users of like degree
    quiet         mean over the friends of their log number of items
    agree         own taste . mean taste of the friends
A data set without interactions has none of them, and no such fakes are looked for there.

Letters: U users, A planted accounts, P planted edges, K folds, N features, C classes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
import torch
from torch import Tensor

from recdiff.arrays import Float32, Half, Int64, Mask, Positions
from recdiff.config.scorer import ClassifierConfig, ScorerConfig
from recdiff.fakes.drawing import Graph
from recdiff.fakes.injection import draw_from
from recdiff.fakes.kinds import planted
from recdiff.graph.adjacency import social_adjacency
from recdiff.graph.folded import FoldedGraph
from recdiff.graph.sparse import csr_tensor, enlarged, row_sums, times
from recdiff.scorer.pair_scorer import Layer, PairTerm, Span, pair_features
from recdiff.scorer.table import Columns, Tastes, join, spans

GANGS = 8
"""Groups of planted accounts per kind, each with targets of its own, lest a few targets stand for all."""
SCALES = 2
"""Groups of degrees per doubling in which users are compared."""
FEW_ITEMS = 3
"""What an account of an active farm uses at most; the others use nothing."""
IDLE, RING = "idle", "ring"
AUDIENCES: tuple[tuple[tuple[str, ...], tuple[str, ...]], ...] = (
    ((IDLE,), ("items",)),
    (("farm", "active-farm", "camouflage"), ("items", "quiet", "agree")),
    ((RING,), ("items", "lack", "quiet", "agree")),
)
"""Which kinds a network over accounts tells, and by which columns. Whether an account uses anything is asked alone:
what else is known of idle accounts depends on whom they know."""
USING_NOTHING = ("farm", "camouflage")
"""Kinds whose accounts are idle, so that the share of idle accounts holds theirs."""
USING_LITTLE = ("active-farm", RING)
"""Kinds whose accounts use a thing or two."""
_DRAWN_AS = {"farm": "farm", "active-farm": "farm", "camouflage": "camouflage", RING: RING}
ACCOUNT_COLUMNS = ("items", "lack", "quiet", "agree")


def network_for(kinds: Sequence[str], config: ScorerConfig) -> ClassifierConfig:
    """Return the settings of the network over accounts that tells ``kinds``, an entry of ``AUDIENCES``."""
    return config.rings if RING in kinds else config.accounts


def account_columns(graphs: Sequence[Tensor], tastes: Columns) -> Columns:
    """Return what the friends say of each account by their ``tastes``.

    Args:
        graphs: CSR (U, U) without weights and directions, whose sum is the social graph.
    """
    if not tastes:
        return {}
    degree = _sum([row_sums(each) for each in graphs])
    share = (1.0 / degree.clamp(min=1.0)).float()[:, None]
    said = torch.cat([tastes["taste"], tastes["items"]], dim=1)
    mean = _sum([times(each, said) for each in graphs]) * share
    agree = (tastes["taste"] * mean[:, :-1]).sum(dim=1)
    found = {
        "lack": _lack(tastes["items"][:, 0], degree),
        "quiet": _usual_where(degree == 0, mean[:, -1]),
        "agree": _usual_where(degree == 0, agree),
    }
    return {name: each.float()[:, None] for name, each in found.items()}


def _sum(parts: Sequence[Tensor]) -> Tensor:
    total, *others = parts
    for each in others:
        total = total + each
    return total


def _usual_where(friendless: Tensor, values: Tensor) -> Tensor:
    """Return ``values`` (U,) with what is usual where there are no friends to ask."""
    count = (~friendless).sum().clamp(min=1)
    usual = values.masked_fill(friendless, 0.0).double().sum() / count
    return torch.where(friendless, usual.to(values.dtype), values)


def _lack(items: Tensor, degree: Tensor) -> Tensor:
    """Return how many fewer items than others of their degree users use, (U,): log items less their mean there."""
    scale = (SCALES * torch.log2(degree + 1.0)).round().long()
    count, total = torch.bincount(scale), torch.bincount(scale, items.double())
    usual = (total + items.double().mean()) / (count + 1.0)
    return (items - usual.index_select(0, scale)).float()


@dataclass(frozen=True, eq=False)
class PlantedEdges:
    """Edges of planted accounts and what the network sees of them.

    Attributes:
        features: (P, N) account features, each out of the edge's fold.
        label: (P,), 1 + the place in ``kinds``.
        fold: (P,).
        kinds: what was planted.
    """

    features: Float32
    label: Int64
    fold: Int64
    kinds: tuple[str, ...]

    @classmethod
    def none(cls) -> PlantedEdges:
        """Return what is planted where there are no interactions to tell accounts by."""
        return cls(np.empty((0, 0), np.float32), np.empty(0, np.int64), np.empty(0, np.int64), ())


def plant(
    graph: Graph,
    in_folds: FoldedGraph,
    observed: tuple[Int64, Positions],
    train: sp.csr_matrix,
    tastes: Tastes,
    *,
    count: int,
    rng: np.random.Generator,
) -> PlantedEdges:
    """Plant about ``count`` edges of each planted kind beside those of ``graph``, in ``GANGS`` groups, described.

    An idle account's edges are planted where observed ones are: they differ in nothing but what the account uses.

    Args:
        observed: the edges (E, 2) and their folds (E,).
    """
    num_users = graph.num_users
    pairs, label, active = _gangs(graph, count, rng)
    size = num_users + len(active)
    folds = int(observed[1].max()) + 1
    fold = rng.integers(0, folds, len(pairs))
    borrowed = rng.choice(len(observed[0]), min(count, len(observed[0])), replace=False)
    theirs = tastes.describe(_few_items(train, active, rng))
    wide = {name: torch.cat([each, theirs[name]]) for name, each in tastes.columns.items()}
    features, labels = [], []
    for held in range(folds):
        beside = csr_tensor(social_adjacency(pairs[fold != held], size, False), tastes.directions.device)
        known = account_columns([enlarged(in_folds.without(held).both, size), beside], wide)
        table, terms = account_table(known | wide)
        near = borrowed[observed[1][borrowed] == held]
        idle = _idle(pair_features(table, observed[0][near], terms))
        features.append(np.concatenate([idle, pair_features(table, pairs[fold == held], terms)]))
        labels.append(np.concatenate([np.full(len(idle), 1 + planted().index(IDLE)), label[fold == held]]))
    held_out = np.repeat(np.arange(folds), [len(each) for each in labels])
    return PlantedEdges(np.concatenate(features), np.concatenate(labels), held_out, planted())


def _gangs(graph: Graph, count: int, rng: np.random.Generator) -> tuple[Int64, Int64, Mask]:
    """Return the edges of planted accounts (P, 2), their class (P,) and which accounts (A,) use something."""
    parts, labels, active = [], [], np.empty(0, bool)
    for kind in (each for each in _DRAWN_AS for _ in range(GANGS)):
        pairs, fresh = draw_from(graph, _DRAWN_AS[kind], -(-count // GANGS), rng)
        parts.append(np.where(pairs >= graph.num_users, pairs + len(active), pairs))
        labels.append(np.full(len(pairs), 1 + planted().index(kind)))
        active = np.append(active, np.full(fresh, kind in USING_LITTLE))
    return np.concatenate(parts), np.concatenate(labels), active


def _idle(features: Float32) -> Float32:
    """Return account features (B, N) as they are where one end uses nothing: no items, so no taste to agree with."""
    items, agree = (ACCOUNT_COLUMNS.index(name) for name in ("items", "agree"))
    features[:, items] = 0.0
    features[:, agree] = np.minimum(features[:, agree], 0.0)
    return features


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
    return join(chosen).cpu().numpy(), account_terms(spans(chosen))


def account_terms(at: Mapping[str, Span], names: Sequence[str] = ACCOUNT_COLUMNS) -> tuple[PairTerm, ...]:
    """Return the pair features of the account columns ``names``."""
    return tuple(PairTerm("low", at[name], at[name]) for name in names if name in at)


def merged(edges: tuple[Layer, ...], accounts: tuple[Layer, ...], columns: Int64) -> tuple[Layer, ...]:
    """Return one network that computes both: logits of ``edges`` (C), then of the kinds that ``accounts`` knows.

    ``accounts`` sees the feature ``columns`` only, and its classes are [observed, kinds]; each of its kinds comes out
    as observed + (kind - its own observed), so that log ratios to "observed" stay what they are.
    """
    if len(edges) == 1:
        edges = deepened(edges[0], len(accounts))
    if len(edges) != len(accounts):
        raise ValueError("two networks can only be merged where they have as many layers")
    spread = np.zeros((len(accounts[0][0]), edges[0][0].shape[1]), np.float32)
    spread[:, columns] = accounts[0][0]
    layers = list(zip(edges, ((spread, accounts[0][1]), *accounts[1:]), strict=True))
    joined = [_beside(*pair, shared=place == 0) for place, pair in enumerate(layers[:-1])]
    (a, a_bias), (b, b_bias) = layers[-1]
    known, added = np.repeat(a[:1], len(b) - 1, axis=0), b[1:] - b[:1]
    bias = np.concatenate([a_bias, a_bias[0] + b_bias[1:] - b_bias[0]])
    whole = np.concatenate([a, known]), np.concatenate([np.zeros((len(a), b.shape[1]), np.float32), added])
    return (*joined, (np.concatenate(whole, axis=1), bias))


def deepened(layer: Layer, depth: int) -> tuple[Layer, ...]:
    """Return ``depth`` layers with SiLU between them that compute what the linear ``layer`` does.

    SiLU(x) - SiLU(-x) = x, so two hidden units an output carry it through unchanged.
    """
    weight, bias = layer
    if depth == 1:
        return (layer,)
    one = np.eye(len(weight), dtype=np.float32)
    none = np.zeros(2 * len(weight), np.float32)
    both = np.concatenate([one, -one])
    carried = np.concatenate([both, -both], axis=1), none
    first = np.concatenate([weight, -weight]), np.concatenate([bias, -bias])
    return (first, *[carried] * (depth - 2), (np.concatenate([one, -one], axis=1), none[: len(weight)]))


def _beside(first: Layer, second: Layer, *, shared: bool) -> Layer:
    """Return the layer that computes two: of the same inputs where they are ``shared``, else each of its own."""
    (a, a_bias), (b, b_bias) = first, second
    if shared:
        return np.concatenate([a, b]), np.concatenate([a_bias, b_bias])
    joined = np.zeros((len(a) + len(b), a.shape[1] + b.shape[1]), np.float32)
    joined[: len(a), : a.shape[1]], joined[len(a) :, a.shape[1] :] = a, b
    return joined, np.concatenate([a_bias, b_bias])

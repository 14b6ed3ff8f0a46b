"""Networks over pairs and accounts, each trained on the folds that it does not score.

Letters: E edges, L pairs learned from, P planted edges, N pair features, C classes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from recdiff.arrays import Float32, Float64, Int64, Mask
from recdiff.config.scorer import ClassifierConfig
from recdiff.learning.lesson import Lesson, learn_all
from recdiff.scorer.accounts import ACCOUNT_COLUMNS, AUDIENCES, merged, network_for
from recdiff.scorer.features import in_blocks, logits_of, rows_of, standardised
from recdiff.scorer.pair_scorer import Layer
from recdiff.scorer.round import HALVES, Round, each_edge
from recdiff.scorer.setup import Setup

Network = tuple[Layer, ...]


@dataclass(frozen=True, eq=False)
class Task:
    """What networks are to tell apart.

    Attributes:
        label: (L,) class of each pair learned from, 0 for observed edges.
        weight: (L,) of each; classes count alike in sum.
    """

    label: Int64
    weight: Float32


def half_networks(
    setup: Setup, made: Round, task: Task, *, whole: bool = False, accounts: bool = True
) -> list[Network]:
    """Return a network per half of the folds, trained on the other half.

    Args:
        whole: and, last, one trained on all. accounts: whether they tell planted accounts too, where there are any.
    """
    planted = setup.planted
    chosen = [(setup.fold % HALVES != half, planted.fold % HALVES != half) for half in range(HALVES)]
    if whole:
        chosen.append((np.ones(len(setup.learn), bool), np.ones(len(planted.label), bool)))
    lessons = [_lessons(setup, made, task, pairs, theirs if accounts else None) for pairs, theirs in chosen]
    learned = iter(learn_all([each for several in lessons for each in several], setup.hands))
    return [_merged(made, [next(learned) for _ in several]) for several in lessons]


def _merged(made: Round, networks: list[Network]) -> Network:
    """Return the network over pairs and those over accounts as one."""
    whole, *further = networks
    for network, (_, columns) in zip(further, AUDIENCES, strict=False):
        whole = merged(whole, network, made.account_places(columns))
    return whole


def _lessons(setup: Setup, made: Round, task: Task, pairs: Mask, accounts: Mask | None) -> list[Lesson]:
    """Return the lessons over pairs and, where there are any, over accounts, on what was chosen."""
    for_pairs = setup.config.network_for(setup.pool.observed)
    rows, planted = np.flatnonzero(pairs), setup.planted
    # Of all classes, also where a half has none of one: both halves answer alike.
    classes = int(task.label.max()) + 1
    chosen = made.inputs.index_select(0, rows_of(rows, setup.device))
    found = [_lesson(setup, chosen, task.label[rows], task.weight[rows], classes=classes, config=for_pairs)]
    observed = rows[task.label[rows] == 0]
    if accounts is None:
        return found
    for kinds, columns in AUDIENCES if planted.kinds else ():
        first = planted.kinds.index(kinds[0])
        told = np.flatnonzero(accounts & (planted.label > first) & (planted.label <= first + len(kinds)))
        places = rows_of(made.account_places(columns), setup.device)
        theirs = made.inputs.index_select(0, rows_of(observed, setup.device)).index_select(1, places)
        label = planted.label[told] - first
        weight = np.concatenate([task.weight[observed], np.ones(len(told), np.float32)])
        labels = np.concatenate([np.zeros(len(observed), np.int64), label])
        several, classes = torch.cat([theirs, _planted(setup, made, told, columns)]), len(kinds) + 1
        settings = network_for(kinds, setup.config)
        found.append(_lesson(setup, several, labels, weight, classes=classes, config=settings))
    return found


def _lesson(
    setup: Setup, inputs: Tensor, label: Int64, weight: Float32, *, classes: int, config: ClassifierConfig
) -> Lesson:
    """Return a lesson on ``inputs`` (B, N) with rows weighted by ``weight`` (B,), all classes equally heavy in sum."""
    total = np.bincount(label, weights=weight, minlength=classes)
    even = (weight / np.maximum(total, 1e-9)[label]).astype(np.float32)
    return Lesson.of(inputs, label, even, classes=classes, config=config, generator=setup.generator)


def _planted(setup: Setup, made: Round, rows: Int64, columns: Sequence[str]) -> Tensor:
    """Return the standardised account features (B, n) of the planted edges ``rows`` (B,) by ``columns``."""
    places = made.account_places(columns)
    chosen = np.array([ACCOUNT_COLUMNS.index(name) for name in columns])
    features = torch.as_tensor(setup.planted.features[np.ix_(rows, chosen)]).to(setup.device)
    return standardised(features, made.mean[places], made.scale[places])


def pair_ratios(setup: Setup, made: Round, networks: list[Network]) -> Float64:
    """Return log p_k / p_0 (L, K) of the pairs learned from, each by the network that did not train on its fold."""
    return _log_ratio(_half_logits(networks, made.inputs, rows_of(setup.fold, setup.device))).cpu().numpy()


def planted_ratios(setup: Setup, made: Round, networks: list[Network]) -> Float64:
    """Return log p_k / p_0 (P, K) of the planted edges; of kinds that accounts do not tell, for a usual pair."""
    inputs = torch.zeros((len(setup.planted.label), len(made.mean)), device=setup.device)
    everyone = np.arange(len(inputs))
    places = rows_of(made.account_places(), setup.device)
    inputs.index_copy_(1, places, _planted(setup, made, everyone, ACCOUNT_COLUMNS))
    return _log_ratio(_half_logits(networks, inputs, rows_of(setup.planted.fold, setup.device))).cpu().numpy()


def edge_logits(setup: Setup, made: Round, networks: list[Network], take: Callable[[Tensor, Tensor], None]) -> None:
    """Hand the rows (B,) of edges and their logits (B, C), each out of its fold, to ``take``: all edges, in blocks."""
    each_edge(
        setup, made, made.terms, lambda held, rows, inputs: take(rows, logits_of(networks[held % HALVES], inputs))
    )


def edge_chance(setup: Setup, made: Round, networks: list[Network], shares: Float64) -> Tensor:
    """Return how likely each edge (E,), out of its fold, is of one of the kinds whose ``shares`` (K,) are given."""
    share = torch.as_tensor(shares).to(setup.device)
    found = torch.empty(setup.pool.observed, dtype=torch.float64, device=setup.device)

    def take(rows: Tensor, z: Tensor) -> None:
        found.index_copy_(0, rows, _log_ratio(z).exp() @ share)

    edge_logits(setup, made, networks, take)
    return found


def _half_logits(networks: list[Network], inputs: Tensor, fold: Tensor) -> Tensor:
    """Return logits (B, C) of standardised inputs, each from the network that did not train on its fold."""
    z = torch.empty((len(inputs), len(networks[0][-1][1])), device=inputs.device)
    for half, layers in enumerate(networks[:HALVES]):

        def fill(rows: Tensor, layers: Network = layers) -> None:
            z.index_copy_(0, rows, logits_of(layers, inputs.index_select(0, rows)))

        in_blocks((fold % HALVES == half).nonzero().squeeze(1), fill)
    return z


def _log_ratio(z: Tensor) -> Tensor:
    """Return log p_k / p_0 (B, K) in float64 from logits (B, C) trained with classes equally heavy."""
    return (z[:, 1:] - z[:, :1]).double()

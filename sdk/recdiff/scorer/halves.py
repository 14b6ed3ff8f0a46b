"""Networks over pairs and accounts, each trained on the folds that it does not score.

Letters: E edges, L pairs learned from, P planted edges, N pair features, C classes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from recdiff.arrays import Float32, Float64, Int64, Mask
from recdiff.config.scorer import ClassifierConfig
from recdiff.machine.threads import side_by_side
from recdiff.scorer.accounts import ACCOUNT_COLUMNS, AUDIENCES, merged
from recdiff.scorer.networks import Lesson, learn
from recdiff.scorer.pair_scorer import Layer, forward
from recdiff.scorer.round import FEATURE_BLOCK, HALVES, Round, fold_features, standardised
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


def half_networks(setup: Setup, made: Round, task: Task, *, whole: bool = False) -> list[Network]:
    """Return a network per half of the folds, trained on the other half; ``whole``: and, last, one trained on all."""
    planted = setup.planted
    chosen = [(setup.fold % HALVES != half, planted.fold % HALVES != half) for half in range(HALVES)]
    if whole:
        chosen.append((np.ones(len(setup.learn), bool), np.ones(len(planted.label), bool)))
    lessons = [_lessons(setup, made, task, pairs, accounts) for pairs, accounts in chosen]
    learned = iter(side_by_side(learn, [each for several in lessons for each in several]))
    return [_merged(made, [next(learned) for _ in several]) for several in lessons]


def _merged(made: Round, networks: list[Network]) -> Network:
    """Return the network over pairs and those over accounts as one."""
    whole, *further = networks
    for network, (_, columns) in zip(further, AUDIENCES, strict=False):
        whole = merged(whole, network, made.account_places(columns))
    return whole


def _lessons(setup: Setup, made: Round, task: Task, pairs: Mask, accounts: Mask) -> list[Lesson]:
    """Return the lessons over pairs and, where there are any, over accounts, on what was chosen."""
    for_pairs, for_accounts = setup.config.networks_for(setup.pool.observed)
    rows, planted = np.flatnonzero(pairs), setup.planted
    # Of all classes, also where a half has none of one: both halves answer alike.
    classes = int(task.label.max()) + 1
    found = [_lesson(setup, made.inputs[rows], task.label[rows], task.weight[rows], classes=classes, config=for_pairs)]
    observed = rows[task.label[rows] == 0]
    for kinds, columns in AUDIENCES if planted.kinds else ():
        first = planted.kinds.index(kinds[0])
        told = np.flatnonzero(accounts & (planted.label > first) & (planted.label <= first + len(kinds)))
        inputs = [made.inputs[np.ix_(observed, made.account_places(columns))], _planted(setup, made, told, columns)]
        label = planted.label[told] - first
        weight = np.concatenate([task.weight[observed], np.ones(len(told), np.float32)])
        labels = np.concatenate([np.zeros(len(observed), np.int64), label])
        several, classes = np.concatenate(inputs), len(kinds) + 1
        found.append(_lesson(setup, several, labels, weight, classes=classes, config=for_accounts))
    return found


def _lesson(
    setup: Setup, inputs: Float32, label: Int64, weight: Float32, *, classes: int, config: ClassifierConfig
) -> Lesson:
    """Return a lesson on ``inputs`` (B, N) with rows weighted by ``weight`` (B,), all classes equally heavy in sum."""
    total = np.bincount(label, weights=weight, minlength=classes)
    even = (weight / np.maximum(total, 1e-9)[label]).astype(np.float32)
    return Lesson.of(inputs, label, even, classes=classes, config=config, generator=setup.generator)


def _planted(setup: Setup, made: Round, rows: Int64, columns: Sequence[str]) -> Float32:
    """Return the standardised account features (B, n) of the planted edges ``rows`` (B,) by ``columns``."""
    places = made.account_places(columns)
    chosen = np.array([ACCOUNT_COLUMNS.index(name) for name in columns])
    features = setup.planted.features[np.ix_(rows, chosen)]
    return standardised(features, made.mean[places], made.scale[places])


def pair_ratios(setup: Setup, made: Round, networks: list[Network]) -> Float64:
    """Return log p_k / p_0 (L, K) of the pairs learned from, each by the network that did not train on its fold."""
    return _log_ratio(_half_logits(networks, made.inputs, setup.fold))


def planted_ratios(setup: Setup, made: Round, networks: list[Network]) -> Float64:
    """Return log p_k / p_0 (P, K) of the planted edges; of kinds that accounts do not tell, for a usual pair."""
    inputs = np.zeros((len(setup.planted.label), len(made.mean)), np.float32)
    everyone = np.arange(len(inputs))
    inputs[:, made.account_places()] = _planted(setup, made, everyone, ACCOUNT_COLUMNS)
    return _log_ratio(_half_logits(networks, inputs, setup.planted.fold))


def edge_logits(setup: Setup, made: Round, networks: list[Network]) -> Float32:
    """Return logits (E, C) of all edges, each out of its fold."""
    pool, edges = setup.pool, setup.graph.edges
    z = np.empty((pool.observed, len(networks[0][-1][1])), np.float32)

    def fill(rows: Int64) -> None:
        features = fold_features(made.encodings.tables, edges[rows], pool.fold[rows], made.terms)
        inputs = standardised(features, made.mean, made.scale)
        z[rows] = _half_logits(networks, inputs, pool.fold[rows])

    side_by_side(fill, np.array_split(np.arange(pool.observed), pool.observed // FEATURE_BLOCK + 1))
    return z


def edge_ratios(setup: Setup, made: Round, networks: list[Network]) -> Float64:
    """Return log p_k / p_0 (E, K) of all edges, each out of its fold."""
    return _log_ratio(edge_logits(setup, made, networks))


def _half_logits(networks: list[Network], inputs: Float32, fold: Int64) -> Float32:
    """Return logits (B, C) of standardised inputs, each from the network that did not train on its fold."""
    z = np.empty((len(inputs), len(networks[0][-1][1])), np.float32)
    for half, layers in enumerate(networks[:HALVES]):
        rows = np.flatnonzero(fold % HALVES == half)
        for block in np.array_split(rows, len(rows) // FEATURE_BLOCK + 1):
            z[block] = forward(layers, inputs[block, : layers[0][0].shape[1]])
    return z


def _log_ratio(z: Float32) -> Float64:
    """Return log p_k / p_0 (B, K) from logits (B, C) trained with classes equally heavy."""
    return np.asarray(z[:, 1:] - z[:, :1], np.float64)

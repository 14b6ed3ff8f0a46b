"""Fit the pair scorer on a social graph alone, blind to which ties are fakes, of which kind, and how many.

1. Sample non-ties of several kinds, and put them and the observed ties into K folds (``fakepool``).
2. Encode the graph K times, each time without one fold, and once whole (``usertable``).
3. Train the conditional denoiser on the ends of ties; it gives evidence columns (``evidence``). With many ties only the
   last time, as what is known by then is for the weights alone.
4. Train a network to tell observed ties from each kind, on the other folds than it scores (``classifier``).
5. Read the shares of the kinds from its density ratios (``shares``).
6. Weigh every tie by the chance that it is real and repeat 2 to 5 on the weighted graph, where fakes were found.
7. Train the final network with observed ties weighted by the chance that they are real: its posterior is the score.

Letters: U users, E ties, F table columns, K folds, C classes.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np
import scipy.sparse as sp
import torch
from numpy.typing import NDArray

from recdiff.accounts import merged
from recdiff.calibration import intercept_for_share
from recdiff.classifier import Lesson, learn
from recdiff.denoiser import FoldedDenoiser
from recdiff.errors import DataError
from recdiff.evidence import denoise, folded
from recdiff.fakepool import DRAWN, trusted_two_hops
from recdiff.pairs import Layer, PairScorer, log_odds, posterior
from recdiff.progress import Report, silent
from recdiff.rounds import (
    CLASSES,
    CLIP,
    HALVES,
    Round,
    Task,
    fold_features,
    half_logits,
    lesson,
    log_ratio,
    make_round,
    make_task,
    standardised,
    tie_logits,
    with_evidence,
)
from recdiff.scorer_config import ScorerConfig
from recdiff.shares import estimate_shares, joint_shares
from recdiff.side_by_side import side_by_side

__all__ = ["Scorer", "ScorerConfig", "fit_scorer"]

Float32 = NDArray[np.float32]
Half = NDArray[np.float16]
Float64 = NDArray[np.float64]
Int64 = NDArray[np.int64]
Mask = NDArray[np.bool_]
# What the network over ties is trained on, and, where there are planted ties, the one over accounts.
Both = tuple[Lesson, ...]

KNOWN = "known"
"""The kind of the fakes that labels name."""
FEWEST_TIES = 50
PART = 1 << 18
"""Pairs that one thread scores at a time."""
SMALLEST_SHARE = 1e-3
"""Share of fakes that the posterior assumes though none were found, so that a blatant fake still shows."""
LEAST_OF_FAKES = 0.01
"""Share of the fakes that each kind keeps in the posterior."""
LEAST_WITH_ACCOUNTS = 0.01
"""Share of the ties below which a kind with accounts counts as not found: what graphs without any read."""
BESIDE_THE_LARGEST = 0.5
"""A kind with accounts counts beside the largest one where its share is at least this part of that one's."""
SMALLEST_WEIGHT = 0.02
TRUSTED = (0.5, 0.75)
"""Shares of the ties, the least suspicious, along which two-hop pairs are drawn as variants."""


@dataclass(frozen=True, eq=False)
class Scorer:
    """A fitted scorer.

    Attributes:
        pair: what turns two rows of ``table`` into a fake score.
        table: (U, F), from the whole graph; for ties that were not part of it.
        columns: where each named column lies in ``table``.
        kinds: names of the K kinds.
        edge_scores: (E,), fake_score of the fitted ties, each from an encoding that did not see it.
        edge_kinds: (E, K), its parts by kind.
        edge_log_odds: (E,), the log odds behind ``edge_scores``, before calibration.
        shares: estimated share of each kind among the ties, by name.
        movement: (U,), how far denoising moves each user (root mean square); empty without a denoiser.
        denoised: (U, D) denoised latent rows and latent: (U, D) the rows themselves; empty without a denoiser.
        denoiser: what turns ``latent`` into ``denoised``, or None.
    """

    pair: PairScorer
    table: Half
    columns: dict[str, tuple[int, int]]
    kinds: tuple[str, ...]
    edge_scores: Float32
    edge_kinds: Float32
    edge_log_odds: Float64
    shares: dict[str, float]
    movement: Float32
    latent: Float32
    denoised: Float32
    denoiser: FoldedDenoiser | None

    @property
    def fake_share(self) -> float:
        """Estimated share of fakes among the fitted ties."""
        return float(sum(self.shares.values()))

    def score(self, pairs: Int64) -> tuple[Float32, Float32]:
        """Return fake_score (B,) and kinds (B, K) of new pairs (B, 2) of user positions."""
        parts = np.array_split(pairs, len(pairs) // PART + 1)
        fake, kinds = zip(*side_by_side(lambda part: self.pair.score(self.table, part), parts), strict=True)
        return np.concatenate(fake), np.concatenate(kinds)


def fit_scorer(
    edges: Int64,
    num_users: int,
    train: sp.csr_matrix | None,
    directed: bool,
    config: ScorerConfig,
    seed: int,
    report: Report = silent,
    known: Int64 | None = None,
    device: torch.device | str = "cpu",
) -> Scorer:
    """Fit on the ties ``edges`` (E, 2) and the interactions ``train`` (U, I), or None.

    Args:
        seed: of every draw; the same seed gives the same scores.
        known: (E,) 1 for ties known to be fake, 0 for ties known to be real, -1 for all others, or None. Known fakes
            are a kind of their own, which the final networks learn beside the sampled ones.
        report: told of every encoding and round.
        device: where eigenvectors are found, and the denoiser is trained and used; pairs are told apart on the
            processor.

    Raises:
        DataError: where there are too few ties to learn from.
    """
    if len(edges) < max(FEWEST_TIES, config.folds or 0):
        raise DataError(
            f"{len(edges)} social ties are too few to learn what a fake looks like: at least {FEWEST_TIES} are needed"
        )
    task = make_task(edges, num_users, train, directed, config, seed, report, device)
    weight = np.ones(len(edges), np.float32)
    eigenvectors: list[Half] | None = None
    for turn in range(config.rounds):
        evidence = turn + 1 == config.rounds or not config.continued_for(len(edges))
        made = make_round(task, weight, eigenvectors, evidence=evidence)
        even = np.ones(len(task.learn), np.float32)
        halves = _networks(_half_lessons(task, made, task.label, even))
        ratio = log_ratio(half_logits(halves, made.inputs, task.fold))
        if turn == 0:
            shares = _shares(task, made, halves, ratio)
        task.steps.one()
        if turn + 1 == config.rounds or shares.sum() < config.worthwhile:
            break
        chance = np.exp(log_ratio(tie_logits(task, made, halves))) @ shares
        weight = np.maximum(1.0 - chance, SMALLEST_WEIGHT).astype(np.float32)
        if config.continued_for(len(edges)):
            eigenvectors = made.eigenvectors
        made.tables.clear()  # before the next ones are made
    if not evidence:
        made = with_evidence(task, made)
    real = np.clip(1.0 - np.exp(ratio) @ shares, SMALLEST_SHARE, 1.0)
    extra = np.where(task.label > 0, 1.0, real).astype(np.float32)
    if known is None:
        return _finish(task, made, task.label, extra, shares, DRAWN + task.planted.kinds)
    observed = task.label == 0
    told = np.full(len(task.learn), -1)
    told[observed] = known[task.learn[observed]]
    label = np.where(told == 1, CLASSES, task.label)
    extra[told >= 0] = 1.0
    share = float(known[known >= 0].mean())
    shares = np.insert(shares, len(DRAWN), share) / max(1.0, float(shares.sum() + share))
    return _finish(task, made, label, extra, shares, (*DRAWN, KNOWN, *task.planted.kinds))


def _prior(shares: Float64) -> Float64:
    """Return the classes' prior (C,): no kind falls below a hundredth of the fakes, lest one that was missed hide."""
    total = float(np.clip(shares.sum(), SMALLEST_SHARE, 1.0 - SMALLEST_SHARE))
    kinds = np.maximum(shares, LEAST_OF_FAKES * total)
    return np.concatenate([[1.0 - total], kinds * total / kinds.sum()])


def _half_lessons(task: Task, made: Round, label: Int64, extra: Float32) -> list[Both]:
    """Return per half of the folds what the networks are trained on: the other half."""
    return [
        _lessons(task, made, label, extra, (task.fold % HALVES != half, task.planted.fold % HALVES != half))
        for half in range(HALVES)
    ]


def _lessons(task: Task, made: Round, label: Int64, extra: Float32, chosen: tuple[Mask, Mask]) -> Both:
    """Return the lessons over ties and accounts on the ``chosen`` pairs and planted ties."""
    planted, rows = task.planted, np.flatnonzero(chosen[0])
    ties = lesson(task, made.inputs[rows], label[rows], extra[rows], task.config.classifier)
    if not planted.kinds:
        return (ties,)
    observed = rows[label[rows] == 0]
    told = _planted_inputs(task, made)[chosen[1]]
    inputs = np.concatenate([made.inputs[observed], told])[:, -planted.features.shape[1] :]
    classes = np.concatenate([np.zeros(len(observed), np.int64), planted.label[chosen[1]]])
    weights = np.concatenate([extra[observed], np.ones(len(told), np.float32)])
    return ties, lesson(task, inputs, classes, weights, task.config.accounts)


def _networks(lessons: list[Both]) -> list[tuple[Layer, ...]]:
    """Return the merged networks over ties and accounts, all learned side by side."""
    learned = iter(side_by_side(learn, [each for both in lessons for each in both]))
    return [merged(next(learned), next(learned)) if len(both) > 1 else next(learned) for both in lessons]


def _planted_inputs(task: Task, made: Round) -> Float32:
    """Return standardised features (P, N) of the planted ties; zero, the mean, where the accounts' network is blind."""
    planted = task.planted
    width = planted.features.shape[1]
    inputs = np.zeros((len(planted.label), len(made.mean)), np.float32)
    inputs[:, -width:] = standardised(planted.features, made.mean[-width:], made.scale[-width:])
    return inputs


def _shares(task: Task, made: Round, halves: list[tuple[Layer, ...]], ratio: Float64) -> Float64:
    """Return the share of each kind (K,), from encodings that know nothing of earlier scores."""
    planted, ties = task.planted, _tie_shares(task, made, ratio[:, : len(DRAWN)])
    if not planted.kinds:
        return ties / max(1.0, float(ties.sum()))
    # The pairs sampled as other kinds take out of the observed ties what is known to be of those kinds.
    found = np.flatnonzero(np.append([True], ties > 0.0)[task.label])
    count = np.bincount(task.label, minlength=CLASSES)
    weight = np.append([1.0], -ties * count[0] / count[1:])[task.label[found]]
    by_account = log_ratio(half_logits(halves, _planted_inputs(task, made), planted.fold))[:, len(DRAWN) :]
    accounts = joint_shares(
        np.concatenate([ratio[found][:, len(DRAWN) :], by_account]),
        np.concatenate([np.zeros(len(found), np.int64), planted.label]),
        task.config.account_shares,
        weight,
    )
    accounts[accounts < max(LEAST_WITH_ACCOUNTS, BESIDE_THE_LARGEST * accounts.max())] = 0.0
    return np.concatenate([ties, accounts]) / max(1.0, float(ties.sum() + accounts.sum()))


def _tie_shares(task: Task, made: Round, ratio: Float64) -> Float64:
    """Return the shares of the kinds without accounts.

    Where two-hop fakes show, their amount is read again with two-hop pairs along trusted ties as a variant.
    """
    config, label = task.config, task.label
    shares = estimate_shares(ratio, label, len(DRAWN), config.shares)
    if shares[-1] == 0.0:
        return shares
    inputs, labels, folds = [made.inputs], [label], [task.fold]
    for variant, pairs in enumerate(_trusted_pairs(task, ratio)):
        fold = task.pool.fold[np.arange(len(pairs)) % len(task.edges)]
        features = fold_features(made.tables, pairs, fold, made.terms)
        inputs.append(standardised(features, made.mean, made.scale))
        labels.append(np.full(len(pairs), CLASSES + variant))
        folds.append(fold)
    x, y, all_folds = np.concatenate(inputs), np.concatenate(labels), np.concatenate(folds)
    lessons = []
    for half in range(HALVES):
        rows = np.flatnonzero(all_folds % HALVES != half)
        lessons.append(lesson(task, x[rows], y[rows], np.ones(len(rows), np.float32), config.classifier))
    halves = side_by_side(learn, lessons)
    wide = estimate_shares(log_ratio(half_logits(halves, x, all_folds)), y, len(DRAWN), config.shares)
    return np.concatenate([wide[: len(DRAWN) - 1], [wide[len(DRAWN) - 1 :].sum()]])


def _trusted_pairs(task: Task, ratio: Float64) -> list[Int64]:
    """Return two-hop non-ties along the least suspicious ties, for each share in ``TRUSTED``."""
    observed = task.label == 0
    suspicion = np.logaddexp.reduce(ratio[observed], axis=1)
    rng = np.random.default_rng(task.spectral_seed + 1)
    count = int((task.label == len(DRAWN)).sum())
    drawn = []
    for share in TRUSTED:
        trusted = np.ones(len(task.edges), bool)
        trusted[task.learn[observed]] = suspicion <= np.quantile(suspicion, share)
        drawn.append(trusted_two_hops(task.edges, trusted, task.num_users, task.directed, count, rng))
    return drawn


def _finish(
    task: Task,
    made: Round,
    label: Int64,
    extra: Float32,
    shares: Float64,
    kind_names: tuple[str, ...],
) -> Scorer:
    """Train the final networks, observed ties weighted by the chance that they are real, and put all together."""
    evidence = task.config.evidence
    everyone = np.ones(len(task.learn), bool), np.ones(len(task.planted.label), bool)
    lessons = _half_lessons(task, made, label, extra)
    *halves, everything = _networks([*lessons, _lessons(task, made, label, extra, everyone)])
    prior = _prior(shares)
    offset = np.log(prior).astype(np.float32)
    z = tie_logits(task, made, halves) + offset
    parts = np.array_split(z, len(z) // PART + 1)
    odds = np.concatenate(side_by_side(log_odds, parts))
    calibration = (1.0, intercept_for_share(odds, float(np.clip(shares.sum(), SMALLEST_SHARE, 1 - SMALLEST_SHARE))))
    fake, kinds = zip(*side_by_side(partial(posterior, calibration=calibration), parts), strict=True)
    latent = made.latent
    clean = np.empty((0, 0), np.float32) if made.net is None else denoise(made.net, latent, evidence)
    task.steps.all()
    return Scorer(
        pair=PairScorer(made.terms, made.mean, made.scale, CLIP, everything, offset, calibration),
        table=made.tables[-1],
        columns=made.at,
        kinds=kind_names,
        edge_scores=np.concatenate(fake),
        edge_kinds=np.concatenate(kinds),
        edge_log_odds=odds,
        shares={kind: float(share) for kind, share in zip(kind_names, shares, strict=True)},
        latent=latent,
        denoised=clean,
        movement=np.sqrt(np.square(clean - latent).mean(axis=1)) if clean.size else np.empty(0, np.float32),
        denoiser=None if made.net is None else folded(made.net, evidence),
    )

"""Fit the pair scorer on a social graph alone, blind to which ties are fakes, of which kind, and how many.

1. Sample non-ties of several kinds, and put them and the observed ties into K folds (``fakepool``).
2. Encode the graph K times, each time without one fold, and once whole (``usertable``).
3. Train the conditional denoiser on the ends of ties; it gives evidence columns (``evidence``).
4. Train a network to tell observed ties from each kind, on the other folds than it scores (``classifier``).
5. Read the shares of the kinds from its density ratios (``shares``).
6. Weigh every tie by the chance that it is real and repeat 2 to 5 on the weighted graph, where fakes were found.
7. Train the final network with observed ties weighted by the chance that they are real: its posterior is the score.

Letters: U users, E ties, F table columns, K folds, C classes.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from recdiff.calibration import intercept_for_share
from recdiff.classifier import train_classifier
from recdiff.denoiser import FoldedDenoiser
from recdiff.errors import DataError
from recdiff.evidence import denoise, folded
from recdiff.fakepool import DRAWN, trusted_two_hops
from recdiff.pairs import PairScorer, log_odds, posterior
from recdiff.rounds import (
    CLASSES,
    CLIP,
    HALVES,
    Report,
    Round,
    Task,
    balanced_weights,
    fold_features,
    half_logits,
    log_ratio,
    make_round,
    make_task,
    tie_logits,
    train_halves,
    train_network,
)
from recdiff.scorer_config import ScorerConfig
from recdiff.shares import estimate_shares

__all__ = ["Scorer", "ScorerConfig", "fit_scorer"]

Float32 = NDArray[np.float32]
Float64 = NDArray[np.float64]
Int64 = NDArray[np.int64]

FEWEST_TIES = 50
SMALLEST_SHARE = 1e-3
"""Share that a kind keeps in the posterior though none of it was found, so that a blatant fake still shows."""
SMALLEST_WEIGHT = 0.02


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
    table: Float32
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
        return self.pair.score(self.table, pairs)


def fit_scorer(
    edges: Int64,
    num_users: int,
    train: sp.csr_matrix | None,
    directed: bool,
    config: ScorerConfig,
    seed: int,
    report: Report | None = None,
) -> Scorer:
    """Fit on the ties ``edges`` (E, 2) and the interactions ``train`` (U, I), or None.

    Args:
        seed: of every draw; the same seed gives the same scores.
        report: called with the step's name, epoch and loss.

    Raises:
        DataError: where there are too few ties to learn from.
    """
    if len(edges) < max(FEWEST_TIES, config.folds):
        raise DataError(
            f"{len(edges)} social ties are too few to learn what a fake looks like: at least {FEWEST_TIES} are needed"
        )
    task = make_task(edges, num_users, train, directed, config, seed, report)
    weight = np.ones(len(edges), np.float32)
    for turn in range(config.rounds):
        made = make_round(task, weight)
        halves = train_halves(task, made, np.ones(len(task.learn), np.float32), "tell kinds apart")
        ratio = log_ratio(half_logits(halves, made.inputs, task.fold))
        if turn == 0:
            shares = _shares(task, made, ratio)
        if turn + 1 == config.rounds or shares.sum() < config.worthwhile:
            break
        spread = log_ratio(tie_logits(task, made, halves))
        weight = np.maximum(1.0 - np.exp(spread) @ shares, SMALLEST_WEIGHT).astype(np.float32)
    real = np.clip(1.0 - np.exp(ratio) @ shares, SMALLEST_SHARE, 1.0)
    return _finish(task, made, np.where(task.label > 0, 1.0, real).astype(np.float32), shares)


def _shares(task: Task, made: Round, ratio: Float64) -> Float64:
    """Return the share of each kind (K,), from encodings that know nothing of earlier scores.

    Where two-hop fakes show, their amount is read again with two-hop pairs along trusted ties as a variant.
    """
    config, label = task.config, task.label
    shares = estimate_shares(ratio, label, len(DRAWN), config.shares)
    if shares[-1] == 0.0:
        return shares
    observed = ratio[label == 0]
    suspicion = np.logaddexp.reduce(observed, axis=1)
    learned = task.learn[label == 0]
    trusted = np.ones(len(task.edges), bool)
    trusted[learned] = suspicion <= np.median(suspicion)
    rng = np.random.default_rng(task.spectral_seed + 1)
    count = int((label == len(DRAWN)).sum())
    pairs = trusted_two_hops(task.edges, trusted, task.num_users, task.directed, count, rng)
    fold = rng.integers(0, config.folds, count)
    features = fold_features(made.tables, pairs, fold, made.terms)
    more = np.clip((features - made.mean) / made.scale, -CLIP, CLIP)
    inputs, folds = np.concatenate([made.inputs, more]), np.concatenate([task.fold, fold])
    labels = np.concatenate([label, np.full(count, CLASSES)])
    weights = (1.0 / np.bincount(labels)[labels]).astype(np.float32)
    halves = []
    for half in range(HALVES):
        rows = np.flatnonzero(folds % HALVES != half)
        step = task.told("tell two-hops apart")
        halves.append(
            train_classifier(
                inputs[rows], labels[rows], weights[rows], CLASSES + 1, config.classifier, task.generator, step
            )
        )
    wide = estimate_shares(log_ratio(half_logits(halves, inputs, folds)), labels, len(DRAWN), config.shares)
    return np.concatenate([wide[: len(DRAWN) - 1], [wide[len(DRAWN) - 1 :].sum()]])


def _finish(task: Task, made: Round, extra: Float32, shares: Float64) -> Scorer:
    """Train the final networks, observed ties weighted by the chance that they are real, and put all together."""
    evidence = task.config.evidence
    halves = train_halves(task, made, extra, "score")
    everything = train_network(task, made, np.arange(len(task.learn)), balanced_weights(task, extra), "score")
    prior = np.maximum(np.concatenate([[1.0 - shares.sum()], shares]), SMALLEST_SHARE)
    offset = np.log(prior).astype(np.float32)
    z = tie_logits(task, made, halves) + offset
    odds = log_odds(z)
    calibration = (1.0, intercept_for_share(odds, float(np.clip(shares.sum(), SMALLEST_SHARE, 1 - SMALLEST_SHARE))))
    fake, kinds = posterior(z, calibration)
    latent = made.latent
    clean = np.empty((0, 0), np.float32) if made.net is None else denoise(made.net, latent, evidence)
    return Scorer(
        pair=PairScorer(made.terms, made.mean, made.scale, CLIP, everything, offset, calibration),
        table=made.tables[-1],
        columns=made.at,
        kinds=DRAWN,
        edge_scores=fake,
        edge_kinds=kinds,
        edge_log_odds=odds,
        shares={kind: float(share) for kind, share in zip(DRAWN, shares, strict=True)},
        latent=latent,
        denoised=clean,
        movement=np.sqrt(np.square(clean - latent).mean(axis=1)) if clean.size else np.empty(0, np.float32),
        denoiser=None if made.net is None else folded(made.net, evidence),
    )

"""One round of scoring: encodings of the graph without each fold, their pair features, and networks on them.

A round is what the scorer can do once or again on re-weighted edges; the setup is what stays the same.

Letters: U users, E edges, F table columns, K folds, L pairs learned from, N pair features, C classes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from recdiff.arrays import Float32, Half, Int64, Mask
from recdiff.graph.spectrum import aligned
from recdiff.machine.threads import side_by_side
from recdiff.scorer.accounts import ACCOUNT_COLUMNS, account_terms
from recdiff.scorer.evidence import ConditionalDenoiser, evidence_columns, train_denoiser
from recdiff.scorer.pair_scorer import PairTerm, Span, pair_features
from recdiff.scorer.setup import ALIVE, Setup
from recdiff.scorer.staged import LEAST, STAGED
from recdiff.scorer.table import Columns, Encoding, encode, join, latent_rows, pair_terms, spans

CLIP = 6.0
HALVES = 2
"""Folds are scored by networks that learned from the other half of the folds."""
LATENT_CLIP = 4.0
FEATURE_BLOCK = 1 << 14
"""Pairs whose features are computed at once: what is gathered for them stays in the cache."""


@dataclass(frozen=True, eq=False)
class Encodings:
    """The graph encoded without each fold and, last, whole: K + 1 of everything.

    Attributes:
        tables: (U, F) each.
        at: where each named column lies.
        eigenvectors: (U, positive + negative) each.
        latents: (U, D) each.
        net: the denoiser, or None where no evidence was taken.
    """

    tables: tuple[Half, ...]
    at: dict[str, Span]
    eigenvectors: tuple[Half, ...]
    latents: tuple[Half, ...]
    net: ConditionalDenoiser | None = None


@dataclass(frozen=True, eq=False)
class Round:
    """What one round of encoding leaves behind.

    Attributes:
        encodings: of the graph.
        terms: the pair features; no network sees the last one.
        inputs: (L, N - 1) standardised features of the pairs learned from; mean, scale: (N,) of the standardising.
    """

    encodings: Encodings
    terms: tuple[PairTerm, ...]
    inputs: Float32
    mean: Float32
    scale: Float32

    @property
    def latent(self) -> Float32:
        """Latent rows of the whole graph, (U, D)."""
        return self.encodings.latents[-1].astype(np.float32)

    def places(self, terms: Sequence[PairTerm]) -> Int64:
        """Return which features belong to ``terms``, in their order."""
        starts = dict(zip(self.terms, np.cumsum([0, *(term.width for term in self.terms)]), strict=False))
        return np.concatenate([np.arange(starts[term], starts[term] + term.width) for term in terms])

    def account_places(self, columns: Sequence[str] = ACCOUNT_COLUMNS) -> Int64:
        """Return which features a network over accounts sees that goes by ``columns``."""
        return self.places(account_terms(self.encodings.at, columns))


def make_round(
    setup: Setup, weight: Float32, eigenvectors: Sequence[Half] | None = None, *, evidence: bool = True
) -> Round:
    """Encode the graph whose edges have ``weight`` (E,), K times without a fold and once whole.

    Two encodings are alive at a time: of each, its part of the table, its latent rows and its eigenvectors are kept, in
    float16.

    Args:
        eigenvectors: those of an earlier round to continue from, or None.
        evidence: whether to take the denoiser's evidence, where the settings take any.
    """
    graph, table = setup.graph, setup.config.table

    def encoded(left_out: int) -> tuple[Half, dict[str, Span], Encoding]:
        start = None if eigenvectors is None else eigenvectors[left_out]
        without = setup.folded.without(left_out, weight)
        rng = np.random.default_rng(setup.seeds.spectrum)
        found = encode(without, graph.directed, table, rng, start=start, device=setup.device)
        columns = found.columns | setup.accounts[left_out] | setup.tastes.columns | setup.staged.columns
        setup.steps.one()
        return join(columns), spans(columns), found.kept()

    tables, at, found = zip(*side_by_side(encoded, range(setup.folds + 1), ALIVE), strict=True)
    vectors = tuple(each.eigenvectors for each in found)
    encodings = Encodings(tables, at[0], vectors, tuple(_latents(setup, found)))
    return described(setup, with_evidence(setup, encodings) if evidence else encodings)


def with_evidence(setup: Setup, encodings: Encodings) -> Encodings:
    """Return ``encodings`` with the denoiser's evidence beside the other columns, where the settings take any."""
    if setup.config.evidence.denoising == "none":
        return encodings
    latents, width = encodings.latents, encodings.tables[0].shape[1]
    nets = _denoisers(setup, latents)

    def widened(place: int) -> tuple[Half, dict[str, Span]]:
        told = _evidence(setup, nets[place], latents[place])
        return np.concatenate([encodings.tables[place], join(told)], axis=1), spans(told)

    tables, further = zip(*side_by_side(widened, range(len(latents)), ALIVE), strict=True)
    at = encodings.at | {name: (start + width, stop + width) for name, (start, stop) in further[0].items()}
    return Encodings(tables, at, encodings.eigenvectors, latents[-1:], nets[-1])


def _denoisers(setup: Setup, latents: Sequence[Half]) -> list[ConditionalDenoiser]:
    """Return the denoiser of each encoding.

    One is trained on all edges. Of few edges it knows each one by heart; folds then get another, which was trained on
    the half of the folds that theirs is not of.
    """
    edges, config = setup.learn[setup.label == 0], setup.config.evidence
    fold = setup.pool.fold[edges]

    def trained(chosen: Mask) -> ConditionalDenoiser:
        pairs = setup.pool.pairs[edges[chosen]]
        return train_denoiser(latents, pairs, fold[chosen], config, setup.generator, device=setup.device)

    if setup.pool.observed >= config.by_heart:
        return [trained(np.ones(len(edges), bool))] * len(latents)
    halves = [trained(fold % HALVES != half) for half in range(HALVES)]
    return [*(halves[place % HALVES] for place in range(setup.folds)), trained(np.ones(len(edges), bool))]


def described(setup: Setup, encodings: Encodings) -> Round:
    """Return the round with the features of the pairs learned from."""
    at = encodings.at
    terms = pair_terms(at, setup.graph.directed, setup.config.table) + account_terms(at)
    features = fold_features(encodings.tables, setup.pool.pairs[setup.learn], setup.fold, terms)
    mean, scale = features.mean(axis=0), features.std(axis=0) + np.float32(1e-6)
    seen = standardised(features, mean, scale)
    staged = PairTerm("low", at[STAGED], at[STAGED])
    wide = np.append(mean, np.float32(0.0)), np.append(scale, np.float32(-LEAST / CLIP))
    return Round(encodings, (*terms, staged), seen, *wide)


def _latents(setup: Setup, encodings: Sequence[Encoding]) -> list[Half]:
    """Return the latent rows (U, D) of encodings, rotated onto those of the last and standardised as those are."""
    reference, tastes = encodings[-1], setup.tastes.columns
    found = latent_rows(reference, np.eye(reference.rows.shape[1], dtype=np.float32), tastes)
    mean, scale = found.mean(axis=0), found.std(axis=0) + np.float32(1e-6)

    def standing(encoding: Encoding) -> Half:
        rows = latent_rows(encoding, aligned(encoding.rows, reference.rows), tastes)
        standard: Float32 = np.clip((rows - mean) / scale, -LATENT_CLIP, LATENT_CLIP)
        return standard.astype(np.float16)

    return side_by_side(standing, encodings, ALIVE)


def _evidence(setup: Setup, net: ConditionalDenoiser, rows: Half) -> Columns:
    columns: Columns = {}
    for level, found in enumerate(evidence_columns(net, rows, setup.config.evidence.levels, setup.seeds.noise)):
        columns |= {
            f"joint_{level}": found.joint,
            f"apart_{level}": found.apart,
            f"power_{level}": found.power,
            f"movement_{level}": found.movement,
        }
    return columns


def fold_features(tables: Sequence[Half], pairs: Int64, fold: Int64, terms: tuple[PairTerm, ...]) -> Float32:
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

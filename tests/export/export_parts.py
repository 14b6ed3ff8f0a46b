"""Small random parts to export: right shapes, no meaning."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pyarrow as pa

from recdiff.scorer.pair_scorer import PairTerm
from recdiff_export.bundle.parts import (
    DenoiserWeights,
    FittedEdges,
    Memory,
    Parts,
    RecommenderWeights,
    ScorerWeights,
)

USERS, ITEMS, WIDTH = 200, 60, 16
SYMMETRIC_TERMS = (
    PairTerm("product", (0, 8), (0, 8)),
    PairTerm("sum", (8, 12), (8, 12)),
    PairTerm("gap", (8, 16), (8, 16)),
    PairTerm("dot", (0, 16), (0, 16)),
    PairTerm("dot", (2, 9), (2, 9), (13, 13)),
    PairTerm("split", (0, 4), (4, 8)),
)
DIRECTED_TERMS = (*SYMMETRIC_TERMS, PairTerm("src", (12, 16), (12, 16)), PairTerm("dst", (12, 16), (12, 16)))


def normal(generator: np.random.Generator, *shape: int, scale: float = 1.0) -> np.ndarray:
    return (generator.standard_normal(shape) * scale).astype(np.float32)


def posterior_weights(steps: int) -> tuple[np.ndarray, np.ndarray]:
    """(c0, ct) of a linear-variance schedule; (1, 0) at t = 0."""
    kept = 1.0 - np.linspace(1e-3, 1e-1, steps)
    before = np.concatenate([[1.0], kept[:-1]])
    beta = 1.0 - kept / before
    return beta * np.sqrt(before) / (1.0 - kept), (1.0 - before) * np.sqrt(1.0 - beta) / (1.0 - kept)


def denoiser(steps: int = 5, activation: str = "tanh", layers: int = 1, normalise: bool = True) -> DenoiserWeights:
    generator = np.random.default_rng(1)
    hidden = 24
    widths = [hidden] * (layers - 1) + [WIDTH]
    further = tuple(
        (normal(generator, stop, start, scale=0.2), normal(generator, stop, scale=0.2))
        for start, stop in zip([hidden, *widths[:-1]], widths, strict=True)
    )
    return DenoiserWeights(
        first=normal(generator, hidden, WIDTH, scale=0.3),
        step_bias=normal(generator, steps, hidden, scale=0.3),
        further=further,
        activation=activation,  # type: ignore[arg-type]
        normalise_input=normalise,
        c0=posterior_weights(steps)[0],
        ct=posterior_weights(steps)[1],
    )


def scorer(terms: tuple[PairTerm, ...] = SYMMETRIC_TERMS, kinds: int = 3) -> ScorerWeights:
    generator = np.random.default_rng(2)
    count = sum(term.width for term in terms)
    widths = [count, 16, 8, kinds + 1]
    layers = tuple(
        (normal(generator, stop, start, scale=0.4), normal(generator, stop, scale=0.2))
        for start, stop in pairwise(widths)
    )
    return ScorerWeights(
        table=normal(generator, USERS, WIDTH),
        terms=terms,
        mean=normal(generator, count, scale=0.2),
        scale=np.abs(normal(generator, count)) + np.float32(0.5),
        clip=2.0,
        layers=layers,
        offset=normal(generator, kinds + 1, scale=0.5),
        calibration=(1.3, -0.2),
        alike=0.2,
    )


def fitted(directed: bool = False) -> FittedEdges:
    generator = np.random.default_rng(3)
    src, dst = generator.integers(0, USERS, (2, 600))
    pairs = np.stack([src, dst], axis=1) if directed else np.sort(np.stack([src, dst], axis=1), axis=1)
    pairs = np.unique(pairs[src != dst], axis=0)
    return FittedEdges(pairs[:, 0].copy(), pairs[:, 1].copy(), generator.random(len(pairs), np.float32), directed)


def recommender() -> RecommenderWeights:
    generator = np.random.default_rng(4)
    # The first user has seen nothing, the second everything.
    counts = np.concatenate([[0, ITEMS], generator.integers(0, 12, USERS - 2)])
    seen = [generator.choice(ITEMS, count, replace=False) for count in counts]
    return RecommenderWeights(
        user_table=normal(generator, USERS, 12),
        item_table=normal(generator, ITEMS, 12),
        seen_indptr=np.concatenate([[0], np.cumsum(counts)]).astype(np.int64),
        seen_items=np.concatenate(seen).astype(np.int64),
        memory=Memory(normal(generator, USERS, 12), normal(generator, ITEMS, 12), 0.7),
    )


def parts(*, steps: int = 5, directed: bool = False, text_ids: bool = False) -> Parts:
    ids = [f"u{index:03d}" for index in range(USERS)] if text_ids else [3 * index + 7 for index in range(USERS)]
    return Parts(
        users=pa.array(ids),
        items=pa.array([f"i{index:02d}" for index in range(ITEMS)]),
        scorer=scorer(DIRECTED_TERMS if directed else SYMMETRIC_TERMS),
        fitted=fitted(directed),
        denoiser=denoiser(steps),
        denoiser_rows=normal(np.random.default_rng(5), 50, WIDTH),
        recommender=recommender(),
        metadata={"threshold": "0.5", "noise_share": "0.1", "schedule": "linear-var"},
    )

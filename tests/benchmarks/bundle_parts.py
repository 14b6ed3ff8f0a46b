"""A bundle as large as a real one, with random weights: what the scoring and serving benchmarks open.

The scorer has the terms and widths of a fitted model of ties and interactions; ``--model`` takes them, and the
table's rows, from a model folder instead.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow as pa
import torch

from recdiff.arrays import Float32
from recdiff.config.scorer import ScorerConfig
from recdiff.fakes.kinds import planted, sampled
from recdiff.scorer.accounts import AUDIENCES, account_terms, network_for
from recdiff.scorer.table import pair_terms, spans
from recdiff_export.bundle.parts import DenoiserWeights, FittedEdges, Parts, RecommenderWeights, ScorerWeights

WIDTH, STEPS = 64, 20


def large_parts(users: int, fitted_edges: int, *, model: Path | None = None, seed: int = 0) -> Parts:
    """Return parts of ``users`` users; ids are whole numbers with gaps."""
    generator = np.random.default_rng(seed)
    scorer = random_scorer(users, generator) if model is None else enlarged_scorer(users, model)
    return Parts(
        users=pa.array(3 * np.arange(users) + 7),
        items=pa.array(np.arange(1000)),
        scorer=scorer,
        fitted=random_edges(users, fitted_edges, generator),
        denoiser=random_denoiser(generator),
        denoiser_rows=normal(generator, 1000, WIDTH),
        recommender=RecommenderWeights(
            normal(generator, users, 64),
            normal(generator, 1000, 64),
            np.arange(users + 1, dtype=np.int64) * 5,
            generator.integers(0, 1000, 5 * users),
        ),
        metadata={"threshold": "0.5"},
    )


def random_edges(users: int, count: int, generator: np.random.Generator) -> FittedEdges:
    """Return at most ``count`` distinct undirected edges, few users having many of them as in social graphs."""
    ends = np.sort((users * generator.random((count, 2)) ** 2).astype(np.int64), axis=1)
    keys = np.unique(ends[:, 0] * users + ends[:, 1])
    src, dst = keys // users, keys % users
    return FittedEdges(src, dst, generator.random(len(keys), np.float32), directed=False)


def random_scorer(users: int, generator: np.random.Generator) -> ScorerWeights:
    """Return a scorer with the columns, terms and network that a default fit on ties and interactions has."""
    config = ScorerConfig()
    unit, told = config.table.positive + config.table.negative, config.evidence.condition_width
    widths = {"degree": 1, "near": 1, "norm": 1, "length": 1, "pull": 1, "unit": unit}
    widths |= {"quiet": 1, "agree": 1, "taste": config.table.taste, "items": 1}
    for level in range(len(config.evidence.levels)):
        widths |= {f"joint_{level}": told, f"apart_{level}": told, f"power_{level}": 1, f"movement_{level}": 1}
    at = spans({name: torch.empty((0, width)) for name, width in widths.items()})
    terms = pair_terms(at, False, config.table) + account_terms(at)
    count = sum(term.width for term in terms)
    networks = [config.classifier, *(network_for(kinds, config) for kinds, _ in AUDIENCES)]
    hidden = [sum(widths) for widths in zip(*(each.hidden for each in networks), strict=True)]
    shape = (count, *hidden, 2 + len(sampled()) + len(planted()))
    layers = tuple(
        (normal(generator, stop, start) / np.float32(start**0.5), normal(generator, stop) / np.float32(4))
        for start, stop in pairwise(shape)
    )
    table = normal(generator, users, sum(widths.values())).astype(np.float16)
    scale = np.abs(normal(generator, count)) * 3 + np.float32(0.5)
    offset = normal(generator, shape[-1])
    return ScorerWeights(
        table=table,
        terms=terms,
        mean=normal(generator, count),
        scale=scale,
        clip=6.0,
        layers=layers,
        offset=offset,
        calibration=(1.2, -0.3),
    )


def enlarged_scorer(users: int, model: Path) -> ScorerWeights:
    """Return the scorer of the model folder with its table's rows repeated for ``users`` users."""
    from recdiff_export.bundle.from_model import parts_of

    scorer = parts_of(model).scorer
    return replace(scorer, table=scorer.table[np.arange(users) % len(scorer.table)])


def random_denoiser(generator: np.random.Generator) -> DenoiserWeights:
    """Return a folded denoiser of the published shape."""
    kept = 1.0 - np.linspace(1e-4, 1e-2, STEPS)
    before = np.concatenate([[1.0], kept[:-1]])
    beta = 1.0 - kept / before
    return DenoiserWeights(
        first=normal(generator, WIDTH, WIDTH) / np.float32(8),
        step_bias=normal(generator, STEPS, WIDTH) / np.float32(4),
        further=((normal(generator, WIDTH, WIDTH) / np.float32(8), normal(generator, WIDTH) / np.float32(8)),),
        activation="tanh",
        normalise_input=True,
        c0=beta * np.sqrt(before) / (1.0 - kept),
        ct=(1.0 - before) * np.sqrt(1.0 - beta) / (1.0 - kept),
    )


def normal(generator: np.random.Generator, *shape: int) -> Float32:
    """Return float32 normal draws."""
    return generator.standard_normal(shape, dtype=np.float32)

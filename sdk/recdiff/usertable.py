"""The table of one row per user that pair scores are computed from: columns, their layout, and the pair terms.

Columns of the social graph (the graph without directions where it has some):
    degree, near        log degree; log mean degree of the neighbours
    pull                V sqrt(|lambda| (d + 1)): dots of it rebuild the adjacency
    shape               V U^(1/4): dots of it weigh eigenvectors evenly
    unit, unit_lead     V |lambda| and the leading V, rows of length 1: dots are cosines
    norm                log length of V lambda
of the interactions:
    taste, items        leading TF-IDF directions, rows of length 1; log number of items
of directed graphs: out and in degree, and the singular vectors' pull and unit, one per side.

Letters: U users, k eigenvectors, D latent width, F columns.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from recdiff.pairs import PairTerm, Span
from recdiff.scorer_config import TableConfig
from recdiff.spectrum import Spectrum, eigenvectors, normalised, singular_vectors

Float32 = NDArray[np.float32]
Columns = dict[str, Float32]

CUTS = (0, 1, 2, 4, 6, 9, 13, 18, 24, 32, 48, 64, 96, 128)
"""Where the blocks of eigenvectors begin whose dots are features of their own; one dot per block."""
LATENT_TASTE = 12


@dataclass(frozen=True, eq=False)
class Encoding:
    """One graph's columns by name, (U, width) each, and the raw rows behind the latent embedding.

    Attributes:
        columns: by name, in table order.
        rows: (U, positive) eigenvectors times eigenvalues, unrotated.
    """

    columns: Columns
    rows: Float32


def taste_columns(
    train: sp.csr_matrix | None, num_users: int, config: TableConfig, rng: np.random.Generator
) -> Columns:
    """Return the columns of the interactions; none where there are no interactions."""
    if train is None or not train.nnz or min(train.shape) < 2:
        return {}
    counts = np.diff(train.indptr)
    users_of = np.bincount(train.indices, minlength=train.shape[1])
    rarity = np.log(num_users / np.maximum(users_of, 1)).astype(np.float32) + np.float32(1e-6)
    weighted = sp.csr_matrix(train @ sp.diags_array(rarity))
    length = np.sqrt(np.asarray(weighted.multiply(weighted).sum(axis=1)).ravel())
    scaled = sp.csr_matrix(sp.diags_array(1.0 / np.maximum(length, 1e-9)) @ weighted, dtype=np.float32)
    found = singular_vectors(scaled, config.taste, rng)
    return {"taste": unit_rows(found.left * found.value), "items": _column(np.log1p(counts))}


def encode(graph: sp.csr_matrix, directed: bool, config: TableConfig, rng: np.random.Generator) -> Encoding:
    """Return the columns of a weighted social graph; A[src, dst] where directed, symmetric where not."""
    both = sp.csr_matrix(graph + graph.T) if directed else graph
    degree = np.asarray(both.sum(axis=1), np.float64).ravel()
    spectrum = eigenvectors(normalised(both, config.ridge), config.positive, config.negative, rng)
    near = np.log1p(np.asarray(both @ degree).ravel() / np.maximum(degree, 1e-6))
    columns = {"degree": _column(np.log1p(degree)), "near": _column(near), **_spectral(spectrum, degree, config)}
    if directed:
        columns |= _directed(graph, config, rng)
    rows = spectrum.left[:, : config.positive] * spectrum.value[: config.positive] * np.sqrt(graph.shape[0])
    return Encoding(columns, rows.astype(np.float32))


def _spectral(spectrum: Spectrum, degree: NDArray[np.float64], config: TableConfig) -> Columns:
    weight = np.abs(spectrum.value)
    vectors = spectrum.left.astype(np.float64)
    scaled = vectors * weight
    return {
        "norm": _column(np.log(np.linalg.norm(scaled, axis=1) * np.sqrt(len(vectors)) + 1e-3)),
        "pull": (vectors * np.sqrt(weight) * np.sqrt(degree + 1.0)[:, None]).astype(np.float32),
        "shape": (vectors * len(vectors) ** 0.25).astype(np.float32),
        "unit": unit_rows(scaled),
        "unit_lead": unit_rows(vectors[:, : config.lead]),
    }


def _directed(graph: sp.csr_matrix, config: TableConfig, rng: np.random.Generator) -> Columns:
    out, into = (np.asarray(graph.sum(axis=axis), np.float64).ravel() for axis in (1, 0))
    found = singular_vectors(normalised(graph, config.ridge), config.singular, rng)
    columns = {"out": _column(np.log1p(out)), "into": _column(np.log1p(into))}
    for side, vectors, degree in (("out", found.left, out), ("into", found.right, into)):
        columns[f"pull_{side}"] = (vectors * np.sqrt(found.value) * np.sqrt(degree + 1.0)[:, None]).astype(np.float32)
        columns[f"unit_{side}"] = unit_rows(vectors * found.value)
    return columns


def latent_rows(encoding: Encoding, rotation: Float32, tastes: Columns) -> Float32:
    """Return the user rows that are denoised, before standardising, (U, D)."""
    parts = [unit_rows(encoding.rows @ rotation), encoding.columns["degree"], encoding.columns["norm"]]
    if "taste" in tastes:
        parts.append(tastes["taste"][:, :LATENT_TASTE])
    return np.concatenate(parts, axis=1)


def unit_rows(rows: NDArray[np.floating]) -> Float32:
    """Return rows of length 1; rows of zeros stay."""
    length = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.asarray(rows / np.maximum(length, 1e-9), np.float32)


def join(columns: Mapping[str, Float32]) -> Float32:
    """Return the table (U, F) of all columns side by side."""
    return np.ascontiguousarray(np.concatenate(list(columns.values()), axis=1), dtype=np.float32)


def spans(columns: Mapping[str, Float32]) -> dict[str, Span]:
    """Return where each column lies in the joined table."""
    edges = np.concatenate([[0], np.cumsum([each.shape[1] for each in columns.values()])])
    return {name: (int(start), int(stop)) for name, (start, stop) in zip(columns, pairwise(edges), strict=True)}


def pair_terms(at: Mapping[str, Span], directed: bool, config: TableConfig) -> tuple[PairTerm, ...]:
    """Return the pair features that the columns allow; symmetric ones only where the graph is undirected."""
    return (*_dots(at, config), *scalar_terms(at, directed))


def _dots(at: Mapping[str, Span], config: TableConfig) -> Iterator[PairTerm]:
    for name in ("pull", "shape"):
        first = at[name][0]
        for start, stop in pairwise(_cuts(config.positive, config.negative)):
            block = (first + start, first + stop)
            yield PairTerm("dot", block, block)
    for name in ("unit", "unit_lead", "taste"):
        if name in at:
            yield PairTerm("dot", at[name], at[name])
    if "pull_out" in at:
        for name, sides in (("pull", ("out", "into")), ("unit", ("out", "into"))):
            for left in sides:
                for right in sides:
                    yield PairTerm("dot", at[f"{name}_{left}"], at[f"{name}_{right}"])
    for name in at:
        if name.startswith("residual"):
            yield PairTerm("symdot", at[name], at[name.replace("residual", "told")])


def scalar_terms(at: Mapping[str, Span], directed: bool) -> Iterator[PairTerm]:
    """Yield the pair features of the columns that are one number wide."""
    for span in at.values():
        if span[1] - span[0] != 1:
            continue
        if directed:
            yield PairTerm("src", span, span)
            yield PairTerm("dst", span, span)
        else:
            yield PairTerm("sum", span, span)
            yield PairTerm("gap", span, span)


def _cuts(positive: int, negative: int) -> list[int]:
    """Return block borders: by ``CUTS`` over the positive eigenvectors, then over the negative ones from 4 on."""
    upper = [cut for cut in CUTS if cut < positive]
    lower = [positive + cut for cut in CUTS[3:] if cut < negative]
    return [*upper, positive, *lower, positive + negative]


def _column(values: NDArray[np.floating]) -> Float32:
    return np.asarray(values, np.float32)[:, None]

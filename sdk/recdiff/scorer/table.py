"""The table of one row per user that pair scores are computed from: columns, their layout, and the pair terms.

Columns of the social graph (the graph without directions where it has some):
    degree, near        log degree; log mean degree of the neighbours
    unit, norm          V lambda, rows of length 1; log of their lengths
    length, pull        lengths of the rows; times sqrt(degree + 1): dots of "unit" times these rebuild the adjacency
of the interactions:
    taste, items        leading TF-IDF directions, rows of length 1; log number of items
of directed graphs: out and in degree; singular vectors' "unit" and "pull", one per side; and (``answers``)
    asked, asking       how much less often than usual the user answers, and is answered (log)
of all graphs: how much the user's group does not look ``staged``

A table is float16: half the memory, and what is exported scores as what was fitted, to the bit.

Letters: U users, k eigenvectors, D latent width, F columns.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import scipy.sparse as sp
import torch
from numpy.typing import NDArray

from recdiff.arrays import Float32, Float64, Half
from recdiff.config.scorer import TableConfig
from recdiff.graph.adjacency import normalised
from recdiff.graph.spectrum import Spectrum, eigenvectors, singular_vectors
from recdiff.scorer.answers import answer_columns
from recdiff.scorer.pair_scorer import PairTerm, Span
from recdiff.scorer.staged import STAGED

Columns = dict[str, Float32]

CUTS = (0, 1, 2, 4, 6, 9, 13, 18, 24, 32, 48, 64, 96, 128)
"""Where the blocks of eigenvectors begin whose dots are features of their own; one dot per block."""
LATENT_TASTE = 12
LATENT_COLUMNS = ("degree", "norm")
FACTORS = frozenset({"length", "pull", "pull_out", "pull_into"})
"""Columns that dots are multiplied by; no features of their own."""
LARGEST = 60_000.0
"""What float16 can hold, or a little less."""


@dataclass(frozen=True, eq=False)
class Encoding:
    """One graph's columns by name, (U, width) each, and the raw rows behind the latent embedding.

    Attributes:
        columns: by name, in table order.
        rows: (U, positive) eigenvectors times eigenvalues, unrotated.
        eigenvectors: (U, positive + negative).
    """

    columns: Columns
    rows: Float32
    eigenvectors: Float32 | Half

    def kept(self) -> Encoding:
        """Return what later steps need: the columns behind latent rows, and eigenvectors in float16."""
        columns = {name: self.columns[name] for name in LATENT_COLUMNS}
        return Encoding(columns, self.rows, self.eigenvectors.astype(np.float16))


@dataclass(frozen=True, eq=False)
class Tastes:
    """The columns of the interactions, and how they come about: TF-IDF rows along their leading directions.

    Attributes:
        columns: of the fitted users; none where there are no interactions.
        rarity: (I,) weight of each item; directions: (I, taste).
    """

    columns: Columns
    rarity: Float32
    directions: Float32

    @classmethod
    def of(
        cls,
        train: sp.csr_matrix | None,
        num_users: int,
        config: TableConfig,
        rng: np.random.Generator,
        device: torch.device | str = "cpu",
    ) -> Tastes:
        """Learn the directions from the interactions ``train`` (U, I), or None, on ``device``."""
        if train is None or not train.nnz or min(train.shape) < 2:
            return cls({}, np.empty(0, np.float32), np.empty((0, config.taste), np.float32))
        users_of = np.bincount(train.indices, minlength=train.shape[1])
        rarity = np.log(num_users / np.maximum(users_of, 1)).astype(np.float32) + np.float32(1e-6)
        found = singular_vectors(_tf_idf(train, rarity), config.taste, config.iterations, rng, device)
        return cls(_taste_columns(found.left * found.value, train), rarity, found.right)

    def describe(self, train: sp.csr_matrix) -> Columns:
        """Return the columns of other users by their interactions ``train`` (B, I); there must be some here too."""
        return _taste_columns(_tf_idf(train, self.rarity) @ self.directions, train)


def _tf_idf(train: sp.csr_matrix, rarity: Float32) -> sp.csr_matrix:
    """Return the rows of ``train`` weighted by ``rarity``, of length 1."""
    weighted = sp.csr_matrix(train @ sp.diags_array(rarity))
    length = np.sqrt(np.asarray(weighted.multiply(weighted).sum(axis=1)).ravel())
    return sp.csr_matrix(sp.diags_array(1.0 / np.maximum(length, 1e-9)) @ weighted, dtype=np.float32)


def _taste_columns(rows: NDArray[np.floating], train: sp.csr_matrix) -> Columns:
    return {"taste": unit_rows(rows), "items": _column(np.log1p(np.diff(train.indptr)))}


def encode(
    graph: sp.csr_matrix,
    directed: bool,
    config: TableConfig,
    rng: np.random.Generator,
    start: Half | None = None,
    device: torch.device | str = "cpu",
) -> Encoding:
    """Return the columns of a weighted social graph; A[src, dst] where directed, symmetric where not.

    Args:
        start: (U, positive + negative) eigenvectors to continue from, or None.
        device: where the vectors are found.
    """
    both = sp.csr_matrix(graph + graph.T) if directed else graph
    degree = np.asarray(both.sum(axis=1), np.float64).ravel()
    iterations = config.iterations if start is None else config.more_iterations
    matrix = normalised(both, config.ridge)
    spectrum = eigenvectors(
        matrix, config.positive, negative=config.negative, iterations=iterations, rng=rng, start=start, device=device
    )
    near = np.log1p(np.asarray(both @ degree).ravel() / np.maximum(degree, 1e-6))
    columns = {"degree": _column(np.log1p(degree)), "near": _column(near), **_spectral(spectrum, degree)}
    if directed:
        columns |= _directed(graph, config, rng, device)
    rows = spectrum.left[:, : config.positive] * spectrum.value[: config.positive] * np.sqrt(graph.shape[0])
    return Encoding(columns, rows.astype(np.float32), spectrum.left)


def _spectral(spectrum: Spectrum, degree: Float64) -> Columns:
    rows = spectrum.left * np.abs(spectrum.value) * np.sqrt(len(degree))
    length = np.linalg.norm(rows, axis=1)
    return {
        "norm": _column(np.log(length + 1e-3)),
        "length": _column(length),
        "pull": _pull(length, degree),
        "unit": unit_rows(rows),
    }


def _pull(length: NDArray[np.floating], degree: Float64) -> Float32:
    return _column(length * np.sqrt((degree + 1.0) / (degree.mean() + 1.0)))


def _directed(
    graph: sp.csr_matrix, config: TableConfig, rng: np.random.Generator, device: torch.device | str
) -> Columns:
    out, into = (np.asarray(graph.sum(axis=axis), np.float64).ravel() for axis in (1, 0))
    found = singular_vectors(normalised(graph, config.ridge), config.singular, config.iterations, rng, device)
    columns = {"out": _column(np.log1p(out)), "into": _column(np.log1p(into))}
    for side, vectors, degree in (("out", found.left, out), ("into", found.right, into)):
        rows = vectors * np.sqrt(found.value) * np.sqrt(len(degree))
        columns[f"pull_{side}"] = _pull(np.linalg.norm(rows, axis=1), degree)
        columns[f"unit_{side}"] = unit_rows(rows)
    return columns | answer_columns(graph)


def latent_rows(encoding: Encoding, rotation: Float32, tastes: Columns) -> Float32:
    """Return the user rows that are denoised, before standardising, (U, D)."""
    parts = [unit_rows(encoding.rows @ rotation), *(encoding.columns[name] for name in LATENT_COLUMNS)]
    if "taste" in tastes:
        parts.append(tastes["taste"][:, :LATENT_TASTE])
    return np.concatenate(parts, axis=1)


def unit_rows(rows: NDArray[np.floating]) -> Float32:
    """Return rows of length 1; rows of zeros stay."""
    length = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.asarray(rows / np.maximum(length, 1e-9), np.float32)


def join(columns: Mapping[str, Float32]) -> Half:
    """Return the table (U, F) of all columns side by side."""
    width = sum(each.shape[1] for each in columns.values())
    table = np.empty((len(next(iter(columns.values()))), width), np.float16)
    for (start, stop), each in zip(spans(columns).values(), columns.values(), strict=True):
        table[:, start:stop] = np.clip(each, -LARGEST, LARGEST)
    return table


def spans(columns: Mapping[str, Float32]) -> dict[str, Span]:
    """Return where each column lies in the joined table."""
    edges = np.concatenate([[0], np.cumsum([each.shape[1] for each in columns.values()])])
    return {name: (int(start), int(stop)) for name, (start, stop) in zip(columns, pairwise(edges), strict=True)}


def pair_terms(at: Mapping[str, Span], directed: bool, config: TableConfig) -> tuple[PairTerm, ...]:
    """Return the pair features that the columns allow; symmetric ones only where the graph is undirected."""
    return (*_dots(at, config), *_scalars(at, directed))


def _dots(at: Mapping[str, Span], config: TableConfig) -> Iterator[PairTerm]:
    first = at["unit"][0]
    blocks = [(first + start, first + stop) for start, stop in pairwise(_cuts(config.positive, config.negative))]
    for factor in ("length", "pull"):
        for block in blocks:
            yield PairTerm("dot", block, block, (at[factor][0], at[factor][0]))
    for name in ("unit", "taste"):
        if name in at:
            yield PairTerm("dot", at[name], at[name])
    if "pull_out" in at:
        for left in ("out", "into"):
            for right in ("out", "into"):
                ends = at[f"unit_{left}"], at[f"unit_{right}"]
                yield PairTerm("dot", *ends)
                yield PairTerm("dot", *ends, (at[f"pull_{left}"][0], at[f"pull_{right}"][0]))
    for name in at:
        if name.startswith("joint"):
            yield PairTerm("split", at[name], at[name.replace("joint", "apart")])


def _scalars(at: Mapping[str, Span], directed: bool) -> Iterator[PairTerm]:
    """Yield the pair features of the columns that are one number wide."""
    for name, span in at.items():
        if span[1] - span[0] != 1 or name in FACTORS or name == STAGED:
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

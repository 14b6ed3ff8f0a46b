"""The table of one row per user that pair scores are computed from: columns, their layout, and the pair terms.

Columns of the social graph (the graph without directions where it has some):
    degree, near        log degree; log mean degree of the neighbours
    unit, norm          V lambda, rows of length 1; log of their lengths
    length, pull        lengths of the rows; times sqrt(degree + 1): dots of "unit" times these rebuild the adjacency
of the interactions:
    taste, items        leading TF-IDF directions, rows of length 1; log number of items
of directed graphs: out and in degree; singular vectors' "unit" and "pull", one per side; and (``answers``)
    asked, asking       how much less often than usual the user answers, and is answered (log)
of all graphs: how much the user's group does not look ``staged``, how little out of place the ``company`` of its other
edges is (``oddity``), and the log number of its ``friends``, its degree where no edge counts less than
another, and what that is above each of ``BENDS``

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
from torch import Tensor

from recdiff.arrays import Float32
from recdiff.config.scorer import TableConfig
from recdiff.graph.folded import Sides
from recdiff.graph.sparse import csr_tensor, row_sums, scaled_sides, times
from recdiff.graph.spectrum import Spectrum, block_width, eigenvectors, singular_vectors
from recdiff.machine.device import generator_on
from recdiff.scorer.pair_scorer import PairTerm, Span
from recdiff.scorer.untaught.answers import answer_columns
from recdiff.scorer.untaught.staged import STAGED

Columns = dict[str, Tensor]
"""By name, (U, width) each, on one device."""

CUTS = (0, 1, 2, 4, 6, 9, 13, 18, 24, 32, 48, 64, 96, 128)
"""Where the blocks of eigenvectors begin whose dots are features of their own; one dot per block."""
LATENT_TASTE = 12
LATENT_COLUMNS = ("degree", "norm")
FACTORS = frozenset({"length", "pull", "pull_out", "pull_into"})
"""Columns that dots are multiplied by; no features of their own."""
COMPANY = "company"
FRIENDS = "friends"
UNSEEN = frozenset({STAGED, COMPANY, FRIENDS})
"""Columns that no network sees; filled in once they are known."""
BENDS = (1.0, 3.0, 5.0)
"""Log numbers of friends above which another column counts on: labels may speak of few friends, or of many alone."""
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
    rows: Tensor
    eigenvectors: Tensor

    def kept(self) -> Encoding:
        """Return what later steps need: the columns behind latent rows, and eigenvectors in float16."""
        columns = {name: self.columns[name] for name in LATENT_COLUMNS}
        return Encoding(columns, self.rows, self.eigenvectors.half())


@dataclass(frozen=True, eq=False)
class Tastes:
    """The columns of the interactions, and how they come about: TF-IDF rows along their leading directions.

    Attributes:
        columns: of the fitted users; none where there are no interactions.
        rarity: (I,) weight of each item; directions: (I, taste).
    """

    columns: Columns
    rarity: Float32
    directions: Tensor

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
            return cls({}, np.empty(0, np.float32), torch.empty(0, config.taste))
        users_of = np.bincount(train.indices, minlength=train.shape[1])
        rarity = np.log(num_users / np.maximum(users_of, 1)).astype(np.float32) + np.float32(1e-6)
        rows = _tf_idf(train, rarity)
        forth, back = csr_tensor(rows, device), csr_tensor(sp.csr_matrix(rows.T), device)
        first = random_block(rng, train.shape[1], block_width(config.taste, min(train.shape)), device)
        found = singular_vectors(forth, back, config.taste, config.iterations, first)
        value = torch.as_tensor(found.value.astype(np.float32)).to(device)
        return cls(_taste_columns(found.left * value, train), rarity, found.right)

    @classmethod
    def learned(cls, rarity: Float32, directions: Float32) -> Tastes:
        """Return tastes that describe others than the fitted users, from what was learned of items, (I,) and (I, T)."""
        return cls({}, rarity, torch.as_tensor(directions))

    def describe(self, train: sp.csr_matrix) -> Columns:
        """Return the columns of other users by their interactions ``train`` (B, I); there must be some here too."""
        rows = csr_tensor(_tf_idf(train, self.rarity), self.directions.device)
        return _taste_columns(times(rows, self.directions), train)


def random_block(rng: np.random.Generator, rows: int, width: int, device: torch.device | str) -> Tensor:
    """Return a standard normal block (``rows``, ``width``), drawn on ``device``."""
    return torch.randn(rows, width, generator=generator_on(device, int(rng.integers(1 << 62))), device=device)


def _tf_idf(train: sp.csr_matrix, rarity: Float32) -> sp.csr_matrix:
    """Return the rows of ``train`` weighted by ``rarity``, of length 1."""
    values = train.data * rarity[train.indices]
    squares = np.append(0.0, np.cumsum(np.square(values, dtype=np.float64)))[train.indptr]
    scale = 1.0 / np.maximum(np.sqrt(np.diff(squares)), 1e-9)
    values *= np.repeat(scale.astype(np.float32), np.diff(train.indptr))
    return sp.csr_matrix((values.astype(np.float32), train.indices, train.indptr), shape=train.shape)


def _taste_columns(rows: Tensor, train: sp.csr_matrix) -> Columns:
    items = np.log1p(np.diff(train.indptr)).astype(np.float32)[:, None]
    return {"taste": unit_rows(rows), "items": torch.as_tensor(items).to(rows.device)}


@dataclass(frozen=True, eq=False)
class Starts:
    """Random vectors that every encoding of a round begins with.

    Attributes:
        social: (U, P) of the graph without directions; singular: (U, S) of the directed one, or None.
    """

    social: Tensor
    singular: Tensor | None

    @classmethod
    def of(
        cls, users: int, directed: bool, config: TableConfig, rng: np.random.Generator, device: torch.device | str
    ) -> Starts:
        """Draw them on ``device``."""
        social = random_block(rng, users, block_width(config.positive + config.negative, users), device)
        width = block_width(config.singular, users)
        return cls(social, random_block(rng, users, width, device) if directed else None)


def encode(graph: Sides, config: TableConfig, starts: Starts, begun: Tensor | None = None) -> Encoding:
    """Return the columns of a weighted social graph, where it is.

    Args:
        begun: (U, positive + negative) eigenvectors to continue from, or None.
    """
    degree = row_sums(graph.both)
    iterations = config.iterations if begun is None else config.more_iterations
    matrix = _normalised(graph.both, degree, degree, config.ridge)
    spectrum = eigenvectors(
        matrix, config.positive, config.negative, iterations=iterations, first=starts.social, start=begun
    )
    del matrix
    around = times(graph.both, degree.float()[:, None])[:, 0].double()
    near = torch.log1p(around / degree.clamp(min=1e-6))
    columns = {"degree": _column(torch.log1p(degree)), "near": _column(near), **_spectral(spectrum, degree)}
    if starts.singular is not None:
        columns |= _directed(graph, config, starts.singular)
    value = torch.as_tensor(spectrum.value[: config.positive].astype(np.float32)).to(degree.device)
    rows = spectrum.left[:, : config.positive] * (value * float(np.sqrt(len(degree))))
    return Encoding(columns, rows, spectrum.left)


def _normalised(graph: Tensor, out: Tensor, into: Tensor, ridge: float) -> Tensor:
    """Return (D_out + t)^-1/2 A (D_in + t)^-1/2, t = ridge * mean degree, of degrees ``out``, ``into`` (U,)."""
    extra = ridge * out.mean()
    left, right = (((degree + extra).clamp(min=1e-6) ** -0.5).float() for degree in (out, into))
    return scaled_sides(graph, left, right)


def _spectral(spectrum: Spectrum, degree: Tensor) -> Columns:
    value = torch.as_tensor(np.abs(spectrum.value).astype(np.float32)).to(degree.device)
    rows = spectrum.left * (value * float(np.sqrt(len(degree))))
    length = torch.linalg.vector_norm(rows, dim=1)
    return {
        "norm": _column(torch.log(length + 1e-3)),
        "length": _column(length),
        "pull": _pull(length, degree),
        "unit": unit_rows(rows),
    }


def _pull(length: Tensor, degree: Tensor) -> Tensor:
    return _column(length * ((degree + 1.0) / (degree.mean() + 1.0)).sqrt())


def _directed(graph: Sides, config: TableConfig, first: Tensor) -> Columns:
    out, into = row_sums(graph.out), row_sums(graph.into)
    forth = _normalised(graph.out, out, into, config.ridge)
    back = _normalised(graph.into, into, out, config.ridge)
    found = singular_vectors(forth, back, config.singular, config.iterations, first)
    columns = {"out": _column(torch.log1p(out)), "into": _column(torch.log1p(into))}
    scale = torch.as_tensor(np.sqrt(found.value * len(out)).astype(np.float32)).to(first.device)
    for side, vectors, degree in (("out", found.left, out), ("into", found.right, into)):
        rows = vectors * scale
        columns[f"pull_{side}"] = _pull(torch.linalg.vector_norm(rows, dim=1), degree)
        columns[f"unit_{side}"] = unit_rows(rows)
    assert graph.sent is not None
    assert graph.received is not None
    answers = answer_columns(graph.sent.cpu().numpy(), graph.received.cpu().numpy())
    return columns | {name: torch.as_tensor(each).to(first.device) for name, each in answers.items()}


def latent_rows(encoding: Encoding, rotation: Tensor | None, tastes: Columns) -> Tensor:
    """Return the user rows that are denoised, before standardising, (U, D)."""
    rows = encoding.rows if rotation is None else encoding.rows @ rotation
    parts = [unit_rows(rows), *(encoding.columns[name] for name in LATENT_COLUMNS)]
    if "taste" in tastes:
        parts.append(tastes["taste"][:, :LATENT_TASTE])
    return torch.cat(parts, dim=1)


def unit_rows(rows: Tensor) -> Tensor:
    """Return rows of length 1; rows of zeros stay."""
    length: Tensor = torch.linalg.vector_norm(rows, dim=1, keepdim=True)
    return rows / length.clamp(min=1e-9)


def join(columns: Mapping[str, Tensor], room: int = 0) -> Tensor:
    """Return the table (U, F + ``room``) of all columns side by side in float16; what is in the room is not set."""
    first = next(iter(columns.values()))
    width = sum(each.shape[1] for each in columns.values())
    table = torch.empty((len(first), width + room), dtype=torch.float16, device=first.device)
    for (start, stop), each in zip(spans(columns).values(), columns.values(), strict=True):
        table[:, start:stop] = each.clamp(-LARGEST, LARGEST)
    return table


def spans(columns: Mapping[str, Tensor]) -> dict[str, Span]:
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
        if span[1] - span[0] != 1 or name in FACTORS or name in UNSEEN:
            continue
        yield from _ends(span, directed)
        if not directed:
            yield PairTerm("gap", span, span)


def friends_columns(count: Tensor) -> Tensor:
    """Return the columns (U, 4) of users with so many friends, (U,)."""
    size = torch.log1p(count.float())[:, None]
    return torch.cat([size, *((size - bend).clamp(min=0.0) for bend in BENDS)], dim=1)


def unseen_columns(like: Tensor) -> Columns:
    """Return columns of ``UNSEEN`` that are not known yet, as wide as they will be; they hold ``like`` (U, 1)."""
    return {name: like.expand(-1, 1 + len(BENDS) if name == FRIENDS else 1) for name in sorted(UNSEEN)}


def friends_terms(at: Mapping[str, Span], directed: bool) -> tuple[PairTerm, ...]:
    """Return the pair features of how many friends the ends have, which labels alone give a weight."""
    return tuple(_ends(at[FRIENDS], directed))


def _ends(span: Span, directed: bool) -> Iterator[PairTerm]:
    """Yield what a column says of both ends, or of each where it matters which end is which."""
    for operation in ("src", "dst") if directed else ("sum",):
        yield PairTerm(operation, span, span)


def _cuts(positive: int, negative: int) -> list[int]:
    """Return block borders: by ``CUTS`` over the positive eigenvectors, then over the negative ones from 4 on."""
    upper = [cut for cut in CUTS if cut < positive]
    lower = [positive + cut for cut in CUTS[3:] if cut < negative]
    return [*upper, positive, *lower, positive + negative]


def _column(values: Tensor) -> Tensor:
    return values.float()[:, None]

"""One round of scoring: encodings of the graph without each fold, their pair features, and networks on them.

A round is what the scorer can do once or again on re-weighted edges; the setup is what stays the same.

Letters: U users, E edges, F table columns, K folds, L pairs learned from, N pair features, C classes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import torch
from torch import Tensor

from recdiff.arrays import Float32, Int64, Mask
from recdiff.config.scorer import TableConfig
from recdiff.graph.folded import FoldedGraph
from recdiff.graph.spectrum import aligned
from recdiff.scorer.accounts import ACCOUNT_COLUMNS, account_columns, account_terms
from recdiff.scorer.evidence import (
    ConditionalDenoiser,
    EvidenceColumns,
    evidence_columns,
    noise_blocks,
    train_denoiser,
)
from recdiff.scorer.features import CLIP, Made, features_of, fold_features, in_blocks, rows_of, standardised
from recdiff.scorer.pair_scorer import PairTerm, Span
from recdiff.scorer.setup import Setup
from recdiff.scorer.table import (
    COMPANY,
    FRIENDS,
    Columns,
    Encoding,
    Starts,
    encode,
    friends_terms,
    join,
    latent_rows,
    pair_terms,
    spans,
    unseen_columns,
)
from recdiff.scorer.untaught.staged import LEAST, STAGED

HALVES = 2
"""Folds are scored by networks that learned from the other half of the folds."""
LATENT_CLIP = 4.0


@dataclass(frozen=True, eq=False)
class Encodings:
    """The graph encoded without each fold and, last, whole: K + 1 of everything.

    Attributes:
        tables: (U, F) each.
        at: where each named column lies.
        eigenvectors: (U, positive + negative) each.
        latents: (U, D) each.
        net: the denoiser, or None where no evidence was taken.
        weight: (E,) of the edges, or None where each counts 1.
    """

    tables: tuple[Tensor, ...]
    at: dict[str, Span]
    eigenvectors: tuple[Tensor, ...]
    latents: tuple[Tensor, ...]
    net: ConditionalDenoiser | None = None
    weight: Tensor | None = None


@dataclass(frozen=True, eq=False)
class Round:
    """What one round of encoding leaves behind.

    Attributes:
        encodings: of the graph.
        terms: the pair features; no network sees the last ones, of columns in ``UNSEEN``.
        inputs: (L, n) the first n standardised features, those that networks see, of the pairs learned from.
        mean, scale: (N,) of the standardising.
    """

    encodings: Encodings
    terms: tuple[PairTerm, ...]
    inputs: Tensor
    mean: Float32
    scale: Float32

    @property
    def latent(self) -> Tensor:
        """Latent rows of the whole graph, (U, D)."""
        return self.encodings.latents[-1].float()

    def places(self, terms: Sequence[PairTerm]) -> Int64:
        """Return which features belong to ``terms``, in their order."""
        starts = dict(zip(self.terms, np.cumsum([0, *(term.width for term in self.terms)]), strict=False))
        return np.concatenate([np.arange(starts[term], starts[term] + term.width) for term in terms])

    def account_places(self, columns: Sequence[str] = ACCOUNT_COLUMNS) -> Int64:
        """Return which features a network over accounts sees that goes by ``columns``."""
        return self.places(account_terms(self.encodings.at, columns))


def make_round(
    setup: Setup, weight: Tensor | None, eigenvectors: Sequence[Tensor] | None = None, *, evidence: bool = True
) -> Round:
    """Encode the graph whose edges have ``weight`` (E,), or 1, K times without a fold and once whole.

    Two encodings are alive at a time: of each, its part of the table, its latent rows and its eigenvectors are kept, in
    float16.

    Args:
        eigenvectors: those of an earlier round to continue from, or None.
        evidence: whether to take the denoiser's evidence, where the settings take any.
    """
    further = [each | setup.tastes.columns for each in setup.accounts]
    work = partial(
        _encoded,
        folded=setup.folded,
        weight=weight,
        config=setup.config.table,
        starts=_starts(setup),
        further=further,
        eigenvectors=eigenvectors,
    )
    tables, at, found = zip(*setup.handed_out(work, range(setup.folds + 1), setup.steps.one), strict=True)
    vectors = tuple(each.eigenvectors for each in found)
    encodings = Encodings(tables, at[0], vectors, tuple(_latents(setup, found)), weight=weight)
    return described(setup, with_evidence(setup, encodings) if evidence else encodings)


def _encoded(
    left_out: int,
    *,
    folded: FoldedGraph,
    weight: Tensor | None,
    config: TableConfig,
    starts: Starts,
    further: Sequence[Columns],
    eigenvectors: Sequence[Tensor] | None,
) -> tuple[Tensor, dict[str, Span], Encoding]:
    """Return the table of the graph without a fold, where its columns lie, and what later steps need."""
    begun = None if eigenvectors is None else eigenvectors[left_out]
    found = encode(folded.without(left_out, weight), config, starts, begun)
    columns = found.columns | further[left_out] | unseen_columns(found.columns["degree"])
    return join(columns), spans(columns), found.kept()


def thinned_round(setup: Setup) -> Round:
    """Encode the graph without one half of its folds, and without the other, for pairs of the half left out.

    What is fake stays as many; what looks like it for want of evidence becomes more (``shares.mixture``).
    """
    work = partial(
        _halved,
        folded=setup.folded,
        folds=setup.folds,
        fold=setup.edge_fold,
        config=setup.config.table,
        starts=_starts(setup),
        tastes=setup.tastes.columns,
    )
    tables, at = zip(*setup.handed_out(work, range(HALVES)), strict=True)
    of_fold = [tables[each % HALVES] for each in range(setup.folds)]
    return described(setup, Encodings((*of_fold, tables[0]), at[0], (), ()))


def _halved(
    half: int,
    *,
    folded: FoldedGraph,
    folds: int,
    fold: Tensor,
    config: TableConfig,
    starts: Starts,
    tastes: Columns,
) -> tuple[Tensor, dict[str, Span]]:
    """Return the table of the graph without one half of its folds, and where its columns lie."""
    sides = folded.without(folds, (fold % HALVES != half).float())
    columns = encode(sides, config, starts).columns | tastes | account_columns([sides.both], tastes)
    columns |= unseen_columns(columns["degree"])
    return join(columns), spans(columns)


def _starts(setup: Setup) -> Starts:
    """Return what every encoding of the setup's graph begins with, the same each time."""
    graph, rng = setup.graph, np.random.default_rng(setup.seeds.spectrum)
    return Starts.of(graph.num_users, graph.directed, setup.config.table, rng, setup.device)


def with_evidence(setup: Setup, encodings: Encodings) -> Encodings:
    """Return ``encodings`` with the denoiser's evidence beside the other columns, where the settings take any."""
    config = setup.config.evidence
    if config.denoising == "none":
        return encodings
    latents, width = encodings.latents, encodings.tables[0].shape[1]
    nets = _denoisers(setup, latents)
    further = spans(
        named_evidence(evidence_columns(nets[-1], latents[-1][:1], [latents[-1][:1].float()], config.levels))
    )
    room = max(stop for _, stop in further.values())
    tables = [torch.nn.functional.pad(table, (0, room)) for table in encodings.tables]
    for rows, drawn in noise_blocks(latents[-1], setup.seeds.noise):

        def fill(place: int, rows: slice = rows, drawn: list[Tensor] = drawn) -> None:
            told = evidence_columns(nets[place], latents[place][rows], drawn, config.levels)
            tables[place][rows, width:] = join(named_evidence(told))

        setup.each_in_turn(fill, range(len(latents)), most=None)
    at = encodings.at | {name: (start + width, stop + width) for name, (start, stop) in further.items()}
    return replace(encodings, tables=tuple(tables), at=at, latents=latents[-1:], net=nets[-1])


def _denoisers(setup: Setup, latents: Sequence[Tensor]) -> list[ConditionalDenoiser]:
    """Return the denoiser of each encoding.

    One is trained on all edges. Of few edges it knows each one by heart; folds then get another, which was trained on
    the half of the folds that theirs is not of.
    """
    real, config = setup.label == 0, setup.config.evidence
    edges, fold = setup.pairs[real], setup.fold[real]

    def trained(chosen: Mask) -> ConditionalDenoiser:
        return train_denoiser(latents, edges[chosen], fold[chosen], config, setup.generator)

    if setup.pool.observed >= config.by_heart:
        return [trained(np.ones(len(edges), bool))] * len(latents)
    halves = [trained(fold % HALVES != half) for half in range(HALVES)]
    return [*(halves[place % HALVES] for place in range(setup.folds)), trained(np.ones(len(edges), bool))]


def described(setup: Setup, encodings: Encodings) -> Round:
    """Return the round with the features of the pairs learned from."""
    at = encodings.at
    terms = pair_terms(at, setup.graph.directed, setup.config.table) + account_terms(at)
    for table, friends in zip(encodings.tables, setup.friends, strict=True):
        table[:, slice(*at[STAGED])] = setup.made_groups
        table[:, slice(*at[FRIENDS])] = friends
    pairs, fold = (rows_of(each, setup.device) for each in (setup.pairs, setup.fold))
    width, terms = sum(term.width for term in terms), (*terms, *friends_terms(at, setup.graph.directed))
    features = fold_features(encodings.tables, pairs, fold, terms)
    mean, scale = (each.cpu().numpy() for each in (features.mean(dim=0), features.std(dim=0, correction=0) + 1e-6))
    seen = standardised(features[:, :width], mean[:width], scale[:width])
    further = tuple(PairTerm("low", at[name], at[name]) for name in (STAGED, COMPANY))
    none, sizes = np.zeros(len(further), np.float32), np.array([-LEAST / CLIP, 1.0], np.float32)
    return Round(encodings, (*terms, *further), seen, np.append(mean, none), np.append(scale, sizes))


def with_column(made: Round, name: str, value: float, like: PairTerm) -> Round:
    """Return ``made`` with a column ``name`` of ``value`` more, which no network sees, scaled as ``like``."""
    encodings, width = made.encodings, made.encodings.tables[0].shape[1]
    tables = tuple(torch.nn.functional.pad(table, (0, 1), value=value) for table in encodings.tables)
    at = encodings.at | {name: (width, width + 1)}
    terms, place = (*made.terms, PairTerm("low", at[name], at[name])), made.places([like])
    mean, scale = (np.append(each, each[place]) for each in (made.mean, made.scale))
    return replace(made, encodings=replace(encodings, tables=tables, at=at), terms=terms, mean=mean, scale=scale)


def fill(made: Round, name: str, values: Float32) -> None:
    """Write ``values`` (U, 1) into the column ``name`` of all tables."""
    for table in made.encodings.tables:
        table[:, slice(*made.encodings.at[name])] = torch.as_tensor(values).to(table)


def each_edge(
    setup: Setup, made: Round, terms: tuple[PairTerm, ...], work: Callable[[int, Tensor, Tensor], Made]
) -> list[Made]:
    """Return ``work`` of a fold, rows (B,) of its edges and their standardised features (B, n) of ``terms``.

    In blocks, which hold all edges: features of all of them at once would be the most that a fit holds.
    """
    edges, fold, places = setup.edges, setup.edge_fold, made.places(terms)
    found: list[Made] = []
    for held, table in enumerate(made.encodings.tables[:-1]):

        def told(rows: Tensor, held: int = held, table: Tensor = table) -> Made:
            features = features_of(table, edges.index_select(0, rows), terms)
            return work(held, rows, standardised(features, made.mean[places], made.scale[places]))

        found += in_blocks((fold == held).nonzero().squeeze(1), told)
    return found


def _latents(setup: Setup, encodings: Sequence[Encoding]) -> list[Tensor]:
    """Return the latent rows (U, D) of encodings, rotated onto those of the last and standardised as those are."""
    reference, tastes = encodings[-1], setup.tastes.columns
    found = latent_rows(reference, None, tastes)
    mean, scale = found.mean(dim=0), found.std(dim=0, correction=0) + 1e-6

    def standing(encoding: Encoding) -> Tensor:
        rows = latent_rows(encoding, aligned(encoding.rows, reference.rows), tastes)
        return ((rows - mean) / scale).clamp(-LATENT_CLIP, LATENT_CLIP).half()

    return setup.each_in_turn(standing, encodings)


def named_evidence(found: Sequence[EvidenceColumns]) -> Columns:
    """Return the columns of each noise level by name, as a table has them."""
    columns: Columns = {}
    for level, each in enumerate(found):
        columns |= {
            f"joint_{level}": each.joint,
            f"apart_{level}": each.apart,
            f"power_{level}": each.power,
            f"movement_{level}": each.movement,
        }
    return columns

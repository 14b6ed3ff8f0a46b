"""Arrange a scorer's terms so that a graph computes them in few passes over few columns.

A term at a time, 40 terms would be some 150 small operators, each with its own pass over memory. Instead terms of
one kind share one pass: columns that lie side by side are cut, multiplied or added together, and all inner
products are read from the elementwise products through one matrix of 0, 1 and -1.

Letters: N features, P columns of an elementwise product.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from recdiff.arrays import Float32
from recdiff.scorer.pair_scorer import PairTerm, Span

Elementwise = Literal["product", "sum", "gap", "low", "src", "dst"]

_ELEMENTWISE: dict[str, Elementwise] = {
    "product": "product", "dot": "product", "split": "product",
    "sum": "sum", "gap": "gap", "low": "low", "src": "src", "dst": "dst",
}  # fmt: skip
_SUMMED = ("dot", "split")


@dataclass(frozen=True)
class Run:
    """Side-by-side columns ``left`` of one row and ``right`` of the other."""

    left: Span
    right: Span


@dataclass(frozen=True)
class Block:
    """One pass: an elementwise operation on runs of columns, then features taken or summed from its columns.

    Attributes:
        operation: product a*b | sum a+b | gap |a-b| | low min(a, b) | src a | dst b.
        runs: evaluated in order, P columns in all.
        features: indices of the term list's features that the block yields, in its order.
        sums: (P, len(features)) matrix of 0, 1 and -1 from columns to features; None where they are the same.
        factors: what summed features are multiplied by, or None.
    """

    operation: Elementwise
    runs: tuple[Run, ...]
    features: tuple[int, ...]
    sums: Float32 | None
    factors: Factors | None = None


@dataclass(frozen=True)
class Factors:
    """Products a*b of S columns that features are multiplied by.

    Attributes:
        runs: the S columns.
        chosen: (S, features) 0/1 matrix: which product each feature takes.
        plain: (features,) 1 for features that take none.
    """

    runs: tuple[Run, ...]
    chosen: Float32
    plain: Float32


def arrange_columns(terms: Sequence[PairTerm]) -> list[int]:
    """Return the table's columns in the order in which passes read them; columns that no term reads are left out.

    Columns that one pass reads together lie side by side, so that it cuts them out of a row at once.
    """
    summed = [term for term in terms if term.operation in _SUMMED]
    single = [term for term in terms if term.operation in ("sum", "gap", "low", "src", "dst")]
    spans = [span for term in summed for span in _read(term)]
    factors = [term.by for term in terms if term.by is not None]
    spans += [(by[side], by[side] + 1) for side in (0, 1) for by in factors]
    spans += [span for term in sorted(single, key=lambda term: term.operation != "low") for span in _read(term)]
    spans += [span for term in terms for span in _read(term)]
    return list(dict.fromkeys(column for span in spans for column in range(*span)))


def plan_blocks(terms: Sequence[PairTerm], order: Sequence[int]) -> list[Block]:
    """Return blocks that together yield every feature of ``terms`` once, on rows whose columns are ``order``."""
    place = {column: index for index, column in enumerate(order)}
    starts = np.concatenate([[0], np.cumsum([term.width for term in terms])]).astype(int)
    groups: dict[tuple[Elementwise, bool], list[_Member]] = {}
    for term, start in zip(terms, starts, strict=False):
        summed = term.operation in _SUMMED
        pairs = [(place.get(left, -1), place.get(right, -1), sign) for left, right, sign in _columns(term)]
        by = None if term.by is None else (place[term.by[0]], place[term.by[1]])
        groups.setdefault((_ELEMENTWISE[term.operation], summed), []).append(_Member(pairs, int(start), by))
    return [
        _summed(operation, members, len(order)) if summed else _taken(operation, members)
        for (operation, summed), members in groups.items()
    ]


@dataclass(frozen=True)
class _Member:
    """A term of a block: the pairs of columns it reads, with signs, its first feature, and what multiplies it."""

    pairs: list[tuple[int, int, float]]
    start: int
    by: tuple[int, int] | None


def _taken(operation: Elementwise, members: Sequence[_Member]) -> Block:
    """Features that are elementwise columns, in the terms' order."""
    pairs = [(left, right) for member in members for left, right, _ in member.pairs]
    features = [member.start + offset for member in members for offset in range(len(member.pairs))]
    return Block(operation, _runs(pairs), tuple(features), None)


def _summed(operation: Elementwise, members: Sequence[_Member], width: int) -> Block:
    """Inner products: each pair of columns is multiplied once, and a matrix sums them.

    Where products of a row with itself read half of it or more, the whole row is multiplied: cutting costs more.
    """
    pairs = sorted({(left, right) for member in members for left, right, _ in member.pairs})
    if all(left == right for left, right in pairs) and 2 * len(pairs) >= width:
        pairs = [(column, column) for column in range(width)]
    place = {pair: index for index, pair in enumerate(pairs)}
    sums = np.zeros((len(pairs), len(members)), np.float32)
    for feature, member in enumerate(members):
        for left, right, sign in member.pairs:
            sums[place[left, right], feature] += sign
    return Block(operation, _runs(pairs), tuple(member.start for member in members), sums, _factors(members))


def _factors(members: Sequence[_Member]) -> Factors | None:
    pairs = sorted({member.by for member in members if member.by is not None})
    if not pairs:
        return None
    chosen = np.zeros((len(pairs), len(members)), np.float32)
    for feature, member in enumerate(members):
        if member.by is not None:
            chosen[pairs.index(member.by), feature] = 1.0
    return Factors(_runs(pairs), chosen, 1.0 - chosen.sum(axis=0))


def _read(term: PairTerm) -> list[Span]:
    """Return the spans that a term really reads: ``src`` has no right and ``dst`` no left."""
    return [term.left] * (term.operation != "dst") + [term.right] * (term.operation != "src")


def _columns(term: PairTerm) -> list[tuple[int, int, float]]:
    """Return the pairs of columns that a term multiplies or compares, and with which sign it sums them."""
    if term.operation == "split":
        halves = (term.left, 1.0), (term.right, -1.0)
        return [(column, column, sign) for span, sign in halves for column in range(*span)]
    return [(left, right, 1.0) for left, right in zip(range(*term.left), range(*term.right), strict=True)]


def _runs(columns: Sequence[tuple[int, int]]) -> tuple[Run, ...]:
    """Join columns that follow one another on every side that is read (-1: not read)."""
    runs: list[Run] = []
    for left, right in columns:
        if runs and all(now in (before, -1) for now, before in ((left, runs[-1].left[1]), (right, runs[-1].right[1]))):
            runs[-1] = Run((runs[-1].left[0], left + 1), (runs[-1].right[0], right + 1))
        else:
            runs.append(Run((left, left + 1), (right, right + 1)))
    return tuple(runs)

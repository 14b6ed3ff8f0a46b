"""Arrange a scorer's terms so that a graph computes them in few passes over few columns.

A term at a time, 40 terms would be some 150 small operators, each with its own pass over memory. Instead terms of
one kind share one pass: columns that lie side by side are cut, multiplied or added together, and all inner
products are read from the elementwise products through one 0/1 matrix.

Letters: N features, P columns of an elementwise product.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from recdiff_export.parts import Float32, PairTerm

Span = tuple[int, int]
Elementwise = Literal["product", "cross", "sum", "gap", "src", "dst"]

_ELEMENTWISE: dict[str, Elementwise] = {
    "product": "product", "dot": "product", "symdot": "cross", "sum": "sum", "gap": "gap", "src": "src", "dst": "dst",
}  # fmt: skip


@dataclass(frozen=True)
class Run:
    """Side-by-side columns ``left`` of one row and ``right`` of the other."""

    left: Span
    right: Span


@dataclass(frozen=True)
class Block:
    """One pass: an elementwise operation on runs of columns, then features taken or summed from its columns.

    Attributes:
        operation: product a*b | cross a_l*b_r + b_l*a_r | sum a+b | gap |a-b| | src a | dst b.
        runs: evaluated in order, P columns in all.
        features: indices of the term list's features that the block yields, in its order.
        sums: (P, len(features)) 0/1 matrix from columns to features; None where they are the same.
    """

    operation: Elementwise
    runs: tuple[Run, ...]
    features: tuple[int, ...]
    sums: Float32 | None


def plan_blocks(terms: Sequence[PairTerm]) -> list[Block]:
    """Return blocks that together yield every feature of ``terms`` once, in some order."""
    starts = np.concatenate([[0], np.cumsum([term.width for term in terms])]).astype(int)
    groups: dict[tuple[Elementwise, bool], list[tuple[PairTerm, int]]] = {}
    for term, start in zip(terms, starts, strict=False):
        summed = term.operation in ("dot", "symdot")
        groups.setdefault((_ELEMENTWISE[term.operation], summed), []).append((term, int(start)))
    return [_block(operation, summed, members) for (operation, summed), members in groups.items()]


def _block(operation: Elementwise, summed: bool, members: list[tuple[PairTerm, int]]) -> Block:
    pairs = [_columns(term) for term, _ in members]
    # Inner products may share columns: each pair of columns is multiplied once, in column order.
    columns = sorted({pair for term in pairs for pair in term}) if summed else [pair for term in pairs for pair in term]
    if summed:
        place = {pair: index for index, pair in enumerate(columns)}
        sums = np.zeros((len(columns), len(members)), np.float32)
        for feature, term in enumerate(pairs):
            for pair in term:
                sums[place[pair], feature] += 1.0
        return Block(operation, _runs(columns), tuple(start for _, start in members), sums)
    features = [start + offset for term, start in members for offset in range(term.width)]
    return Block(operation, _runs(columns), tuple(features), None)


def _columns(term: PairTerm) -> list[tuple[int, int]]:
    return list(zip(range(*term.left), range(*term.right), strict=True))


def _runs(columns: Sequence[tuple[int, int]]) -> tuple[Run, ...]:
    """Join columns that follow one another on both sides."""
    runs: list[Run] = []
    for left, right in columns:
        if runs and (runs[-1].left[1], runs[-1].right[1]) == (left, right):
            runs[-1] = Run((runs[-1].left[0], left + 1), (runs[-1].right[0], right + 1))
        else:
            runs.append(Run((left, left + 1), (right, right + 1)))
    return tuple(runs)

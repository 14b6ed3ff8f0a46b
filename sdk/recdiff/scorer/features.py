"""Pair features and class logits on a device: what ``pair_scorer`` computes with NumPy, for fits.

Letters: U users, F table columns, L pairs, N pair features, C classes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import TypeVar

import numpy as np
import torch
from torch import Tensor

from recdiff.arrays import Float32, Int64
from recdiff.machine.threads import side_by_side
from recdiff.scorer.pair_scorer import Layer, Operation, PairTerm, Plan, plan_of

Made = TypeVar("Made")

CLIP = 6.0
AT_ONCE = {"cpu": 1 << 14, "cuda": 1 << 19}
"""Pairs whose features are computed at once: on a processor, what is gathered for them stays in the cache."""
ELEMENTWISE: Mapping[Operation, Callable[[Tensor, Tensor], Tensor]] = {
    "product": torch.mul,
    "sum": torch.add,
    "gap": lambda src, dst: (src - dst).abs(),
    "low": torch.minimum,
    "src": lambda src, dst: src,
    "dst": lambda src, dst: dst,
}


def in_blocks(rows: Tensor, work: Callable[[Tensor], Made]) -> list[Made]:
    """Return ``work`` of blocks of ``rows`` (L,): on a processor one a thread, on a card one after the other."""
    blocks = torch.split(rows, AT_ONCE[rows.device.type])
    if rows.device.type == "cpu":
        return side_by_side(work, blocks)
    return [work(block) for block in blocks]


def fold_features(tables: Sequence[Tensor], pairs: Tensor, fold: Tensor, terms: tuple[PairTerm, ...]) -> Tensor:
    """Return the features of ``pairs`` (L, 2), each from the table that left its ``fold`` (L,) out, (L, N)."""
    features = torch.empty((len(pairs), sum(term.width for term in terms)), device=pairs.device)
    for held, table in enumerate(tables[:-1]):

        def fill(rows: Tensor, table: Tensor = table) -> None:
            features.index_copy_(0, rows, features_of(table, pairs.index_select(0, rows), terms))

        in_blocks((fold == held).nonzero().squeeze(1), fill)
    return features


def features_of(table: Tensor, pairs: Tensor, terms: tuple[PairTerm, ...]) -> Tensor:
    """Return the terms of pairs (L, 2) of rows of ``table`` (U, F), (L, N); see ``pair_scorer.pair_features``."""
    src, dst = (table.index_select(0, pairs[:, side]).float() for side in (0, 1))
    plan = _Placed.of(terms, table.shape[1], table.device)
    features = src.new_empty((len(pairs), plan.features))
    if len(plan.summed):
        features.index_copy_(1, plan.summed, (src * dst) @ plan.sums)
    for place, left, right in plan.dots:
        features[:, place] = (src[:, left] * dst[:, right]).sum(dim=1)
    for operation, places, left_columns, right_columns in plan.elementwise:
        found = ELEMENTWISE[operation](src.index_select(1, left_columns), dst.index_select(1, right_columns))
        features.index_copy_(1, places, found)
    if len(plan.multiplied):
        by = src.index_select(1, plan.by_src) * dst.index_select(1, plan.by_dst)
        features.index_copy_(1, plan.multiplied, features.index_select(1, plan.multiplied) * by)
    return features


class _Placed:
    """A plan whose arrays lie on a device."""

    def __init__(self, plan: Plan, device: torch.device) -> None:
        def moved(values: Int64 | Float32) -> Tensor:
            return torch.as_tensor(values).to(device)

        self.features, self.dots = plan.features, plan.dots
        self.summed, self.sums, self.multiplied = moved(plan.summed), moved(plan.sums), moved(plan.multiplied)
        self.by_src, self.by_dst = moved(plan.by_src), moved(plan.by_dst)
        self.elementwise = [
            (operation, moved(places), moved(left), moved(right)) for operation, places, left, right in plan.elementwise
        ]

    @staticmethod
    @lru_cache(maxsize=8)
    def of(terms: tuple[PairTerm, ...], width: int, device: torch.device) -> _Placed:
        """Return the plan of ``terms`` over tables ``width`` columns wide on ``device``."""
        return _Placed(plan_of(terms, width), device)


def standardised(features: Tensor, mean: Float32, scale: Float32) -> Tensor:
    """Return features (L, N) as the networks take them, (L, N)."""
    there = [torch.as_tensor(each).to(features.device) for each in (mean, scale)]
    return ((features - there[0]) / there[1]).clamp(-CLIP, CLIP)


def logits_of(layers: tuple[Layer, ...], inputs: Tensor) -> Tensor:
    """Return the outputs (L, C) of ``layers``, SiLU between them; the first layer may see the first inputs alone."""
    placed = [[torch.as_tensor(each).to(inputs.device) for each in layer] for layer in layers]
    hidden = inputs[:, : placed[0][0].shape[1]]
    for weight, bias in placed[:-1]:
        hidden = torch.nn.functional.silu(torch.addmm(bias, hidden, weight.T))
    weight, bias = placed[-1]
    return torch.addmm(bias, hidden, weight.T)


def rows_of(values: np.ndarray, device: torch.device | str) -> Tensor:
    """Return an array of whole numbers on ``device``, int64."""
    return torch.as_tensor(np.asarray(values, np.int64)).to(device)

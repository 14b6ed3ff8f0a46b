"""What a bundle is exported from: plain arrays, no torch, no fitted objects.

Letters: U users, I items, D embedding width, H hidden width, T diffusion steps, F scorer-table width,
N pair features, C classes (0 = observed), K = C - 1 kinds of fake, E fitted edges, V recommender width.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal, get_args

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from recdiff.arrays import Float32, Float64, Int64
from recdiff.blend.names import OURS, POPULARITY
from recdiff.errors import ArtifactError, DataError
from recdiff.scorer.pair_scorer import OPERATIONS, Layer, PairScorer, Table
from recdiff_export.bundle.graphs.term_plan import arrange_columns
from recdiff_export.bundle.names import MEMBERS

Activation = Literal["tanh", "silu"]


@dataclass(frozen=True)
class DenoiserWeights:
    """The denoiser with its time embedding folded into one bias per step.

    x_{t-1} = c0[t] f(x_t, t) + ct[t] x_t, f = further layers after act(first x_t + step_bias[t]).

    Attributes:
        first: (H, D) as (out, in).
        step_bias: (T, H).
        further: (W (out, in), b (out,)) layers, the activation between them and none after the last.
        normalise_input: whether f divides its input by its L2 norm first.
        c0, ct: (T,), weights of the prediction and of x_t in the posterior mean.
    """

    first: Float32
    step_bias: Float32
    further: tuple[Layer, ...]
    activation: Activation
    normalise_input: bool
    c0: Float64
    ct: Float64

    def __post_init__(self) -> None:
        widths = [self.first.shape[1], self.first.shape[0], *(len(bias) for _, bias in self.further)]
        fits = self.step_bias.shape == (self.steps, widths[1]) and len(self.ct) == self.steps >= 1
        fits = fits and bool(self.further) and widths[-1] == widths[0]
        fits = fits and all(
            weight.shape == shape
            for (weight, _), shape in zip(self.further, zip(widths[2:], widths[1:-1], strict=True), strict=True)
        )
        _require(fits, "the denoiser's layers, biases and step constants do not fit together")
        _require(self.activation in get_args(Activation), f"no activation {self.activation!r}")

    @property
    def width(self) -> int:
        """D."""
        return int(self.first.shape[1])

    @property
    def steps(self) -> int:
        """T."""
        return len(self.c0)


@dataclass(frozen=True, eq=False, kw_only=True)
class ScorerWeights(PairScorer):
    """The pair scorer with the table that it scores rows of.

    Attributes:
        table: (U, F), one row per user from the full graph.
    """

    table: Table

    def __post_init__(self) -> None:
        width = self.table.shape[1]
        for term in self.terms:
            spans = [term.left, term.right, *((column, column + 1) for column in term.by or ())]
            inside = all(0 <= start < stop <= width for start, stop in spans)
            same = term.left[1] - term.left[0] == term.right[1] - term.right[0]
            _require(term.operation in OPERATIONS and inside and same, f"term {term} does not fit a row of {width}")
        count = sum(term.width for term in self.terms)
        widths = [count, *(len(bias) for _, bias in self.layers)]
        fits = len(self.mean) == len(self.scale) == count and bool(self.layers)
        fits = fits and all(
            weight.shape == shape
            for (weight, _), shape in zip(self.layers, zip(widths[1:], widths[:-1], strict=True), strict=True)
        )
        _require(fits and len(self.offset) == widths[-1] >= 2, "the scorer's features, layers and offset do not fit")

    @cached_property
    def packed(self) -> NDArray[np.floating[Any]]:
        """The table as the graphs read it: columns arranged for them, float16 where that is exact.

        Half the bytes are half the memory to gather, and a table that was rounded to float16 when it was fitted
        scores the same to the bit.
        """
        table = np.ascontiguousarray(self.table[:, arrange_columns(self.terms)], dtype=np.float32)
        with np.errstate(over="ignore"):
            half = table.astype(np.float16)
        return half if np.array_equal(half.astype(np.float32), table) else table

    @property
    def kinds(self) -> int:
        """K, how many kinds of fake edge the scorer tells apart."""
        return len(self.offset) - 1


@dataclass(frozen=True)
class FittedEdges:
    """The edges of the fitted graph by user position, (E,) each, with the score of the fold that left each out."""

    src: Int64
    dst: Int64
    fake_score: Float32
    directed: bool

    def __post_init__(self) -> None:
        _require(len(self.src) == len(self.dst) == len(self.fake_score), "one fake_score per fitted edge is needed")


@dataclass(frozen=True)
class BlendWeights:
    """Members beside the recommender, and what they score by.

    Attributes:
        weights: of each member, "recdiff" being the recommender.
        tables: of members that score by a user's items: the items that follow from each item, and how much each adds
            to their score, (I, K) both.
        popularity: (I,) scores of the member that gives all users the same; None where it has no weight.
        history_indptr, history_items: (U+1,) and (N,) the items that each user was fitted with (CSR).
    """

    weights: Mapping[str, float]
    tables: Mapping[str, tuple[NDArray[np.int32], Float32]]
    popularity: Float32 | None
    history_indptr: Int64
    history_items: Int64

    def __post_init__(self) -> None:
        named = {OURS, *(set(MEMBERS) & set(self.tables)), *([] if self.popularity is None else [POPULARITY])}
        strange = sorted({*self.weights, *self.tables} - named)
        _require(not strange, f"a bundle does not know how to rank by the member {', '.join(strange)} of the blend")

    @property
    def entries(self) -> int:
        """How many table entries one item of a user stands for."""
        return sum(follows.shape[1] for follows, _ in self.tables.values())


@dataclass(frozen=True)
class Memory:
    """What neighbours hand over to a new user, ``users`` (U, V) with the weight w included and ``items`` (I, V).

    A new user's row is (sum of their items' and friends' rows) / sqrt(number of items + w * number of friends).
    """

    users: Float32
    items: Float32
    tie_weight: float


@dataclass(frozen=True)
class RecommenderWeights:
    """score(user, item) = user_table[user] . item_table[item], (U, V) and (I, V).

    ``seen_indptr`` (U+1,) and ``seen_items`` list what each user has already used (CSR). ``blend``: members that are
    blended with these scores; None: they are alone. Without ``memory`` the bundle recommends to its own users alone.
    """

    user_table: Float32
    item_table: Float32
    seen_indptr: Int64
    seen_items: Int64
    blend: BlendWeights | None = None
    memory: Memory | None = None

    def __post_init__(self) -> None:
        fits = self.user_table.shape[1] == self.item_table.shape[1]
        fits = fits and len(self.seen_indptr) == len(self.user_table) + 1
        if self.memory is not None:
            shapes = (self.memory.users.shape, self.memory.items.shape)
            fits = fits and shapes == (self.user_table.shape, self.item_table.shape)
        _require(fits and self.seen_indptr[-1] == len(self.seen_items), "the recommender's tables do not fit together")
        if self.blend is not None:
            starts, listed = self.blend.history_indptr, self.blend.history_items
            fits = len(starts) == len(self.user_table) + 1 and starts[-1] == len(listed)
            rows = (len(each) for table in self.blend.tables.values() for each in table)
            fits = fits and all(count == len(self.item_table) for count in rows)
            _require(fits, "the blend's tables do not fit the recommender's")

    @property
    def cells(self) -> int:
        """How many numbers the scores of a user are made of on the mean."""
        count = len(self.item_table) + 1
        if self.blend is None:
            return count
        return count + self.blend.entries * (len(self.blend.history_items) // max(len(self.user_table), 1) + 1)


@dataclass(frozen=True)
class Parts:
    """Everything one bundle holds; a fitted model is turned into this and only this is exported.

    Attributes:
        users, items: raw ids by position, int64 or string; ``items`` is empty where there are none.
        denoiser: None where the model was fitted without diffusion.
        denoiser_rows: (R, D) real rows the parity check feeds to the denoiser, any number.
        recommender: None in the social-only mode.
        metadata: what the graphs' ``metadata_props`` say (schedule, threshold, noise share, ...).
        measured: what the fit found, for a model card; see ``bundle.from_model``.
    """

    users: pa.Array
    items: pa.Array
    scorer: ScorerWeights
    fitted: FittedEdges
    denoiser: DenoiserWeights | None = None
    denoiser_rows: Float32 | None = None
    recommender: RecommenderWeights | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)
    measured: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        _require(len(self.scorer.table) == len(self.users), "the scorer's table needs one row per user")
        for ends in (self.fitted.src, self.fitted.dst):
            _require(len(ends) == 0 or 0 <= ends.min() <= ends.max() < len(self.users), "a fitted edge has no user")
        if self.recommender is not None:
            tables = (len(self.recommender.user_table), len(self.recommender.item_table))
            _require(tables == (len(self.users), len(self.items)), "the recommender needs one row per user and item")


def weight_arrays(parts: Parts) -> dict[str, NDArray[Any]]:
    """Return every array of ``parts`` by name."""
    scorer, recommender, denoiser = parts.scorer, parts.recommender, parts.denoiser
    arrays: dict[str, NDArray[Any]] = {
        "scorer.table": scorer.table,
        "scorer.mean": scorer.mean,
        "scorer.scale": scorer.scale,
        "scorer.offset": scorer.offset,
        **_layers("scorer.layers", scorer.layers),
    }
    if denoiser is not None:
        arrays |= {"denoiser.first": denoiser.first, "denoiser.step_bias": denoiser.step_bias}
        arrays |= {"denoiser.c0": denoiser.c0, "denoiser.ct": denoiser.ct}
        arrays |= _layers("denoiser.further", denoiser.further)
    if recommender is not None:
        arrays |= {"recommender.user_table": recommender.user_table, "recommender.item_table": recommender.item_table}
        if recommender.blend is not None:
            arrays |= _of_blend(recommender.blend)
        if recommender.memory is not None:
            memory = recommender.memory
            arrays |= {"recommender.user_memory": memory.users, "recommender.item_memory": memory.items}
    return arrays


def _of_blend(blend: BlendWeights) -> dict[str, NDArray[Any]]:
    arrays: dict[str, NDArray[Any]] = {f"blend.{name}.weight": np.array(each) for name, each in blend.weights.items()}
    for name, (follows, added) in blend.tables.items():
        arrays |= {f"blend.{name}.items": follows, f"blend.{name}.added": added}
    return arrays if blend.popularity is None else {**arrays, f"blend.{POPULARITY}": blend.popularity}


def _layers(name: str, layers: tuple[Layer, ...]) -> dict[str, NDArray[Any]]:
    named: dict[str, NDArray[Any]] = {}
    for index, (weight, bias) in enumerate(layers):
        named |= {f"{name}.{index}.weight": weight, f"{name}.{index}.bias": bias}
    return named


def _require(holds: bool, message: str) -> None:
    if not holds:
        raise ArtifactError(f"cannot export: {message}")


def require_scores(parts: Parts, layout: str) -> None:
    """Refuse to hand a model without a scorer to a system that would ask its graph all the same.

    Raises:
        DataError: it is one; the message says why.
    """
    reason = parts.metadata.get("unscored")
    if reason is not None:
        raise DataError(f"a {layout} folder serves scores, and this model has none: {reason}")

"""What a fitted scorer keeps so that users and edges that come later get rows of its table without another fit.

Letters: U users, I items, E edges, k eigenvectors, S singular vectors, D latent width, T taste directions, G scales.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from recdiff.arrays import Float32, Float64, Half, Int64
from recdiff.graph.pairs import ends_of
from recdiff.scorer.accounts import SCALES
from recdiff.scorer.evidence import NOISE_DRAWS, plain
from recdiff.scorer.pair_scorer import Span
from recdiff.scorer.round import Encodings
from recdiff.scorer.setup import Setup
from recdiff.scorer.table import LATENT_COLUMNS, LATENT_TASTE, unit_rows

_NET = "net/"


@dataclass(frozen=True, eq=False)
class Growth:
    """Figures of the whole graph's encoding that rows of further users are made with.

    Attributes:
        weight: (E,) of each edge there.
        value: (k,) lengths of the eigenvalues; singular: (S,) singular values, none where the graph is undirected.
        degree: (2,) mean degree, and mean degree out, of the weighted graph.
        usual: (G + 1,) log number of items of users by the scale of their degree, and of all; none without items.
        friendless: (2,) what the columns quiet and agree hold where there are no friends.
        latent: (2, D) mean and scale of the latent rows; none without a denoiser, as the next three.
        movement: (1,) the median user's movement by denoising; none without a denoiser.
        noise: (``NOISE_DRAWS``, D), which evidence is taken with.
        rarity: (I,), directions: (I, T): how interactions turn into tastes; none without them.
        net: the conditional denoiser's weights by name.
    """

    weight: Float32
    value: Float32
    singular: Float32
    degree: Float64
    usual: Float32
    friendless: Float32
    latent: Float32
    movement: Float32
    noise: Float32
    rarity: Float32
    directions: Float32
    net: Mapping[str, Float32]

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        """Return all of it as arrays by name."""
        found = {each.name: getattr(self, each.name) for each in fields(self) if each.name != "net"}
        return found | {f"{_NET}{name}": array for name, array in self.net.items()}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> Growth:
        """Return what ``to_arrays`` gave."""
        net = {name.removeprefix(_NET): array for name, array in arrays.items() if name.startswith(_NET)}
        return cls(**{each.name: arrays[each.name] for each in fields(cls) if each.name != "net"}, net=net)

    def reordered(self, place: Tensor) -> Growth:
        """Return it for edges in another order: the edge at n was at ``place[n]``, (E,)."""
        return replace(self, weight=torch.as_tensor(self.weight).index_select(0, place).numpy())


def growth_of(setup: Setup, encodings: Encodings, movement: Float32) -> Growth:
    """Return what is to be kept of the encoding of the whole graph, the last one.

    Args:
        movement: (U,) how far denoising moves each user; empty without a denoiser.
    """
    graph, table = setup.graph, encodings.tables[-1].cpu().numpy()
    count = len(graph.edges)
    weight = np.ones(count, np.float32) if encodings.weight is None else encodings.weight.cpu().numpy()
    taste, at = setup.tastes, encodings.at
    latent, noise = np.empty((2, 0), np.float32), np.empty((NOISE_DRAWS, 0), np.float32)
    if encodings.net is not None:
        names = [name for name in ("unit", "taste", *LATENT_COLUMNS) if name in at]
        raw = latent_inputs({name: column(table, at, name) for name in names}, setup.config.table.positive)
        latent = np.stack([raw.mean(axis=0), raw.std(axis=0) + np.float32(1e-6)])
        noise = np.random.default_rng(setup.seeds.noise).standard_normal((NOISE_DRAWS, raw.shape[1])).astype(np.float32)
    friends = ends_of(graph.edges, graph.num_users)
    return Growth(
        weight=weight,
        value=_root_mean_square(spectral_rows(table, at)),
        singular=_singular(table, at, graph.edges, weight),
        degree=np.array([2.0, 1.0]) * weight.sum(dtype=np.float64) / graph.num_users,
        usual=_usual(table, at, friends),
        friendless=_friendless(table, at, friends),
        latent=latent,
        movement=np.array([np.median(movement)] if len(movement) else [], np.float32),
        noise=noise,
        rarity=taste.rarity,
        directions=taste.directions.cpu().numpy(),
        net={} if encodings.net is None else plain(encodings.net),
    )


def column(table: Half, at: Mapping[str, Span], name: str) -> Float32:
    """Return the columns of the table (U, F) that are called ``name``, (U, width)."""
    return np.asarray(table[:, slice(*at[name])], np.float32)


def spectral_rows(table: Half, at: Mapping[str, Span]) -> Float32:
    """Return the users' rows of the eigenvectors, each as long as its eigenvalue says, (U, k)."""
    return column(table, at, "unit") * column(table, at, "length")


def sided_rows(table: Half, at: Mapping[str, Span], side: str, degree: Float64, mean: float) -> Float32:
    """Return the users' rows of the singular vectors of one ``side`` ("out" or "into"), (U, S).

    Args:
        degree: (U,) the users' degree on that side. mean: of all of them when the graph was encoded.
    """
    length = column(table, at, f"pull_{side}")[:, 0] / np.sqrt((degree + 1.0) / (mean + 1.0))
    return np.asarray(column(table, at, f"unit_{side}") * length[:, None], np.float32)


def latent_inputs(columns: Mapping[str, NDArray[Any]], positive: int) -> Float32:
    """Return the latent rows that ``columns`` (R, width) lead to, unstandardised, (R, D); see ``table.latent_rows``.

    Args:
        positive: how many eigenvectors are of positive eigenvalues.
    """
    unit = torch.as_tensor(np.asarray(columns["unit"][:, :positive], np.float32))
    parts: list[NDArray[Any]] = [unit_rows(unit).numpy(), *(columns[name] for name in LATENT_COLUMNS)]
    if "taste" in columns:
        parts.append(columns["taste"][:, :LATENT_TASTE])
    found: Float32 = np.concatenate(parts, axis=1).astype(np.float32)
    return found


def scale_of(degree: Float64) -> Int64:
    """Return in which group of degrees users with so many edges are compared."""
    return np.round(SCALES * np.log2(degree + 1.0)).astype(np.int64)


def _root_mean_square(rows: Float32) -> Float32:
    return np.asarray(np.sqrt(np.square(rows).mean(axis=0, dtype=np.float64)), np.float32)


def _singular(table: Half, at: Mapping[str, Span], edges: Int64, weight: Float32) -> Float32:
    """Return the singular values (S,): the rows of either side have them as their mean square."""
    if "unit_out" not in at:
        return np.empty(0, np.float32)
    out = np.bincount(edges[:, 0], weight, len(table)).astype(np.float64)
    rows = sided_rows(table, at, "out", out, float(out.mean()))
    return np.square(_root_mean_square(rows))


def _usual(table: Half, at: Mapping[str, Span], friends: Int64) -> Float32:
    if "lack" not in at:
        return np.empty(0, np.float32)
    items = column(table, at, "items")[:, 0]
    scale = scale_of(friends.astype(np.float64))
    total, count = np.bincount(scale, items - column(table, at, "lack")[:, 0]), np.bincount(scale)
    mean = float(items.mean())
    return np.append(np.where(count > 0, total / np.maximum(count, 1), mean), mean).astype(np.float32)


def _friendless(table: Half, at: Mapping[str, Span], friends: Int64) -> Float32:
    if "quiet" not in at:
        return np.empty(0, np.float32)
    known = friends > 0
    return np.array([column(table, at, name)[known].mean() for name in ("quiet", "agree")], np.float32)

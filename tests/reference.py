"""The published formulas once more, written slowly and plainly in numpy: what the tests compare with.

Letters: U users, I items, N nodes, B rows, D embedding width, H time-embedding width, T diffusion steps.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


def alpha_bars(steps: int, scale: float) -> list[float]:
    """Return the share of signal left after each step: the noise variance rises from 1e-4 to 1e-2 times ``scale``."""
    product, previous, result = 1.0, 1.0, []
    for t in range(steps):
        target = 1.0 - scale * (1e-4 + (1e-2 - 1e-4) * t / (steps - 1))
        beta = min(1.0 - target / previous, 0.999)
        product *= 1.0 - beta
        result.append(product)
        previous = target
    return result


def posterior(alpha_bar: list[float], t: int, x0: float, xt: float) -> tuple[float, float]:
    """Return mean and variance of x_{t-1} given x_t and x_0, by multiplying two normal densities (Bayes)."""
    before = alpha_bar[t - 1]
    step = alpha_bar[t] / before
    # x_{t-1} | x_0 has mean sqrt(before) x_0, variance 1 - before; x_t | x_{t-1} has mean sqrt(step) x_{t-1}.
    precision = 1.0 / (1.0 - before) + step / (1.0 - step)
    mean = (math.sqrt(before) * x0 / (1.0 - before) + math.sqrt(step) * xt / (1.0 - step)) / precision
    return mean, 1.0 / precision


def loss_weights(alpha_bar: list[float]) -> list[float]:
    """Return how much the signal-to-noise ratio falls with each step, 1 at the first."""
    ratio = [share / (1 - share) for share in alpha_bar]
    return [1.0, *(before - after for before, after in itertools.pairwise(ratio))]


def time_features(t: int, width: int) -> Array:
    """Return cosines, then sines, of t at frequencies falling from 1 to nearly 1/10000, (H,)."""
    half = width // 2
    angles = [t * 10_000 ** (-j / half) for j in range(half)]
    return np.array([math.cos(angle) for angle in angles] + [math.sin(angle) for angle in angles])


def unit_rows(x: Array) -> Array:
    """Return rows divided by their length, rows of zeros as they are."""
    lengths = np.sqrt((x**2).sum(axis=1, keepdims=True))
    return x / np.where(lengths == 0, 1, lengths)


def denoise(x: Array, t: Array, weights: Mapping[str, Array]) -> Array:
    """Return the predicted x_0 (B, D) of rows at steps (B,); weights as (out, in)."""
    rows = []
    for row, step in zip(unit_rows(np.asarray(x, float)), t, strict=True):
        time = weights["time_weight"] @ time_features(int(step), len(weights["time_bias"])) + weights["time_bias"]
        hidden = np.tanh(weights["first_weight"] @ np.concatenate([row, time]) + weights["first_bias"])
        rows.append(weights["second_weight"] @ hidden + weights["second_bias"])
    return np.array(rows)


def reverse_walk(x: Array, weights: Mapping[str, Array], alpha_bar: list[float]) -> Array:
    """Return rows after all reverse steps along the posterior mean, the last of which is the prediction itself."""
    x = np.asarray(x, float)
    for t in range(len(alpha_bar) - 1, -1, -1):
        predicted = denoise(x, np.full(len(x), t), weights)
        if t == 0:
            return predicted
        of_x0, _ = posterior(alpha_bar, t, 1.0, 0.0)
        of_xt, _ = posterior(alpha_bar, t, 0.0, 1.0)
        x = of_x0 * predicted + of_xt * x
    raise AssertionError("no step at all")


def propagate(adjacency: Array, x: Array) -> Array:
    """Return D^-1/2 A D^-1/2 x, entry by entry; A (N, N) dense."""
    degree = adjacency.sum(axis=1)
    out = np.zeros_like(x, dtype=float)
    for i, j in zip(*np.nonzero(adjacency), strict=True):
        out[i] += adjacency[i, j] / math.sqrt(degree[i] * degree[j]) * x[j]
    return out


def leaky(x: Array) -> Array:
    """Return x where positive, half of it elsewhere."""
    return np.where(x > 0, x, 0.5 * x)


def interaction_embeddings(
    interactions: Array, users: Array, items: Array, user_weights: list[Array], item_weights: list[Array]
) -> Array:
    """Return the encoder's output over interactions R (U, I), users before items, (U + I, D)."""
    count = len(users)
    adjacency = np.block(
        [[np.zeros((count, count)), interactions], [interactions.T, np.zeros((len(items), len(items)))]]
    )
    hidden = np.vstack([users, items]).astype(float)
    total = hidden.copy()
    for w_user, w_item in zip(user_weights, item_weights, strict=True):
        hidden = leaky(propagate(adjacency, np.vstack([hidden[:count] @ w_user, hidden[count:] @ w_item])))
        total += unit_rows(hidden)
    return total


def social_embeddings(adjacency: Array, users: Array, weights: list[Array]) -> Array:
    """Return the encoder's output over social edges, (U, D)."""
    hidden = np.asarray(users, float)
    total = hidden.copy()
    for weight in weights:
        hidden = leaky(propagate(adjacency, hidden @ weight))
        total += unit_rows(hidden)
    return total


def bpr(user: Array, positive: Array, negative: Array) -> float:
    """Return the sum of -log sigmoid(u.p - u.n), divided by the number of rows."""
    total = 0.0
    for u, p, n in zip(user, positive, negative, strict=True):
        total -= math.log(1 / (1 + math.exp(-(float(u @ p) - float(u @ n)))))
    return total / len(user)


def squared_norms(*parts: Array) -> float:
    """Return the sum of squares of all parts, divided by the rows of the first."""
    return float(sum((part.astype(float) ** 2).sum() for part in parts)) / len(parts[0])

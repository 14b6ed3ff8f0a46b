"""A network with two more things to say: log odds that features add directly, and a class like the first.

SiLU(x) - SiLU(-x) = x, so two hidden units a layer carry a linear part through the network unchanged.

Letters: N inputs, C classes.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from recdiff.arrays import Float32
from recdiff.scorer.pair_scorer import Layer


@dataclass(frozen=True, eq=False)
class Direct:
    """What inputs x (N,) add to the log odds of every kind: x . ``weights`` + ``constant``."""

    weights: Float32
    constant: float


def widened(layers: tuple[Layer, ...], direct: Direct) -> tuple[Layer, ...]:
    """Return ``layers`` with one class more, whose logit is the first one's, and ``direct`` added to all but the first.

    C outputs become C + 1.
    """
    *hidden, (last, last_bias) = layers
    last, last_bias = np.concatenate([last, last[:1]]), np.concatenate([last_bias, last_bias[:1]])
    last_bias = last_bias.copy()
    last_bias[1:] += np.float32(direct.constant)
    added = np.ones((len(last), 1), np.float32)
    added[0] = 0.0
    if not hidden:
        return ((last + added * direct.weights, last_bias),)
    if not direct.weights.any():
        return (*hidden, (last, last_bias))
    (first, bias), *further = hidden
    both = np.stack([direct.weights, -direct.weights])
    wide = [(np.concatenate([first, both]), np.concatenate([bias, np.zeros(2, np.float32)]))]
    carry = np.array([[1.0, -1.0], [-1.0, 1.0]], np.float32)
    wide += [(_diagonal(weight, carry), np.concatenate([shift, np.zeros(2, np.float32)])) for weight, shift in further]
    return (*wide, (np.concatenate([last, added, -added], axis=1), last_bias))


def _diagonal(first: Float32, second: Float32) -> Float32:
    """Return the matrix with ``first`` and ``second`` on its diagonal."""
    out = np.zeros((len(first) + len(second), first.shape[1] + second.shape[1]), np.float32)
    out[: len(first), : first.shape[1]], out[len(first) :, first.shape[1] :] = first, second
    return out

"""What inputs say without a network: log odds added to every kind, and classes that a column tells by itself.

These are made groups, accounts like labelled ones and fakes of no known kind.

Letters: N features, C classes, G classes of columns but the last.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from recdiff.arrays import Float32
from recdiff.scorer.pair_scorer import Layer, PairTerm
from recdiff.scorer.round import Round
from recdiff.scorer.untaught.answers import ASKING
from recdiff.scorer.untaught.labelled import ACCOUNT
from recdiff.scorer.untaught.oddity import Oddity
from recdiff.scorer.untaught.staged import STAGED


@dataclass(frozen=True, eq=False)
class Direct:
    """Linear functions of inputs x (N,).

    Attributes:
        weights: (N,) and constant: what x . weights + constant adds to the log odds of every kind.
        own: (G, N), own @ x are the log odds of made groups and, where accounts are labelled, of accounts like those.
        odd: x . odd.weights + odd.constant is the log ratio of fakes of no known kind.
    """

    weights: Float32
    constant: float
    own: Float32
    odd: Oddity

    @classmethod
    def of(cls, made: Round, odd: Oddity) -> Direct:
        """Return what the features say: how rarely the ends of directed edges answer, and which group they are of."""
        at = made.encodings.at
        told = [name for name in (STAGED, ACCOUNT) if name in at]
        weights, own = np.zeros(len(made.mean), np.float32), np.zeros((len(told), len(made.mean)), np.float32)
        if "asked" in at:
            weights[made.places([PairTerm("dst", at["asked"], at["asked"])])] = 1.0
            weights[made.places([PairTerm("src", at["asking"], at["asking"])])] = ASKING
        for line, name in zip(own, told, strict=True):
            line[made.places([PairTerm("low", at[name], at[name])])] = -1.0
        return cls(weights * made.scale, float(weights @ made.mean), own * made.scale, odd)


def widened(layers: tuple[Layer, ...], direct: Direct) -> tuple[Layer, ...]:
    """Return ``layers`` with the classes of ``direct`` more, fakes of no known kind last, and what it adds to kinds.

    C outputs become C + G + 1. The new ones start from the first one's logit; all but the first get what is added.
    Features that the layers do not see are the last ones. SiLU(x) - SiLU(-x) = x, so two hidden units a layer carry a
    linear part through unchanged.
    """
    (first, bias), *further = layers
    first = np.pad(first, ((0, 0), (0, len(direct.weights) - first.shape[1])))
    *hidden, (last, last_bias) = (first, bias), *further
    more = len(direct.own) + 1
    last, last_bias = (np.concatenate([each, np.repeat(each[:1], more, axis=0)]) for each in (last, last_bias))
    last_bias[1:] += np.float32(direct.constant)
    last_bias[-1] += np.float32(direct.odd.constant)
    lines = np.stack([direct.weights, *direct.own, direct.odd.weights])
    added = np.zeros((len(last), len(lines)), np.float32)
    added[1:, 0] = 1.0
    added[-more:, 1:] = np.eye(more)
    if not hidden:
        return ((last + added @ lines, last_bias),)
    none = np.zeros(2 * len(lines), np.float32)
    (first, bias), *further = hidden
    wide = [(np.concatenate([first, lines, -lines]), np.concatenate([bias, none]))]
    one = np.eye(len(lines), dtype=np.float32)
    carry = np.block([[one, -one], [-one, one]])
    wide += [(_diagonal(weight, carry), np.concatenate([shift, none])) for weight, shift in further]
    return (*wide, (np.concatenate([last, added, -added], axis=1), last_bias))


def _diagonal(first: Float32, second: Float32) -> Float32:
    """Return the matrix with ``first`` and ``second`` on its diagonal."""
    out = np.zeros((len(first) + len(second), first.shape[1] + second.shape[1]), np.float32)
    out[: len(first), : first.shape[1]], out[len(first) :, first.shape[1] :] = first, second
    return out

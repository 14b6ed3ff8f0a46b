"""What inputs say without a network: log odds added to every kind, those of made groups and of fakes of no known kind.

Letters: N features, C classes.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from recdiff.arrays import Float32
from recdiff.scorer.pair_scorer import Layer, PairTerm
from recdiff.scorer.round import Round
from recdiff.scorer.untaught.answers import ASKING
from recdiff.scorer.untaught.oddity import Oddity
from recdiff.scorer.untaught.staged import STAGED


@dataclass(frozen=True, eq=False)
class Direct:
    """Linear functions of inputs x (N,).

    Attributes:
        weights: (N,) and constant: what x . weights + constant adds to the log odds of every kind.
        staged: (N,), x . staged are the log odds of a made group.
        odd: x . odd.weights + odd.constant is the log ratio of fakes of no known kind.
    """

    weights: Float32
    constant: float
    staged: Float32
    odd: Oddity

    @classmethod
    def of(cls, made: Round, odd: Oddity) -> Direct:
        """Return what the features say: how rarely the ends of directed edges answer, and which group they are of."""
        weights, staged = np.zeros((2, len(made.mean)), np.float32)
        at = made.encodings.at
        if "asked" in at:
            weights[made.places([PairTerm("dst", at["asked"], at["asked"])])] = 1.0
            weights[made.places([PairTerm("src", at["asking"], at["asking"])])] = ASKING
        staged[made.places([PairTerm("low", at[STAGED], at[STAGED])])] = -1.0
        return cls(weights * made.scale, float(weights @ made.mean), staged * made.scale, odd)


def widened(layers: tuple[Layer, ...], direct: Direct) -> tuple[Layer, ...]:
    """Return ``layers`` with two classes more, made groups and fakes of no known kind, and what is added ``direct``.

    C outputs become C + 2. Both start from the first one's logit, and ``direct`` is added to all but the first.
    Features that the layers do not see are the last ones. SiLU(x) - SiLU(-x) = x, so two hidden units a layer carry a
    linear part through unchanged.
    """
    (first, bias), *further = layers
    first = np.pad(first, ((0, 0), (0, len(direct.weights) - first.shape[1])))
    *hidden, (last, last_bias) = (first, bias), *further
    last, last_bias = (
        np.concatenate([last, last[:1], last[:1]]),
        np.concatenate([last_bias, last_bias[:1], last_bias[:1]]),
    )
    last_bias[1:] += np.float32(direct.constant)
    last_bias[-1] += np.float32(direct.odd.constant)
    lines = np.stack([direct.weights, direct.staged, direct.odd.weights])
    added = np.zeros((len(last), len(lines)), np.float32)
    added[1:, 0] = 1.0
    added[-2, 1] = added[-1, 2] = 1.0
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

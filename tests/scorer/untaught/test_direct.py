"""What inputs say without a network, carried through one."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from recdiff.scorer.pair_scorer import Layer, forward
from recdiff.scorer.untaught.direct import Direct, widened
from recdiff.scorer.untaught.oddity import Oddity


@pytest.mark.parametrize("widths", [(5, 3), (5, 4, 3), (5, 8, 6, 3)])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("told", [1, 2])
def test_a_widened_network_says_what_it_said_and_what_is_direct(
    widths: tuple[int, ...], told: int, weighted: bool
) -> None:
    rng = np.random.default_rng(0)
    layers: tuple[Layer, ...] = tuple(
        (rng.standard_normal((stop, start)).astype(np.float32), rng.standard_normal(stop).astype(np.float32))
        for start, stop in pairwise(widths)
    )
    # The sixth input is one that the network does not see.
    x = rng.standard_normal((40, 6)).astype(np.float32)
    weights, odd, *own = (rng.standard_normal((4, 6)) * [[weighted], [1.0], [1.0], [1.0]]).astype(np.float32)
    direct = Direct(weights, 0.25, np.stack(own[:told]), Oddity(odd, -0.5))
    before, after = forward(layers, x[:, :5]), forward(widened(layers, direct), x)
    added = x @ direct.weights + direct.constant
    near = {"rtol": 1e-4, "atol": 1e-4}
    np.testing.assert_allclose(after[:, 0], before[:, 0], **near)
    np.testing.assert_allclose(after[:, 1:3], before[:, 1:] + added[:, None], **near)
    np.testing.assert_allclose(after[:, 3:-1], (before[:, 0] + added)[:, None] + x @ direct.own.T, **near)
    np.testing.assert_allclose(after[:, -1], before[:, 0] + added + x @ odd - 0.5, **near)

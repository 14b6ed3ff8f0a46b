"""A widened network says what the network said, and two things more."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from recdiff.scorer.pair_scorer import Layer, forward
from recdiff.scorer.widened import Direct, widened


@pytest.mark.parametrize("widths", [(5, 3), (5, 4, 3), (5, 8, 6, 3)])
@pytest.mark.parametrize("weighted", [False, True])
def test_outputs(widths: tuple[int, ...], weighted: bool) -> None:
    rng = np.random.default_rng(0)
    layers: tuple[Layer, ...] = tuple(
        (rng.standard_normal((stop, start)).astype(np.float32), rng.standard_normal(stop).astype(np.float32))
        for start, stop in pairwise(widths)
    )
    x = rng.standard_normal((40, 5)).astype(np.float32)
    direct = Direct((rng.standard_normal(5) * weighted).astype(np.float32), 0.25)
    before, after = forward(layers, x), forward(widened(layers, direct), x)
    added = x @ direct.weights + direct.constant
    np.testing.assert_allclose(after[:, 0], before[:, 0], rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(after[:, 1:3], before[:, 1:] + added[:, None], rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(after[:, 3], before[:, 0] + added, rtol=1e-4, atol=1e-4)

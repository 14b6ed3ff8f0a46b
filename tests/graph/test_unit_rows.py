"""Fused normalisation against the plain formula, gradients included."""

from __future__ import annotations

import numpy as np
import torch

from recdiff.graph.unit_rows import add_unit, unit
from tests import reference


def rows(seed: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(7, 5, generator=generator, dtype=torch.float64)


def test_rows_get_length_one_and_zeros_stay() -> None:
    x = rows(0)
    x[3] = 0
    np.testing.assert_allclose(unit(x).numpy(), reference.unit_rows(x.numpy()), rtol=1e-12)
    np.testing.assert_allclose(add_unit(rows(1), x).numpy(), rows(1).numpy() + reference.unit_rows(x.numpy()))


def test_gradients_are_those_of_numerical_differences() -> None:
    x, total = rows(0).requires_grad_(), rows(1).requires_grad_()
    assert torch.autograd.gradcheck(unit, (x,))
    assert torch.autograd.gradcheck(lambda t, y: add_unit(t.clone(), y), (total, x))


def test_the_gradient_of_a_zero_row_is_torchs_own() -> None:
    ours, theirs = torch.zeros(2, 3, requires_grad=True), torch.zeros(2, 3, requires_grad=True)
    unit(ours).sum().backward()
    torch.nn.functional.normalize(theirs, dim=-1).sum().backward()
    assert theirs.grad is not None
    assert ours.grad is not None
    torch.testing.assert_close(ours.grad, theirs.grad)

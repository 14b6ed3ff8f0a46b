"""How long a network learns, and batches of all but equal size."""

from __future__ import annotations

import pytest
import torch

from recdiff.config.scorer import ClassifierConfig
from recdiff.learning.batches import counted, cut


@pytest.mark.parametrize(
    ("rows", "epochs", "batches"),
    [
        (1, 40, 1),  # fewer rows than a batch has: one batch, gone through until there are enough steps
        (10, 40, 1),
        (39, 14, 3),
        (1_000, 6, 100),  # steps enough: as many epochs as are asked for
    ],
)
def test_small_data_are_gone_through_more_often(rows: int, epochs: int, batches: int) -> None:
    config = ClassifierConfig(epochs=6, batch_size=10, least_steps=40)
    assert counted(rows, config) == (epochs, batches)


def test_batches_hold_every_row_once_and_differ_by_one_at_most() -> None:
    found = cut(torch.arange(11), 3)
    assert found.shape == (3, 4)
    assert sorted(found[found >= 0].tolist()) == list(range(11))
    assert (found >= 0).sum(dim=1).tolist() == [4, 4, 3]

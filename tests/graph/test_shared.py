"""Friends in common, as a card looks them up, against products of matrices."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from recdiff.graph import shared
from recdiff.graph.pairs import undirected
from recdiff.graph.shared import Friends, looked_up, shared_friends


@pytest.mark.parametrize("kind", [np.int32, np.int64])
@pytest.mark.parametrize("at_once", [7, 1 << 20])
def test_counts_are_those_of_the_product(at_once: int, kind: type[np.generic], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shared, "LOOKED_UP", at_once)
    rng = np.random.default_rng(0)
    edges = undirected((40 * rng.random((300, 2)) ** 2).astype(np.int64), 40).astype(kind)
    some = Friends(torch.as_tensor(edges[::2].copy()), 40)
    whole = Friends(torch.as_tensor(edges), 40)
    pairs = torch.as_tensor(rng.integers(0, 40, (500, 2)).astype(kind))
    for first in (whole, some):
        expected = (first.adjacency @ whole.adjacency).toarray()[pairs[:, 0], pairs[:, 1]]
        assert looked_up(first, whole, pairs).tolist() == expected.tolist()
        assert shared_friends(first, whole, pairs).tolist() == expected.tolist()


def test_nobody_shares_friends_where_there_are_none() -> None:
    none = Friends(torch.empty((0, 2), dtype=torch.int64), 3)
    assert shared_friends(none, none, torch.tensor([[0, 1], [1, 2]])).tolist() == [0, 0]

"""The real data sets are read with the counts their sources state."""

from __future__ import annotations

import pytest

from recdiff.data.summary import describe
from tests.real import read


@pytest.mark.parametrize(
    ("name", "users", "items", "interactions", "ties", "directed"),
    [
        ("ciao", 1925, 15053, 33175, 32542, False),
        ("lastfm", 1892, 17632, 92834, 12717, False),
        ("yelp_hin", 16239, 14284, 198397, 79295, False),
        ("epinions", 22165, 296277, 912441, 355503, True),
        ("bitcoin_alpha", 3783, 0, 0, 24186, True),
    ],
)
def test_counts(name: str, users: int, items: int, interactions: int, ties: int, directed: bool) -> None:
    dataset = read(name)
    assert (len(dataset.users), len(dataset.items)) == (users, items)
    assert dataset.train.nnz + dataset.validation.nnz + dataset.test.nnz == interactions
    assert (len(dataset.edges), dataset.directed, dataset.mirrored) == (ties, directed, not directed)
    assert dataset.users.integers


def test_the_split_of_ciao() -> None:
    dataset = read("ciao")
    assert (dataset.train.nnz, dataset.validation.nnz, dataset.test.nnz) == (23223, 3317, 6635)


def test_the_reciprocity_of_directed_sets() -> None:
    assert describe(read("epinions"))["reciprocity"] == pytest.approx(0.385, abs=5e-4)
    assert describe(read("bitcoin_alpha"))["reciprocity"] == pytest.approx(0.832, abs=5e-4)

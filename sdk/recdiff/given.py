"""What a caller may give where a data set is asked for."""

from __future__ import annotations

from collections.abc import Sequence
from os import PathLike
from typing import TypeAlias

from recdiff.data.dataset import SocialDataset
from recdiff.data.problems import shorten
from recdiff.errors import UsageError

One: TypeAlias = "SocialDataset | str | PathLike[str]"
Given: TypeAlias = "One | Sequence[One]"
"""A data set or the folder that holds one; or a list of exactly one, as scikit-learn's searches hand over."""


def dataset_of(given: Given, seed: int) -> SocialDataset:
    """Return the data set, read from its folder with ``seed`` for the split where a folder is given.

    Raises:
        DataError: the folder's data cannot be used.
        UsageError: it is none of these.
    """
    if isinstance(given, list | tuple) and len(given) == 1:
        return dataset_of(given[0], seed)
    if isinstance(given, SocialDataset):
        return given
    if isinstance(given, str | PathLike):
        return SocialDataset.read(given, seed=seed)
    raise UsageError(
        f"{shorten(given)} is no data set; give a folder such as 'data/', SocialDataset.read(...), or "
        "SocialDataset.from_frames(social, interactions) for data frames"
    )

"""The real data sets, where they are."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from recdiff.data.dataset import SocialDataset

DATA = Path(os.environ.get("RECDIFF_DATA", Path(__file__).resolve().parent.parent.parent / "shared" / "data"))


def read(name: str) -> SocialDataset:
    """Read a real data set, or skip the test where it is absent."""
    if not (DATA / name).is_dir():
        pytest.skip(f"{DATA / name} is absent; RECDIFF_DATA names the folder that holds it")
    return SocialDataset.read(DATA / name)

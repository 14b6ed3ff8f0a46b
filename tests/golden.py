"""What the published model computes on a small graph, by name; see SOURCE.md beside the file."""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

DATA = Path(os.environ.get("RECDIFF_DATA", Path(__file__).resolve().parents[2] / "shared" / "data"))
# name -> (T, tau) of the published runs.
RUNS = {"ciao": (20, 1.0), "epinions": (200, 0.1), "yelp": (50, 0.1)}


def golden() -> dict[str, NDArray[Any]]:
    """Return every array of the file, or skip the test where it is absent."""
    file = DATA / "golden" / "recdiff_published.npz"
    if not file.exists():
        pytest.skip(f"{file} is absent (set RECDIFF_DATA to the folder that holds golden/)")
    return _read(file)


@cache
def _read(file: Path) -> dict[str, NDArray[Any]]:
    with np.load(file, allow_pickle=False) as arrays:
        return dict(arrays)


def denoiser_weights() -> dict[str, NDArray[Any]]:
    """Return the published denoiser's weights by their short names."""
    prefix = "denoiser/"
    return {name.removeprefix(prefix): value for name, value in golden().items() if name.startswith(prefix)}

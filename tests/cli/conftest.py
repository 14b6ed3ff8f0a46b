"""The sample and its model side by side, as `fit` leaves them."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from recdiff.audit.place import noted
from recdiff.estimator import RecDiff


@pytest.fixture
def place(run: Callable[..., object], tmp_path: Path, sample_folder: Path, model_folder: Path) -> Path:
    """A folder with the sample and its model, as `fit` would have left them."""
    shutil.copytree(sample_folder, tmp_path / "data")
    shutil.copytree(model_folder, tmp_path / "recdiff-model")
    model = RecDiff.load(tmp_path / "recdiff-model")
    model.fitted_ = noted(model.fitted_, tmp_path / "data", tmp_path / "recdiff-model")
    model.save(tmp_path / "recdiff-model")
    return tmp_path

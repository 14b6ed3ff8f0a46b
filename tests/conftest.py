"""Fixtures shared by all tests: a small sample, a model fitted on it once, and the real data where they are."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from recdiff.dataset import SocialDataset
from recdiff.estimator import RecDiff
from recdiff.sample import write_sample

ROOT = Path(__file__).resolve().parent.parent
SAMPLE_USERS = 300


@pytest.fixture(scope="session")
def sample_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a made-up data set of 300 users."""
    folder = tmp_path_factory.mktemp("sample") / "data"
    write_sample(folder, SAMPLE_USERS, seed=1)
    return folder


@pytest.fixture(scope="session")
def sample_dataset(sample_folder: Path) -> SocialDataset:
    return SocialDataset.read(sample_folder)


@pytest.fixture(scope="session")
def fitted(sample_dataset: SocialDataset) -> RecDiff:
    """A default model of the sample; tests must not change it."""
    return RecDiff(device="cpu").fit(sample_dataset)


@pytest.fixture(scope="session")
def model_folder(fitted: RecDiff, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The fitted model, saved."""
    folder = tmp_path_factory.mktemp("model") / "recdiff-model"
    fitted.save(folder)
    return folder


def real_data(name: str) -> Path:
    """Return the folder of a real data set, or skip the test where it is absent."""
    folder = Path(os.environ.get("RECDIFF_DATA", ROOT.parent / "shared" / "data")) / name
    if not folder.is_dir():
        pytest.skip(f"the real data set {name} is not here (RECDIFF_DATA)")
    return folder

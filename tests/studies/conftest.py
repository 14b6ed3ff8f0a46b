"""A generated data folder, small enough that every study runs on it within a test."""

from __future__ import annotations

from pathlib import Path

import pytest

from recdiff.sample.folder import write_sample
from recdiff.studies.lab.budget import Budget
from recdiff.studies.lab.source import Source

TINY = Budget(quick=True, seeds=(0, 1), epochs=2, trials=1, repeats=1, resamples=50)


@pytest.fixture(scope="session")
def source(tmp_path_factory: pytest.TempPathFactory) -> Source:
    folder = tmp_path_factory.mktemp("studies") / "tiny"
    write_sample(folder, users=80, seed=3)
    return Source(folder)


@pytest.fixture
def budget() -> Budget:
    return TINY


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "studies"

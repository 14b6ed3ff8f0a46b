"""Fixtures shared by all tests: a small sample, a model fitted on it once, and the real data where they are."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import settings
from threadpoolctl import threadpool_limits

from recdiff.data.dataset import SocialDataset
from recdiff.estimator import RecDiff
from recdiff.sample.folder import write_sample
from recdiff_cli.main import main
from tests.update.quick import QUICK_SCORER

ROOT = Path(__file__).resolve().parent.parent
SAMPLE_USERS = 300
# Neighbours on the same cores lengthen an example, which says nothing of the code.
settings.register_profile("beside others", deadline=None)
settings.load_profile("beside others")


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> Iterator[None]:
    """Compute on one thread: matrices this small gain nothing from more, and suites side by side share the cores.

    Sums are then added in the same order here and in child processes, which inherit the variables.
    """
    with pytest.MonkeyPatch.context() as patch, threadpool_limits(1):
        for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
            patch.setenv(name, "1")
        torch.set_num_threads(1)
        yield


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


@pytest.fixture
def quick_scorer(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Settings of a scorer that learns little within a second; commands find them in the environment.

    For promises that do not depend on how good the scores are: by default forty networks learn from a small graph.
    """
    for name, value in QUICK_SCORER.items():
        monkeypatch.setenv(f"RECDIFF_{name.upper()}", str(value))
    return QUICK_SCORER


@pytest.fixture
def run(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> Iterator[Callable[..., tuple[int, str, str]]]:
    """Run a command line in a new folder and return its exit code, stdout and stderr."""
    monkeypatch.chdir(tmp_path)
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def call(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["recdiff-sdk", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            main()
        printed = capsys.readouterr()
        return int(ended.value.code or 0), printed.out, printed.err

    yield call
    for number, handler in handlers.items():
        signal.signal(number, handler)

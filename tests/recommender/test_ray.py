"""Training with Ray: two workers come to the table of one process; what is missing is named."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any, Literal

import numpy as np
import pytest
import scipy.sparse as sp
import torch

from recdiff.config import Config
from recdiff.data.dataset import SocialDataset
from recdiff.errors import UsageError
from recdiff.estimator import RecDiff
from recdiff.machine.ray_cluster import INSTALL, cluster, crew
from recdiff.recommender import fit as recommender
from recdiff.recommender.ray import train_on_ray
from tests.recommender.test_shards import CONFIG, data, judge_of


@pytest.fixture(scope="module")
def two_workers() -> Iterator[None]:
    pytest.importorskip("ray", reason=f"needs Ray: {INSTALL}")
    with cluster():
        yield


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning:ray", "ignore::FutureWarning:ray")
@pytest.mark.parametrize("killed", [False, True])
def test_two_workers_come_to_the_table_of_one_process(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], two_workers: None, killed: bool
) -> None:
    given = data()
    judge, died = judge_of(given), tmp_path / "died"

    def killing_once(rows: np.ndarray) -> float:
        if killed and not died.exists():
            died.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return judge(rows)

    train = given.train[:, given.active]
    trial = train_on_ray(CONFIG, train, given.social, killing_once, 5, folder=tmp_path / "run", workers=2)
    expected = recommender._train(CONFIG, given, 5)
    assert torch.allclose(trial.table, expected.table, atol=1e-5, rtol=0)
    assert [row["step"] for row in trial.history] == [row["step"] for row in expected.history]
    values = [[row["validation"] for row in each.history] for each in (trial, expected)]
    assert np.argmax(values[0]) == np.argmax(values[1])
    assert died.exists() == killed
    assert not any((tmp_path / "run").iterdir())
    assert capfd.readouterr().out == ""


def test_ray_that_is_missing_is_named_with_its_remedy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    given = data()
    with pytest.raises(UsageError, match=r"pip install '\.\[ray\]'"):
        train_on_ray(CONFIG, given.train, given.social, None, 5, folder=tmp_path)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning:ray", "ignore::FutureWarning:ray")
def test_a_fit_on_two_workers_is_the_fit_of_one_process(
    sample_dataset: SocialDataset, tmp_path: Path, two_workers: None
) -> None:
    config = Config(device="cpu", recommender=replace(CONFIG, steps=20))
    here = RecDiff(config=config).fit(sample_dataset)
    there = RecDiff(config=config).fit(sample_dataset, checkpoints=tmp_path / "run", engine="ray", workers=2)
    arrays = [model.fitted_.recommender.to_arrays() for model in (here, there) if model.fitted_.recommender]
    for name, values in arrays[0].items():
        np.testing.assert_allclose(arrays[1][name], values, atol=1e-5, rtol=0, err_msg=name)
    assert [row["step"] for row in there.fitted_.history] == [row["step"] for row in here.fitted_.history]
    assert np.array_equal(there.score_edges(), here.score_edges())


def test_ray_without_its_training_library_is_named_with_its_remedy(
    tmp_path: Path, sample_dataset: SocialDataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    ray = ModuleType("ray")
    ray.is_initialized = lambda: True  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "ray", ray)
    with pytest.raises(UsageError, match=r"--engine ray needs Ray Train .*pip install '\.\[ray\]'"):
        RecDiff().fit(sample_dataset, checkpoints=tmp_path / "run", engine="ray")


@pytest.mark.parametrize(
    ("preset", "options", "message"),
    [
        ("default", {"workers": 2}, "workers = 2: only engine ray has workers"),
        ("default", {"engine": "ray"}, "engine ray needs a folder for checkpoints"),
        ("paper", {"engine": "ray", "checkpoints": "run"}, "preset paper needs engine local"),
    ],
)
def test_what_ray_does_not_do_is_refused(
    sample_dataset: SocialDataset, preset: Literal["default", "paper"], options: dict[str, Any], message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        RecDiff(preset).fit(sample_dataset, **options)


def test_without_interactions_there_is_nothing_for_ray(sample_dataset: SocialDataset, tmp_path: Path) -> None:
    nothing = sp.csr_matrix(sample_dataset.train.shape, dtype=np.float32)
    with pytest.raises(UsageError, match="these data have no interactions; use engine local"):
        RecDiff().fit(replace(sample_dataset, train=nothing), checkpoints=tmp_path, engine="ray")


@pytest.mark.parametrize("workers", [0, -1])
def test_fewer_workers_than_one_are_refused(workers: int) -> None:
    with pytest.raises(UsageError, match=f"workers = {workers}: at least 1 is needed"):
        crew(None, "cpu", workers)

"""Training with Ray: two workers come to the table of one process; what is missing is named."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from recdiff import recommender
from recdiff.cluster import INSTALL, cluster
from recdiff.errors import UsageError
from recdiff.ray_train import train_on_ray
from test_distributed import CONFIG, data, judge_of


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
    with pytest.raises(UsageError, match=r"pip install 'recdiff-sdk\[ray\]'"):
        train_on_ray(CONFIG, given.train, given.social, None, 5, folder=tmp_path)

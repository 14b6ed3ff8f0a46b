"""`evaluate-edges --beside` trains a published system and judges what it makes of the same edges."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import scipy.sparse as sp
from sklearn.metrics import roc_auc_score

from recdiff.baselines import Task
from recdiff.baselines.neural.gdmsr import tie_confidence
from recdiff.data.dataset import SocialDataset
from recdiff.data.labels import read_labels
from recdiff.errors import DataError
from recdiff.estimator import RecDiff
from recdiff.evaluation import beside
from recdiff.model.fitted import Fitted
from tests.update.quick import QUICK

Run = Callable[..., tuple[int, str, str]]
Quick = tuple[Fitted, Path]


@pytest.fixture(scope="module")
def quick(sample_dataset: SocialDataset, tmp_path_factory: pytest.TempPathFactory) -> Quick:
    """A model that learned little, and where it is saved."""
    model = RecDiff(device="cpu", blend=False, **QUICK).fit(sample_dataset)
    folder = tmp_path_factory.mktemp("quick") / "model"
    model.save(folder)
    return model.fitted_, folder


@pytest.fixture
def judge(quick: Quick, sample_folder: Path) -> tuple[object, ...]:
    return "evaluate-edges", "--truth", sample_folder / "truth.parquet", "--model", quick[1]


def test_a_published_system_is_trained_and_judged_beside_ours(
    run: Run,
    judge: tuple[object, ...],
    quick: Quick,
    sample_folder: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(beside, "EPOCHS", 2)
    code, out, err = run(*judge, "--beside", "gdmsr", "--beside", "gdmsr", "--json")
    assert code == 0, err
    assert err.count("gdmsr learned with these very edges as real ones") == 1
    found = json.loads(out)
    assert found["given"] == ["gdmsr"]
    assert found["best_heuristic"] != "gdmsr"
    # No probability of being fake, so there is no calibration to measure.
    assert found["scorers"]["gdmsr"]["calibration_error"] is None
    model = quick[0]
    confidence = tie_confidence(Task(model.trained, model.graph, lambda score: 0.0), epochs=2)
    truth = read_labels(sample_folder / "truth.parquet", model.users, {})
    rows = model.rows_of(truth.pairs)
    known, first = np.unique(rows[rows >= 0], return_index=True)
    auc = roc_auc_score(truth.is_fake[rows >= 0][first], -confidence[known])
    assert found["scorers"]["gdmsr"]["auc"] == pytest.approx(auc)


def test_what_cannot_stand_beside_ours_is_refused_before_any_work(
    run: Run, judge: tuple[object, ...], quick: Quick, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(beside, "SYSTEMS", {"gdmsr": None})  # nothing that could be called
    model = quick[0]
    code, _, err = run(*judge, "--beside", "gdmrs")
    assert (code, "--beside gdmrs (did you mean 'gdmsr'?): accepted are gdmsr" in err) == (2, True), err
    ends = [model.users.take(model.pairs[:, side]) for side in (0, 1)]
    (tmp_path / "gdmsr").mkdir()
    table = pa.table({"src": ends[0], "dst": ends[1], "score": model.edges["fake_score"]})
    pq.write_table(table, tmp_path / "gdmsr" / "part.parquet")
    code, _, err = run(*judge, "--scores", "gdmsr")
    assert (code, "rename the file" in err) == (2, True), err
    bare = replace(model, trained=sp.csr_matrix(model.trained.shape, dtype=np.float32))
    with pytest.raises(DataError, match="--beside gdmsr: it learns from interactions, and this model was"):
        beside.require_systems(["gdmsr"], bare)

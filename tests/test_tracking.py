"""A fit is logged to an MLflow store: settings, metrics and the model folder; what cannot be logged is told early."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from recdiff.errors import UsageError, WriteError
from recdiff.estimator import RecDiff
from recdiff.extras import install_with
from recdiff.tracking import Tracker, flat, measured

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A folder of this machine as MLflow's store, which current versions take only when they are told to."""
    pytest.importorskip("mlflow", reason="MLflow is not installed")
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    return (tmp_path / "runs").as_uri()


def last_run(uri: str) -> Any:
    """Return the only run of the store."""
    tracker = Tracker.reached(uri)
    (run,) = tracker.client.search_runs([tracker.experiment])
    return run


def test_settings_by_their_dotted_names() -> None:
    assert dict(flat({"seed": 1, "scorer": {"folds": None, "table": {"ridge": 0.1}}})) == {
        "seed": 1,
        "scorer.folds": None,
        "scorer.table.ridge": 0.1,
    }


def test_every_figure_has_a_name_that_mlflow_takes(fitted: RecDiff) -> None:
    found = dict(measured(fitted.fitted_))
    metrics, share = fitted.fitted_.metrics, fitted.fitted_.calibration["fake_share"]
    assert found["test/recall_at_20"] == metrics["test"]["recall@20"]
    assert found["test_low/recall_at_20"] == metrics["interval"]["recall@20"][0]
    assert found["popularity/ndcg_at_10"] == metrics["baselines"]["popularity"]["ndcg@10"]
    assert found["fake_share/high"] == share["high"]
    assert not any("@" in name for name in found)


def test_without_mlflow_the_message_says_how_to_install_it(run: Run, sample_folder: Path, monkeypatch: Any) -> None:
    monkeypatch.setitem(sys.modules, "mlflow", None)
    code, _, err = run("fit", sample_folder, "--mlflow", "http://127.0.0.1:9")
    assert (code, err) == (2, f"error: --mlflow needs MLflow; run: {install_with('mlflow')}\n")


def test_a_fit_is_logged_with_settings_metrics_and_model(
    store: str, run: Run, sample_folder: Path, tmp_path: Path, quick_scorer: dict[str, Any]
) -> None:
    code, _, err = run("fit", sample_folder, "--epochs", 2, "--mlflow", store)
    assert code == 0, err
    logged = last_run(store)
    assert f"MLflow run: {logged.info.run_id} at {store}" in err
    assert logged.info.status == "FINISHED"
    model = tmp_path / "recdiff-model"
    config, metrics = (json.loads((model / f"{name}.json").read_text()) for name in ("config", "metrics"))
    assert logged.data.params == {name: str(value) for name, value in flat(config)}
    assert logged.data.metrics["test/recall_at_20"] == pytest.approx(metrics["test"]["recall@20"])
    artifact = Path(logged.info.artifact_uri.removeprefix("file://")) / "model"
    assert {each.name: each.read_bytes() for each in artifact.iterdir()} == {
        each.name: each.read_bytes() for each in model.iterdir()
    }
    RecDiff.load(artifact)


def test_a_store_that_is_none_is_told_before_the_fit(store: str, run: Run, sample_folder: Path, tmp_path: Path) -> None:
    code, _, err = run("fit", sample_folder, "--mlflow", "nonsense://there")
    assert code == 2
    assert err.startswith("error: --mlflow nonsense://there: ")
    assert not (tmp_path / "recdiff-model").exists()


def test_a_run_that_could_not_be_written_whole_is_marked(store: str, fitted: RecDiff, tmp_path: Path) -> None:
    tracker = Tracker.reached(store)
    with pytest.raises(WriteError, match=r"absent is written, but --mlflow .* did not take it"):
        tracker.log(fitted.config_, fitted.fitted_, tmp_path / "absent")
    assert last_run(store).info.status == "FAILED"


def test_stores_are_refused_by_usage_errors(store: str) -> None:
    with pytest.raises(UsageError, match="--mlflow nonsense://there"):
        Tracker.reached("nonsense://there")

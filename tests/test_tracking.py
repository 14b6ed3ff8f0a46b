"""A fit is logged to an MLflow store: settings, metrics and the model folder; what cannot be logged is told early."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from recdiff.errors import UsageError, WriteError
from recdiff.estimator import RecDiff
from recdiff.extras import install_with
from recdiff.machine.environment import defaults
from recdiff.tracking import SOON, Tracker, flat, measured

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A folder of this machine as MLflow's store, which current versions take only when they are told to."""
    pytest.importorskip("mlflow", reason="MLflow is not installed")
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    return (tmp_path / "runs").as_uri()


@pytest.fixture
def database(tmp_path: Path) -> str:
    """A SQLite file in a folder that is yet to be made, as MLflow's store."""
    pytest.importorskip("mlflow.store.tracking.sqlalchemy_store", reason="MLflow's part for databases is not installed")
    return f"sqlite:///{tmp_path}/tracked/mlflow.db"


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


def test_a_fit_is_logged_to_a_database(
    database: str, run: Run, sample_folder: Path, tmp_path: Path, quick_scorer: dict[str, Any]
) -> None:
    code, out, err = run("fit", sample_folder, "--epochs", 2, "--mlflow", database, "--json")
    assert code == 0, err
    assert json.loads(out)["model"] == "recdiff-model"
    logged = last_run(database)
    assert f"MLflow run: {logged.info.run_id} at {database}" in err
    assert logged.info.status == "FINISHED"
    assert "test/recall_at_20" in logged.data.metrics
    RecDiff.load(Path(logged.info.artifact_uri.removeprefix("file://")) / "model")


def test_a_file_that_is_no_database_is_told_in_a_line(database: str, tmp_path: Path) -> None:
    text = tmp_path / "text.db"
    text.write_text("no database, however long the text may be")
    with pytest.raises(UsageError, match=r"^--mlflow sqlite:.*text\.db: .*not a database$"):
        Tracker.reached(f"sqlite:///{text}")


def test_what_mlflow_prints_of_a_run_stays_out_of_stdout(
    store: str, fitted: RecDiff, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    tracker = Tracker.reached(store)
    monkeypatch.setattr(tracker.client, "set_terminated", lambda *_: print("View run at"))
    fitted.save(tmp_path / "model")
    tracker.log(fitted.config_, fitted.fitted_, tmp_path / "model")
    assert capsys.readouterr() == ("", "View run at\n")


def test_patience_is_short_only_where_nobody_set_it(monkeypatch: pytest.MonkeyPatch) -> None:
    retries, timeout = SOON
    monkeypatch.setenv(retries, "9")
    monkeypatch.delenv(timeout, raising=False)
    with defaults(SOON):
        assert (os.environ[retries], os.environ[timeout]) == ("9", SOON[timeout])
    assert os.environ[retries] == "9"
    assert timeout not in os.environ


def test_a_store_that_is_none_is_told_before_the_fit(store: str, run: Run, sample_folder: Path, tmp_path: Path) -> None:
    code, _, err = run("fit", sample_folder, "--mlflow", "nonsense://there")
    assert code == 2
    assert err.startswith("error: --mlflow nonsense://there: ")
    assert not (tmp_path / "recdiff-model").exists()


def test_a_run_that_could_not_be_written_whole_is_marked(
    store: str, fitted: RecDiff, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError("No space left on device")

    tracker = Tracker.reached(store)
    monkeypatch.setattr(tracker.client, "log_artifacts", full)
    with pytest.raises(WriteError, match=r"model is written, but --mlflow .* did not take it: No space left on device"):
        tracker.log(fitted.config_, fitted.fitted_, tmp_path / "model")
    assert last_run(store).info.status == "FAILED"


def test_stores_are_refused_by_usage_errors(store: str) -> None:
    with pytest.raises(UsageError, match="--mlflow nonsense://there"):
        Tracker.reached("nonsense://there")

"""Fake-tie scores of another system go through `evaluate-edges` as ours do."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.csv as pacsv
import pyarrow.parquet as pq
import pytest

from recdiff.estimator import RecDiff

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def judge(model_folder: Path, sample_folder: Path) -> tuple[object, ...]:
    return "evaluate-edges", "--truth", sample_folder / "truth.parquet", "--model", model_folder


@pytest.fixture
def ours(fitted: RecDiff) -> pa.Table:
    """The fitted edges with their fake scores, the other way round where that is the same edge."""
    model = fitted.fitted_
    ends = [model.users.take(model.pairs[:, side]) for side in (1, 0)]
    return pa.table({"src": ends[0], "dst": ends[1], "fake_score": model.edges["fake_score"]})


def test_our_own_scores_given_as_a_file_are_judged_as_ours_are(
    run: Run, judge: tuple[object, ...], ours: pa.Table, tmp_path: Path
) -> None:
    pq.write_table(ours, tmp_path / "same.parquet")
    pacsv.write_csv(ours.rename_columns(["src", "dst", "score"]), tmp_path / "same.csv")
    code, out, err = run(*judge, "--scores", "same.parquet", "--scores", "same.csv", "--json", "--figure", "v.png")
    assert code == 0, err
    found = json.loads(out)
    assert found["given"] == ["same.parquet", "same.csv"]
    assert found["scorers"]["same.parquet"] == found["scorers"]["fake_score"]
    assert found["scorers"]["same.csv"]["auc"] == pytest.approx(found["scorers"]["fake_score"]["auc"], abs=1e-6)
    assert found["best_heuristic"] not in found["given"]
    code, out, _ = run(*judge, "--scores", "same.parquet")
    assert code == 0
    assert "AUC same.parquet" in out


def test_the_truth_as_a_score_is_perfect_and_is_not_the_best_heuristic(
    run: Run, judge: tuple[object, ...], sample_folder: Path, tmp_path: Path
) -> None:
    truth = pq.read_table(sample_folder / "truth.parquet")
    score = pa.array([3.0 if each else -3.0 for each in truth["is_fake"].to_pylist()])
    pq.write_table(truth.select(["src", "dst"]).append_column("score", score), tmp_path / "truth.parquet")
    found = json.loads(run(*judge, "--scores", "truth.parquet", "--json")[1])
    assert found["scorers"]["truth.parquet"]["auc"] == 1.0
    # No probability, so there is no calibration to measure.
    assert found["scorers"]["truth.parquet"]["calibration_error"] is None
    assert found["best_heuristic"] != "truth.parquet"


def test_what_cannot_be_judged_is_refused_by_name(
    run: Run, judge: tuple[object, ...], ours: pa.Table, tmp_path: Path
) -> None:
    pq.write_table(ours.slice(1), tmp_path / "short.parquet")
    code, _, err = run(*judge, "--scores", "short.parquet")
    src, dst = (ours[name][0].as_py() for name in ("src", "dst"))
    assert code == 3
    assert "short.parquet: has no score for 1 of" in err
    assert f"{dst},{src}; score all of them" in err
    again = pa.table({"src": [dst], "dst": [src], "fake_score": pa.array([7.0], ours["fake_score"].type)})
    pq.write_table(pa.concat_tables([ours, again]), tmp_path / "two.parquet")
    code, _, err = run(*judge, "--scores", "two.parquet")
    assert code == 3
    assert f"row {len(ours) + 1}: edge {dst},{src} has score 7 here and" in err
    (tmp_path / "jaccard").mkdir()
    pq.write_table(ours, tmp_path / "jaccard" / "part.parquet")
    code, _, err = run(*judge, "--scores", "jaccard")
    assert (code, "names another row of the table already; rename the file" in err) == (2, True)

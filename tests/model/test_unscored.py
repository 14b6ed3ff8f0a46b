"""Too few edges for a scorer: the recommender and the counts are there, and nothing makes up a score."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from recdiff.data.dataset import SocialDataset
from recdiff.errors import DataError
from recdiff.estimator import RecDiff
from recdiff_export import OnnxScorer

Run = Callable[..., tuple[int, str, str]]
WHY = "12 social edges cannot show what a fake looks like (at least 50 are needed)"
REFUSED = f"scores no edges: {WHY}, so edges have counts and no fake_score; it recommends as usual"


@pytest.fixture(scope="module")
def few(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder of 40 users with many interactions and 12 edges."""
    folder = tmp_path_factory.mktemp("few")
    rng = np.random.default_rng(0)
    rows = sorted({(user, int(item)) for user in range(40) for item in rng.integers(0, 30, 12)})
    (folder / "interactions.csv").write_text("user_id,item_id\n" + "".join(f"u{u},i{i}\n" for u, i in rows))
    (folder / "social.csv").write_text("src,dst\n" + "".join(f"u{u},u{u + 1}\n" for u in range(12)))
    return folder


@pytest.fixture(scope="module")
def model(few: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("unscored") / "model"
    RecDiff(device="cpu").fit(SocialDataset.read(few)).save(folder)
    return folder


def test_a_fit_says_so_and_leaves_a_model_that_recommends(few: Path, run: Run) -> None:
    code, out, said = run("fit", few, "--out", "model", "--epochs", "2", "--json")
    assert code == 0
    assert json.loads(out)["unscored"].startswith(WHY)
    code, _, said = run("fit", few, "--out", "model", "--epochs", "2")
    assert (code, f"note: {WHY}" in said) == (0, True)
    assert run("recommend", "--model", "model", "--k", "3")[0] == 0
    assert run("evaluate", few, "--model", "model")[0] == 0


def test_what_needs_scores_says_why_there_are_none(few: Path, model: Path, run: Run) -> None:
    truth = few / "truth.csv"
    truth.write_text("src,dst,is_fake\nu0,u1,1\nu1,u2,0\n")
    for command in (
        ("clean-edges",),
        ("clean-edges", "--edges", few / "social.csv"),
        ("explain", "u0", "u1"),
        ("evaluate-edges", "--truth", truth),
        ("accounts",),
        ("accounts", "--groups"),
        ("audit", "--size", "20"),
        ("decide", "fake", "u0,u1", "--data", few),
    ):
        code, _, said = run(*command, "--model", model)
        assert (code, REFUSED in said) == (3, True), said
        assert not Path("cleaned-edges").exists()


def test_its_bundle_recommends_and_does_not_score(model: Path, run: Run) -> None:
    assert run("export", "--onnx", "--model", model)[0] == 0
    with OnnxScorer.open(model / "onnx", provider="cpu") as opened:
        found = opened.recommend(["u3"], 4)
        assert found["item_id"].to_pylist() == RecDiff.load(model).recommend(["u3"], 4)["item_id"].to_pylist()
        with pytest.raises(DataError, match="scores no edges: 12 social edges"):
            opened.score(["u0"], ["u1"])
    for target in ("--triton", "--huggingface"):
        code, _, said = run("export", target, "out", "--model", model)
        assert (code, WHY in said, Path("out").exists()) == (3, True, False)


def test_edges_keep_what_can_be_counted(model: Path) -> None:
    edges = RecDiff.load(model).edges_
    assert edges["fake_score"].null_count == edges["kind"].null_count == 12
    assert edges["degree_src"].to_pylist() == [1] * 12


def test_without_interactions_there_is_nothing_to_fit(tmp_path: Path, run: Run) -> None:
    (tmp_path / "social.csv").write_text("src,dst\na,b\n")
    code, _, said = run("fit", tmp_path)
    assert code == 3
    assert "1 social edge cannot show what a fake looks like" in said
    assert "without interactions nothing can be recommended" in said

"""The commands, in the order a newcomer types them, and what they say about mistakes."""

from __future__ import annotations

import json
import os
import re
import struct
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from recdiff_adapters import EDGE_FORMATS

ROOT = Path(__file__).resolve().parent.parent.parent
Run = Callable[..., tuple[int, str, str]]


@pytest.mark.usefixtures("quick_scorer")
def test_the_main_job_from_sample_to_recommendations(run: Run, tmp_path: Path) -> None:
    assert run("sample", "data/", "--users", 200)[0] == 0
    code, out, _ = run("fit", "data/", "--json")
    assert code == 0
    assert set(json.loads(out)) >= {"model", "test", "validation", "interval", "baselines", "noise", "noise_level"}
    code, out, _ = run("export", "--onnx", "--json")
    assert code == 0
    assert json.loads(out)["largest_difference"] <= 1e-5
    code, out, _ = run("clean-edges", "--threshold", 0.3, "--json")
    summary = json.loads(out)
    kept, removed = (pq.read_table(tmp_path / "cleaned-edges" / name) for name in ("kept.parquet", "removed.parquet"))
    assert kept.num_rows + removed.num_rows == summary["edges"]
    assert removed.num_rows == summary["removed"]
    assert run("recommend", "--k", 20)[0] == 0
    assert pq.read_table(tmp_path / "recommendations.parquet").num_rows == 20 * 200


def test_the_bundle_scores_as_the_model_does(run: Run, model_folder: Path, tmp_path: Path) -> None:
    fitted_edges = pq.read_table(model_folder / "edges.parquet")
    run("clean-edges", "--model", model_folder, "--threshold", 0.3, "--out", tmp_path / "torch")
    parts = [pq.read_table(tmp_path / "torch" / name) for name in ("kept.parquet", "removed.parquet")]
    edges = tmp_path / "edges.parquet"
    pq.write_table(parts[0].select(["src", "dst"]), edges)
    code, out, err = run(
        "clean-edges",
        "--model",
        model_folder,
        "--edges",
        edges,
        "--threshold",
        0.3,
        "--out",
        tmp_path / "onnx",
        "--json",
    )
    assert code == 0, err
    assert json.loads(out)["removed"] == 0
    streamed = pq.read_table(tmp_path / "onnx" / "kept.parquet")
    np.testing.assert_allclose(streamed["fake_score"].to_numpy(), parts[0]["fake_score"].to_numpy(), atol=1e-6)
    assert fitted_edges.num_rows > 0


def test_every_format_in_the_registry_can_be_named(run: Run, model_folder: Path, tmp_path: Path) -> None:
    for name in (each for each, entry in EDGE_FORMATS.items() if entry.target != "server"):
        code, _, err = run("clean-edges", "--model", model_folder, "--format", name, "--out", tmp_path / f"out-{name}")
        assert code == 0, err
        assert (tmp_path / f"out-{name}").exists()
    code, _, err = run("clean-edges", "--model", model_folder, "--format", "csvv")
    assert code == 2
    assert "did you mean csv?" in err


def test_a_format_takes_its_options(run: Run, model_folder: Path, tmp_path: Path) -> None:
    clean = ("clean-edges", "--model", model_folder, "--format", "qrec", "--out", tmp_path / "trusts.txt")
    assert run(*clean, "--with", "weight=trust")[0] == 0
    weights = {float(line.split()[2]) for line in (tmp_path / "trusts.txt").read_text().splitlines()}
    assert len(weights) > 1
    assert all(0 <= weight <= 1 for weight in weights)
    graph = ("clean-edges", "--model", model_folder, "--format", "npz", "--out", tmp_path / "graph")
    for option, said in (
        ("weight=heavy", "'heavy'"),
        ("colour=red", "no option colour; its options: weight, directed"),
        ("directed=perhaps", "'perhaps' is neither true nor false"),
        ("directed", "expected NAME=VALUE"),
    ):
        code, _, err = run(*graph, "--with", option)
        assert code == 2, err
        assert said in err
    assert not (tmp_path / "graph").exists()
    code, _, err = run("clean-edges", "--model", model_folder, "--with", "weight=trust")
    assert code == 2
    assert "give --format" in err


def test_removed_edges_can_be_put_back(run: Run, model_folder: Path, tmp_path: Path) -> None:
    run("clean-edges", "--model", model_folder, "--remove-share", 0.1)
    removed = pq.read_table(tmp_path / "cleaned-edges" / "removed.parquet")
    row = removed.slice(0, 1).to_pylist()[0]
    code, out, _ = run("restore", f"{row['src']},{row['dst']}", "--json")
    assert code == 0
    assert json.loads(out)["restored"] == 2
    kept = pq.read_table(tmp_path / "cleaned-edges" / "kept.parquet").to_pylist()
    assert {(each["src"], each["dst"]) for each in kept} >= {(row["src"], row["dst"]), (row["dst"], row["src"])}
    code, _, err = run("restore", "nobody,nowhere")
    assert code == 3
    assert "nobody,nowhere not among the" in err


def test_explain_speaks_in_sentences(run: Run, model_folder: Path, tmp_path: Path) -> None:
    run("clean-edges", "--model", model_folder, "--remove-share", 0.1)
    row = pq.read_table(tmp_path / "cleaned-edges" / "removed.parquet").slice(0, 1).to_pylist()[0]
    code, out, _ = run("explain", row["src"], row["dst"], "--model", model_folder)
    assert code == 0
    assert out.startswith(f"{row['src']} - {row['dst']}: fake_score 0.")
    assert "in common" in out


def test_edges_are_judged_beside_every_heuristic(
    run: Run, model_folder: Path, sample_folder: Path, tmp_path: Path
) -> None:
    code, out, _ = run(
        "evaluate-edges",
        "--truth",
        sample_folder / "truth.parquet",
        "--model",
        model_folder,
        "--json",
        "--figure",
        "v.png",
    )
    assert code == 0
    scorers = json.loads(out)["scorers"]
    assert {"fake_score", "common_neighbours", "jaccard", "adamic_adar", "svd_cosine", "shared_items"} <= set(scorers)
    assert scorers["common_neighbours"]["calibration_error"] is None
    picture = (tmp_path / "v.png").read_bytes()
    # 9 by 4 inches at 150 dots; a sheet of one colour would take some 5 kB.
    assert struct.unpack(">II", picture[16:24]) == (1350, 600)
    assert len(picture) > 20_000


def test_edges_are_judged_by_a_file_with_names_of_its_own(
    run: Run, model_folder: Path, sample_folder: Path, tmp_path: Path
) -> None:
    truth = pq.read_table(sample_folder / "truth.parquet").rename_columns({"src": "ann", "dst": "bob"})
    pq.write_table(pa.concat_tables([truth, _nobodies(truth)]), tmp_path / "truth.parquet")
    judge = ("evaluate-edges", "--model", model_folder, "--truth", "truth.parquet")
    code, out, err = run(*judge, "--map", "src=ann", "--map", "dst=bob")
    assert code == 0, err
    assert "fake_score" in out
    assert "1 labelled edges are not part of the fit" in err
    assert run(*judge)[0] == 3


def _nobodies(truth: pa.Table) -> pa.Table:
    """Return one real tie between two people that no data know."""
    row = {"ann": "nobody", "bob": "nowhere", "is_fake": False} | dict.fromkeys(truth.column_names[3:])
    return pa.Table.from_pylist([row], schema=truth.schema)


@pytest.mark.parametrize(
    ("figure", "message"),
    [("v.doc", "expected a file name that ends in"), ("v", "expected a file name"), ("no/v.png", "no folder no")],
)
def test_a_figure_that_cannot_be_written_is_refused_first(run: Run, figure: str, message: str) -> None:
    code, out, err = run("evaluate-edges", "--truth", "absent.csv", "--model", "absent", "--figure", figure)
    assert (code, out) == (2, "")
    assert message in err


@pytest.mark.usefixtures("quick_scorer")
def test_ids_are_printed_as_they_are(run: Run, tmp_path: Path) -> None:
    """Ids that are numbers are not grouped in thousands; an edge listed both ways round is shown once."""
    run("sample", "data/", "--users", 150)
    for name in ("social.csv", "interactions.csv"):
        text = (tmp_path / "data" / name).read_text(encoding="utf-8")
        text = re.sub(r"[a-z]+-(\d+)", lambda found: f"1{int(found[1]):04}", text)
        (tmp_path / "data" / name).write_text(text, encoding="utf-8")
    assert run("fit", "data/")[0] == 0
    code, out, _ = run("clean-edges", "--remove-share", 0.1)
    assert code == 0
    shown = [tuple(line.split()[:2]) for line in out.split("most suspicious")[1].splitlines() if line[:2] == " 1"]
    assert len({frozenset(ends) for ends in shown}) == len(shown) == 10
    assert all(end.isdecimal() for ends in shown for end in ends)
    code, out, _ = run("recommend", "--k", 3)
    assert [line.split()[0] for line in out.splitlines() if line.lstrip()[:1] == "1"][:3] == ["10000"] * 3


def test_evaluate_prints_the_keys_that_scripts_use(run: Run, model_folder: Path, sample_folder: Path) -> None:
    code, out, _ = run("evaluate", sample_folder, "--model", model_folder, "--json")
    assert code == 0
    assert {"recall@20", "ndcg@20"} <= set(json.loads(out))


def test_a_missing_file_of_users_is_not_taken_for_an_id(run: Run, model_folder: Path) -> None:
    for name in ("whom.txt", "lists/whom"):
        code, _, said = run("recommend", "--model", model_folder, "--users", name)
        assert code == 2
        assert f"--users {name}: there is no such file, and no user of that id" in said


def test_recommend_for_named_and_for_new_users(run: Run, model_folder: Path, fitted: object) -> None:
    users = pq.read_table(model_folder / "ids.parquet").to_pylist()
    names = [row["text"] for row in users if row["kind"] == "user"][:2]
    items = [row["text"] for row in users if row["kind"] == "item"][:2]
    code, out, _ = run(
        "recommend", "--model", model_folder, "--users", ",".join(names), "--k", 3, "--explain", "--json"
    )
    assert code == 0
    assert json.loads(out) == {"out": "recommendations-of-some.parquet", "rows": 6, "users": 2}
    code, out, _ = run("recommend", "--model", model_folder, "--history", ",".join(items), "--k", 3, "--json")
    assert len(json.loads(out)["recommendations"]) == 3
    code, out, _ = run("recommend", "--model", model_folder, "--history", ",".join(items), "--explain", "--json")
    assert "because_items" in json.loads(out)["recommendations"][0]
    code, _, err = run("recommend", "--model", model_folder, "--history", ",".join(items), "--out", "somewhere")
    assert code == 2
    assert "drop --out, --format and --with" in err
    code, _, err = run("recommend", "--model", model_folder, "--users", "nobody")
    assert code == 3
    assert "'nobody'" in err


def test_recommendations_never_take_the_place_of_a_users_own_data(run: Run, model_folder: Path, tmp_path: Path) -> None:
    (tmp_path / "rb" / "shop").mkdir(parents=True)
    mine = tmp_path / "rb" / "shop" / "shop.inter"
    mine.write_text("user_id:token\titem_id:token\nann\tlamp\n")
    recommend = ("recommend", "--model", model_folder, "--k", 2, "--format", "recbole", "--out", "rb/shop")
    code, _, err = run(*recommend)
    assert code == 2
    assert "shop.inter is there already and does not show that recdiff-sdk wrote it" in err
    assert mine.read_text() == "user_id:token\titem_id:token\nann\tlamp\n"
    assert run(*recommend, "--force")[0] == 0
    assert len(mine.read_text().splitlines()) == 1 + 2 * 300


def test_recommendations_for_some_leave_those_for_all(run: Run, model_folder: Path, tmp_path: Path) -> None:
    assert run("recommend", "--model", model_folder, "--k", 2)[0] == 0
    user = pq.read_table(tmp_path / "recommendations.parquet")["user_id"][0].as_py()
    assert run("recommend", "--model", model_folder, "--k", 2, "--users", user)[0] == 0
    assert pq.read_table(tmp_path / "recommendations.parquet").num_rows == 2 * 300
    assert pq.read_table(tmp_path / "recommendations-of-some.parquet").num_rows == 2


def test_unknown_ids_are_shown_short(run: Run, model_folder: Path) -> None:
    code, _, err = run("recommend", "--model", model_folder, "--users", "x" * 5000)
    assert code == 3
    assert f"{'x' * 76}..." in err
    assert "x" * 80 not in err


def test_corrupt_writes_data_that_can_be_fitted(run: Run, sample_folder: Path, tmp_path: Path) -> None:
    code, out, _ = run("corrupt", sample_folder, "--kind", "farm", "--share", 0.1, "--out", "spoiled", "--json")
    assert code == 0
    facts = json.loads(out)
    truth = pq.read_table(tmp_path / "spoiled" / "truth.parquet")
    assert int(np.sum(truth["is_fake"].to_numpy())) == 2 * facts["fake_edges"]
    assert run("validate", "spoiled", "--json")[0] == 0


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("fit", "nowhere"), 3, "nowhere"),
        (("export",), 2, "say what to export: --onnx"),
        (("export", "--onnx"), 4, "recdiff-model: no model here (manifest.json is missing"),
        (("clean-edges", "--threshold", "2"), 4, "no model here"),
        (("recommend", "--k", "0"), 2, "Invalid value for '--k'"),
        (("fit", "data", "--preset", "best"), 2, "'best' is not one of"),
    ],
)
def test_mistakes_end_in_a_message_and_a_code(run: Run, arguments: tuple[str, ...], code: int, message: str) -> None:
    ended, _, err = run(*arguments)
    assert ended == code
    assert message in err
    assert "Traceback" not in err


def test_an_absent_card_is_one_line_and_code_5(run: Run, sample_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    code, _, err = run("fit", sample_folder, "--device", "cuda")
    assert code == 5
    assert len(err.splitlines()) == 1
    assert not Path("recdiff-model").exists()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--engine", "ray"), "install it: pip install '.[ray]'"),
        (("--engine", "ray", "--preset", "paper"), "preset paper needs engine local"),
        (("--engine", "ray", "--tune", 3), "use it with --engine local"),
        (("--workers", 2), "workers = 2: only engine ray has workers"),
        (("--engine", "ray", "--workers", 0), "Invalid value for '--workers'"),
    ],
)
def test_a_fit_that_ray_cannot_do_is_refused(
    run: Run, sample_folder: Path, monkeypatch: pytest.MonkeyPatch, options: tuple[object, ...], message: str
) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    code, out, err = run("fit", sample_folder, *options)
    assert (code, out) == (2, "")
    assert message in err
    assert "Traceback" not in err
    assert not list(Path().iterdir())


@pytest.mark.usefixtures("quick_scorer")
def test_settings_come_from_file_environment_and_flags(
    run: Run, sample_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("settings.toml").write_text(
        'preset = "paper"\nseed = 1\n[paper]\nepochs = 5\nbatch_size = 512\n', encoding="utf-8"
    )
    monkeypatch.setenv("RECDIFF_SEED", "2")
    code, _, err = run("fit", sample_folder, "--config", "settings.toml", "--epochs", 2, "--json")
    assert code == 0, err
    config = json.loads(Path("recdiff-model/config.json").read_text(encoding="utf-8"))
    assert (config["preset"], config["seed"], config["paper"]["epochs"]) == ("paper", 2, 2)


def test_help_is_quick_and_plain() -> None:
    path = os.pathsep.join(str(ROOT / folder) for folder in ("sdk", "cli", "export", "adapters"))
    code = "import sys; sys.argv = ['recdiff-sdk', '--help']; from recdiff_cli.main import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": path},
        check=False,
    )
    assert done.returncode == 0
    commands = "sample validate fit evaluate export clean-edges recommend doctor serve review"
    for command in commands.split():
        assert command in done.stdout

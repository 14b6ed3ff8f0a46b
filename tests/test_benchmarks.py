"""The benchmark measures the right thing: the yardstick is honest, sizes are exact, regressions are flagged."""

from __future__ import annotations

import importlib
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from recdiff.config import PaperConfig
from recdiff.metrics.ranking import by_tables, rank
from recdiff.studies.lab.unoptimised import Loop
from tests import benchmarks
from tests.benchmarks import bench, child
from tests.benchmarks.generated import make_dataset, of_size
from tests.benchmarks.measurements import MEASUREMENTS
from tests.benchmarks.plain_ranking import evaluate
from tests.benchmarks.report import write_plot, write_table
from tests.benchmarks.result import Measurement, Result, Settings, ratios, regressions

SETTINGS = PaperConfig(width=8, time_width=4, steps=5, batch_size=64)


def naive(seed: int = 0) -> tuple[Loop, Any]:
    dataset = make_dataset(60, 50, 600, 200)
    social = dataset.graph.adjacency()
    return Loop(SETTINGS, dataset.train, social, seed), dataset


def test_the_naive_loop_learns() -> None:
    training, _ = naive()
    losses = [training.epoch() for _ in range(8)]
    assert losses[-1] < losses[0]


def test_the_naive_loop_draws_no_positive_as_negative() -> None:
    training, dataset = naive()
    training.rows.draw()
    assert not dataset.train.toarray()[training.rows.users, training.rows.negatives].any()
    assert sorted(training.rows[place][:2] for place in range(len(training.rows))) == sorted(
        zip(*(part.tolist() for part in dataset.train.nonzero()), strict=True)
    )


def test_both_evaluations_agree() -> None:
    training, dataset = naive()
    training.epoch()
    recall, ndcg = evaluate(training.model, dataset.train, dataset.test, block=7)
    user, item = training.model.embeddings()
    ours = rank(by_tables(user.numpy(), item.numpy()), dataset.train, dataset.test, (20,)).means()
    assert (recall, ndcg) == pytest.approx((ours["recall@20"], ours["ndcg@20"]), rel=1e-9)


def test_generated_data_have_exactly_the_size_asked_for() -> None:
    dataset = make_dataset(2_000, 500, 9_000, 6_000, seed=1)
    assert (len(dataset.users), len(dataset.items), len(dataset.edges)) == (2_000, 500, 6_000)
    assert sum(part.nnz for part in (dataset.train, dataset.validation, dataset.test)) == 9_000
    assert dataset.train.multiply(dataset.test).nnz == 0
    keys = dataset.edges[:, 0] * 2_000 + dataset.edges[:, 1]
    assert len(np.unique(keys)) == 6_000
    assert (dataset.edges[:, 0] < dataset.edges[:, 1]).all()
    same = dataset.edges // 100
    assert (same[:, 0] == same[:, 1]).mean() > 0.5
    degree = np.bincount(dataset.edges.ravel(), minlength=2_000)
    assert degree.max() > 5 * degree.mean()


def test_generated_data_are_seeded() -> None:
    # Made, then made or read back, and another: what is kept is what would be made.
    first, again, other = make_dataset(300, 300, 3_000, 6_000, 1), of_size(300, 1), of_size(300, 2)
    assert np.array_equal(first.edges, again.edges)
    assert (first.train != again.train).nnz == 0
    assert not np.array_equal(first.edges, other.edges)


def test_a_task_runs_in_a_process_of_its_own() -> None:
    arguments = {"contender": "paper", "data": "generated-200", "count": 2, "device": "cpu", "clock": "wall"}
    measured = child.run("epochs", 1, **arguments)
    assert len(measured["seconds"]) == 2
    assert all(second > 0 for second in measured["seconds"])
    assert measured["peak_mb"] > 50
    assert measured["rows"] == pytest.approx(1600, rel=0.1)


def test_a_task_that_fails_says_why() -> None:
    with pytest.raises(RuntimeError, match="KeyError: 'nothing'"):
        child.run("nothing", 1)


def test_medians_spread_and_limits() -> None:
    less = Result("time", "s", (3.0, 1.0, 2.0), "less", required=2.0, aim=1.0)
    assert (less.median, less.met, less.to_dict()["spread"]) == (2.0, True, [1.0, 3.0])
    assert Result("time", "s", (2.1,), "less", required=2.0).met is False
    assert Result("rate", "x", (1.9,), "more", required=2.0).met is False
    assert Result("rate", "x", (1.9,), "more").met is None
    assert ratios("r", [8.0, 9.0], [2.0, 3.0], 2.0, 4.0) == Result(
        name="r", unit="x", samples=(4.0, 3.0), better="more", required=2.0, aim=4.0
    )


def entry(median: float, unit: str = "s", better: str = "less") -> dict[str, Any]:
    return {"median": median, "unit": unit, "better": better}


def test_regressions_are_flagged_by_ratio() -> None:
    old = {"a": entry(1.0), "b": entry(4.0, "x", "more"), "c": entry(1.0), "gone": entry(1.0)}
    new = {"a": entry(1.3), "b": entry(3.0, "x", "more"), "c": entry(1.2), "fresh": entry(9.0)}
    assert regressions(new, old, True, 1.25) == [
        "a: 1 -> 1.3 s, 1.30 times worse",
        "b: 4 -> 3 x, 1.33 times worse",
    ]
    assert regressions(new, old, False, 1.25) == ["b: 4 -> 3 x, 1.33 times worse"]
    assert regressions(old, new, True, 1.25) == []


def fake(median: float) -> Measurement:
    def run(settings: Settings) -> list[Result]:
        return [
            Result("epoch/ciao/paper", "s", (median, median * 2)),
            Result("generated-10/one pass", "s", (median,)),
            ratios("epoch/ciao/naive to paper", [8.0], [median], 2.0, 4.0),
        ]

    return Measurement("epoch", "made up", run)


def test_a_run_writes_numbers_table_and_picture_and_compares(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(bench, "MEASUREMENTS", (fake(1.0),))
    assert bench.main(["--out", str(tmp_path), "--threads", "2"]) == 0
    stored = json.loads((tmp_path / "speed.json").read_text(encoding="utf-8"))
    assert stored["results"]["epoch/ciao/paper"]["median"] == 1.5
    assert {"processor", "cores", "memory_gib", "cuda_device"} <= stored["machine"].keys()
    assert {"python", "torch", "numpy"} <= stored["versions"].keys()
    table = (tmp_path / "speed.md").read_text(encoding="utf-8")
    assert "| epoch/ciao/naive to paper | 8 x | 8 to 8 | 1 | 2 x | 4 x | yes | 2 threads |" in table
    assert (tmp_path / "speed.png").read_bytes().startswith(b"\x89PNG")
    monkeypatch.setattr(bench, "MEASUREMENTS", (fake(3.0),))
    capsys.readouterr()
    assert bench.main(["--out", str(tmp_path / "new"), "--compare", str(tmp_path / "speed.json")]) == 1
    errors = capsys.readouterr().err
    assert "regression: epoch/ciao/naive to paper: 8 -> 2.667 x, 3.00 times worse" in errors
    assert bench.main(["--out", str(tmp_path / "new"), "--compare", str(tmp_path / "new" / "speed.json")]) == 0


def test_a_part_run_alone_keeps_the_other_results(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench, "MEASUREMENTS", (fake(1.0),))
    bench.main(["--out", str(tmp_path)])
    other = Measurement("other", "made up", lambda settings: [Result("other", "MB", (5.0,))])
    monkeypatch.setattr(bench, "MEASUREMENTS", (other,))
    bench.main(["--out", str(tmp_path)])
    results = json.loads((tmp_path / "speed.json").read_text(encoding="utf-8"))["results"]
    assert set(results) == {"epoch/ciao/paper", "epoch/ciao/naive to paper", "generated-10/one pass", "other"}


def test_a_run_that_is_cut_short_keeps_what_it_has(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(settings: Settings) -> list[Result]:
        raise KeyboardInterrupt

    monkeypatch.setattr(bench, "MEASUREMENTS", (fake(1.0), Measurement("cut", "made up", fails)))
    with pytest.raises(KeyboardInterrupt):
        bench.main(["--out", str(tmp_path)])
    assert "epoch/ciao/paper" in json.loads((tmp_path / "speed.json").read_text(encoding="utf-8"))["results"]


def test_a_measurement_for_a_card_alone_is_refused_without(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="published-growth: nothing to measure on --device cpu"):
        bench.main(["--out", str(tmp_path), "--only", "published-growth"])
    assert not list(tmp_path.iterdir())


def test_a_target_never_reached_shows_as_never(tmp_path: Path) -> None:
    report = {
        "machine": {"processor": "p", "cores": 1, "memory_gib": 1, "cuda_device": "none"},
        "versions": {"python": "3"},
        "results": {"q": Result("q", "s", (math.inf,)).to_dict() | {"met": None, "clock": "cpu", "threads": 1}},
    }
    write_table(tmp_path / "t.md", report)
    assert "| q | never s | never to never | 1 |  |  |  | processor time, 1 thread |" in (tmp_path / "t.md").read_text()
    report["results"] = {}
    write_plot(tmp_path / "t.png", report)
    assert (tmp_path / "t.png").is_file()


def test_measurements_have_names_of_their_own(capsys: pytest.CaptureFixture[str]) -> None:
    names = [each.name for each in MEASUREMENTS]
    assert len(set(names)) == len(names)
    assert bench.main(["--list"]) == 0
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == names


SCRIPTS = [path.stem for path in Path(benchmarks.__path__[0]).glob("*.py") if "def main(" in path.read_text("utf-8")]


@pytest.mark.parametrize("name", sorted(SCRIPTS))
def test_a_script_runs_as_its_first_words_say(name: str) -> None:
    script = importlib.import_module(f"tests.benchmarks.{name}")
    assert f"python -m tests.benchmarks.{name}" in (script.__doc__ or "")

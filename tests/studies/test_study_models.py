"""Selection never sees the test split, tables come back as they were, and treatments do what their names say."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from recdiff.baselines.task import validation_judge
from recdiff.errors import DataError, UsageError
from recdiff.machine.progress import silent
from recdiff.metrics.ranking import Ranking, rank
from recdiff.studies.cleaning import treated
from recdiff.studies.lab.bench import Bench
from recdiff.studies.lab.budget import Budget
from recdiff.studies.lab.cell import Cache, Cell, Result
from recdiff.studies.lab.contenders import OURS, PUBLISHED, fit_contender, names
from recdiff.studies.lab.edge_change import GIVEN, changed
from recdiff.studies.lab.kept_ranking import Kept, Repeated, pack, unpack
from recdiff.studies.lab.runner import Runner
from recdiff.studies.lab.source import Source, fingerprint
from recdiff.studies.lab.trial import run_trial, trial_cell
from recdiff.studies.lab.tuning import tuned
from recdiff.studies.lab.variants import Outcome, Variant
from recdiff.studies.overall import best_baseline


def test_a_trial_that_selects_holds_no_test_metric(source: Source) -> None:
    trial = run_trial(trial_cell("d", "ease", {"ridge": 10.0}, 0, None, final=False), source)
    final = run_trial(trial_cell("d", "ease", {"ridge": 10.0}, 0, None, final=True), source)
    assert set(final) - set(trial) == {"test"}


@pytest.mark.parametrize("model", ["ease", "lightgcn", PUBLISHED, OURS])
def test_what_a_trial_reports_is_what_its_scores_earn(source: Source, model: str) -> None:
    dataset = source.read()
    judge = validation_judge(dataset.train, dataset.validation)
    settings = {"ease": {"ridge": 10.0}, "lightgcn": {"layers": 2, "regularisation": 1e-3}, OURS: {"search": False}}
    fitted = fit_contender(model, dataset, settings=settings.get(model, {}), seed=0, epochs=10, judge=judge)
    assert fitted.validation == pytest.approx(judge(fitted.score), abs=1e-6)
    assert fitted.validation == pytest.approx(max(row["validation"] for row in fitted.history))
    assert [row["epoch"] for row in fitted.history] in ([5, 10], [1])


def test_tuning_takes_what_validation_likes_best(source: Source, tmp_path: Path, budget: Budget) -> None:
    def work(cell: Cell, given: Source) -> Mapping[str, Any]:
        assert not cell.settings["final"]
        return {"validation": -abs(cell.settings["settings"]["ridge"] - 200.0)}

    bench = Bench(Runner(source, Cache(tmp_path), work, 1), replace(budget, trials=8), silent)
    assert [each.settings for each in tuned(bench, ["ease", OURS], "t")] == [{"ridge": 200.0}, {}]


def outcome(model: str, validation: float, test: float) -> Outcome:
    result = Result(Cell("trial", {}, 0, "d"), {"validation": validation}, 0.0)
    kept = Kept({"recall@20": np.full(5, test), "ndcg@20": np.full(5, test)})
    return Outcome(Variant(model, model), (result,), Repeated((kept,)))


def test_the_baseline_to_beat_is_the_one_that_validation_likes() -> None:
    models = [
        outcome("ease", 0.2, 0.1),
        outcome("als", 0.1, 0.9),
        outcome(OURS, 0.9, 0.9),
        outcome(PUBLISHED, 0.8, 0.9),
    ]
    assert best_baseline(models).label == "ease"


def test_every_model_of_the_issue_is_compared() -> None:
    assert {"popularity", "ease-ties", "lightgcn-ties", "diffnet", "mhcn", OURS, PUBLISHED} <= set(names())


def test_rankings_come_back(source: Source) -> None:
    dataset = source.read()
    rng = np.random.default_rng(0)
    scores = rng.random(dataset.train.shape, np.float32)
    ranking = rank(lambda users: scores[users].copy(), dataset.train, dataset.test)
    back = unpack(pack(ranking))
    assert set(back.values) == set(ranking.values)
    for name, values in ranking.values.items():
        np.testing.assert_allclose(back.values[name], values, rtol=1e-7, atol=1e-8)
        metric, k = name.split("@")
        assert back.mean(metric, int(k)) == pytest.approx(ranking.means()[name], abs=1e-7)


def test_a_paired_difference_averages_seeds_first() -> None:
    def repeated(*seeds: list[float]) -> Repeated:
        return Repeated(tuple(unpack(pack(Ranking(np.arange(3), {"recall@20": np.array(each)}))) for each in seeds))

    ours, theirs = repeated([1, 0, 0], [0, 1, 0]), repeated([0, 0, 0])
    gap = ours.against(theirs, "recall", 20, 200)
    assert gap.mean == pytest.approx(1 / 3)
    assert ours.sd("recall", 20) == pytest.approx(0.0)
    assert theirs.sd("recall", 20) == 0.0


def test_ties_are_changed_by_share_and_alike_for_equal_seeds(source: Source) -> None:
    dataset = source.read()
    change = {"kind": "degree", "share": 0.5}
    one, same, other = (changed(dataset, change, seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(one.dataset.edges, same.dataset.edges)
    assert not np.array_equal(one.dataset.edges, other.dataset.edges)
    assert one.is_fake.sum() == round(0.5 * len(dataset.edges))
    assert len(one.dataset.edges) == len(dataset.edges)
    assert changed(dataset, GIVEN, 1).dataset is dataset
    with pytest.raises(UsageError, match=r"change of edges 'farm': accepted are given, uniform, degree"):
        changed(dataset, {"kind": "farm", "share": 0.5}, 1)


def test_treatments_do_what_their_names_say(source: Source) -> None:
    dataset = source.read()
    scores = np.linspace(0, 1, len(dataset.edges)).astype(np.float32)
    ties = treated(dataset, scores, seed=0)
    np.testing.assert_array_equal(ties["as-is"].edges, dataset.edges)
    np.testing.assert_array_equal(ties["cleaned"].edges, dataset.edges[scores < 0.5])
    weight = ties["weighted"].weight
    assert weight is not None
    np.testing.assert_allclose(weight, 1 - scores, rtol=1e-6)
    assert len(ties["thinned"].edges) == len(ties["cleaned"].edges)
    assert not np.array_equal(ties["thinned"].edges, ties["cleaned"].edges)
    degrees = [np.bincount(ties[name].edges.ravel(), minlength=len(dataset.users)) for name in ("as-is", "shuffled")]
    np.testing.assert_array_equal(*degrees)
    assert not np.array_equal(np.sort(ties["shuffled"].edges, axis=0), np.sort(dataset.edges, axis=0))
    assert len(ties["none"].edges) == 0


def test_the_fingerprint_is_of_everything(source: Source) -> None:
    dataset = source.read()
    same = fingerprint(Source(source.folder).read())
    assert same == fingerprint(dataset)
    others = [
        dataset.replace_edges(dataset.edges[1:]),
        replace(dataset, directed=not dataset.directed),
        replace(dataset, train=dataset.validation),
        replace(dataset, test=dataset.validation),
        replace(dataset, users=dataset.items),
    ]
    assert len({same, *map(fingerprint, others)}) == len(others) + 1


def test_data_without_a_split_to_judge_on_are_refused(tmp_path: Path) -> None:
    (tmp_path / "social.csv").write_text("src,dst\n1,2\n2,3\n")
    (tmp_path / "interactions.csv").write_text("user_id,item_id,split\n1,1,train\n2,1,validation\n3,2,train\n")
    with pytest.raises(DataError, match=r"no interaction is in the test split; a study selects on validation"):
        Source(tmp_path).read()

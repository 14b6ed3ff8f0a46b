"""What another system gave is judged on the same test users, by the items that it lists and by no others."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from recdiff.data.dataset import SocialDataset
from recdiff.machine.progress import silent
from recdiff.metrics.ranking import rank
from recdiff.studies.lab.bench import Bench
from recdiff.studies.lab.budget import Budget
from recdiff.studies.lab.cell import Cache
from recdiff.studies.lab.runner import Runner
from recdiff.studies.lab.source import Source
from recdiff.studies.lab.variants import Outcome
from recdiff.studies.listed import judge_lists
from recdiff.studies.page.elsewhere import TITLE, figures, published
from recdiff.studies.systems.invited import Invited
from recdiff.studies.tasks import perform


def list_of(dataset: SocialDataset, users: Sequence[int], items: Sequence[int], score: Sequence[float]) -> pa.Table:
    columns = {"user_id": dataset.users.take(users), "item_id": dataset.items.take(items), "score": pa.array(score)}
    return pa.table(columns)


def judged(source: Source, budget: Budget, folder: Path, file: Path) -> Outcome:
    runner = Runner(source, Cache(folder / "cells"), perform, 1)
    (found,) = judge_lists(Bench(runner, budget, silent, Invited(scores=(file,))))
    return found


def test_a_list_earns_what_the_same_scores_earn(source: Source, budget: Budget, tmp_path: Path) -> None:
    dataset = source.read()
    users, items = dataset.train.shape
    scores = np.random.default_rng(0).normal(size=(users, items))
    rows, columns = np.divmod(np.arange(users * items), items)
    file = tmp_path / "all.parquet"
    pq.write_table(list_of(dataset, rows, columns, scores.ravel()), file)
    ours = rank(lambda block: scores[block].astype(np.float32), dataset.train, dataset.test).means()
    found = judged(source, budget, tmp_path, file)
    for name, value in ours.items():
        metric, k = name.split("@")
        assert found.mean(metric, int(k)) == pytest.approx(value)


def test_only_what_is_listed_is_recommended(source: Source, budget: Budget, tmp_path: Path) -> None:
    dataset = source.read()
    test = dataset.test.tocoo()
    half = np.unique(test.row)[::2]
    inside = np.isin(test.row, half)
    # Negative, and below the zero that an item without a row might be taken to have.
    table = list_of(dataset, test.row[inside], test.col[inside], np.full(inside.sum(), -1.0))
    pq.write_table(table, tmp_path / "half.parquet")
    found = judged(source, budget, tmp_path, tmp_path / "half.parquet")
    count = len(np.unique(test.row))
    assert found.mean("hit_rate", 20) == pytest.approx(len(half) / count)
    assert found.results[0].values["listed"] == len(half)
    assert found.results[0].values["judged"] == count


def test_training_items_in_a_list_are_left_out(source: Source, budget: Budget, tmp_path: Path) -> None:
    dataset = source.read()
    train = dataset.train.tocoo()
    pq.write_table(list_of(dataset, train.row, train.col, np.ones(train.nnz)), tmp_path / "seen.parquet")
    assert judged(source, budget, tmp_path, tmp_path / "seen.parquet").mean("hit_rate", 40) == 0.0


def test_another_content_is_judged_anew(source: Source, budget: Budget, tmp_path: Path) -> None:
    dataset, file = source.read(), tmp_path / "list.parquet"
    for score in (1.0, 2.0, 2.0):
        pq.write_table(list_of(dataset, [0], [0], [score]), file)
        judged(source, budget, tmp_path, file)
    assert len(list((tmp_path / "cells").iterdir())) == 2


def test_a_list_stands_in_the_table_and_is_no_baseline(
    run: Callable[..., tuple[int, str, str]], source: Source, tmp_path: Path
) -> None:
    dataset = source.read()
    held = (dataset.test + dataset.validation).tocoo()
    pq.write_table(list_of(dataset, held.row, held.col, np.ones(held.nnz)), tmp_path / "told.parquet")
    command = ("study", "overall", source.folder, "--quick", "--seeds", 1, "--jobs", 1, "--beside", "popularity")
    code, out, err = run(*command, "--scores", "told.parquet", "--json")
    assert code == 0, err
    found = json.loads(out)["studies"]["overall"]
    assert {row["model"] for row in found["rows"]} == {"told.parquet", "popularity"}
    assert {row["against"] for row in found["rows"]} == {"popularity"}
    assert any(text.startswith("told.parquet lists items for 7") for text in found["says"])
    code, _, err = run(*command, "--scores", "absent.csv")
    *notes, last = err.splitlines()
    assert (code, last) == (3, "error: absent.csv: no such file or folder")
    assert all(each.startswith("note: ") for each in notes), err


def test_published_figures_say_where_they_stand() -> None:
    every = figures()
    assert len({(each.system, each.data, each.metric, each.source) for each in every}) == len(every)
    for each in every:
        assert 0 < each.value < 1
        assert each.link.startswith("https://")
        assert each.split


def test_what_is_published_of_a_data_set_is_shown_beside_it() -> None:
    ciao, other = published("Ciao"), published("own-data")
    assert ciao.title == other.title == TITLE
    row = dict(zip(ciao.columns, next(each for each in ciao.rows if each[0] == "RecDiff"), strict=True))
    assert (row["Recall@20"], row["NDCG@20"], row["Recall@40"]) == (".0712", ".0419", ".1023")
    assert (row["epoch chosen on"], row["source"]) == ("test", "RecDiff, CIKM 2024")
    assert "https://arxiv.org/abs/2406.01629" in ciao.note
    assert published("lastfm").rows[0][-2:] == ("not known", "RecBole-GNN, tuned")
    assert {"ciao Recall@20", "yelp NDCG@20"} <= set(other.columns)

"""The report of a ranking: every split that has held-out items, intervals around the means, baselines beside them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import scipy.sparse as sp

from recdiff.data.dataset import SocialDataset
from recdiff.evaluation import ranking_report
from recdiff.evaluation.ranking_report import judge, validation_score
from recdiff.metrics.ranking import by_tables, rank
from recdiff.metrics.selection import JUDGED


@pytest.fixture(scope="module")
def tables(sample_dataset: SocialDataset) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    return tuple(  # type: ignore[return-value]
        rng.standard_normal((len(ids), 8)).astype(np.float32) for ids in (sample_dataset.users, sample_dataset.items)
    )


def test_test_and_validation_are_judged_with_intervals(
    sample_dataset: SocialDataset, tables: tuple[np.ndarray, np.ndarray]
) -> None:
    facts = judge(by_tables(*tables), sample_dataset, seed=3)
    expected = rank(by_tables(*tables), sample_dataset.train, sample_dataset.test).means()
    assert facts["test"] == pytest.approx(expected)
    assert facts["seed"] == 3
    assert facts["users"]["test"] == int((np.diff(sample_dataset.test.indptr) > 0).sum())
    for name, mean in facts["test"].items():
        low, high = facts["interval"][name]
        assert low <= mean <= high
    assert set(facts["baselines"]) == {"popularity", "user-knn-tfidf"}
    assert facts["baselines"]["popularity"]["recall@20"] > facts["test"]["recall@20"]


def test_a_split_without_held_out_items_is_left_out(
    sample_dataset: SocialDataset, tables: tuple[np.ndarray, np.ndarray]
) -> None:
    nothing = sp.csr_matrix(sample_dataset.test.shape, dtype=np.float32)
    facts = judge(by_tables(*tables), replace(sample_dataset, test=nothing), seed=0)
    assert "test" not in facts
    assert "baselines" not in facts
    assert "validation" in facts


def test_epochs_are_chosen_by_recall_and_ndcg_on_validation(
    sample_dataset: SocialDataset, tables: tuple[np.ndarray, np.ndarray]
) -> None:
    means = rank(by_tables(*tables), sample_dataset.train, sample_dataset.validation, (20,)).means()
    value = validation_score(sample_dataset.train, sample_dataset.validation, 0)(*tables)
    assert value == pytest.approx(sum(means[name] for name in JUDGED))


def test_of_many_users_a_sample_of_the_seed_is_judged(
    sample_dataset: SocialDataset, tables: tuple[np.ndarray, np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ranking_report, "MOST_USERS", 50)
    first, again, other = (judge(by_tables(*tables), sample_dataset, seed) for seed in (0, 0, 1))
    assert first["users"]["test"] == 50
    assert first["test"] == again["test"] != other["test"]

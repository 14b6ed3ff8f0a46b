"""Training in shares: two processes come to the table of one, at the same passes."""

from __future__ import annotations

import os
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import scipy.sparse as sp
import torch
import torch.distributed as dist
import torch.multiprocessing as mp

from recdiff.graph.adjacency import social_adjacency
from recdiff.graph.social_graph import SocialGraph
from recdiff.recommender import fit as recommender
from recdiff.recommender.fit import RecommenderConfig, fit_recommender
from recdiff.recommender.shards import NodeLayout, shards, train_shard
from recdiff.recommender.training import RowJudge, Trial
from recdiff.storage.checkpoint import Checkpoint

USERS, ITEMS, WORKERS = 53, 31, 2
CONFIG = RecommenderConfig(width=8, layers=2, steps=12, evaluate_every=3, patience=2, search=False)
CASES = {
    "default": CONFIG,
    "no ties, one layer": replace(CONFIG, tie_weight=0.0, layers=1),
    "stops early": replace(CONFIG, learning_rate=2.0, patience=1),
}


def data(directed: bool = True) -> recommender._Data:
    rng = np.random.default_rng(3)
    likes, held = (rng.random((USERS, ITEMS)) < share for share in (0.2, 0.1))
    likes[4] = False
    train, validation = (sp.csr_matrix(part.astype(np.float32)) for part in (likes, held))
    edges = np.unique(rng.integers(0, USERS - 1, (150, 2)), axis=0)
    social = social_adjacency(edges[edges[:, 0] != edges[:, 1]], USERS, directed)
    active = np.flatnonzero(np.bincount(train.indices, minlength=ITEMS))
    held_out = {"validation": validation, "sample": np.arange(USERS)}
    return recommender._Data(train, social, directed=directed, active=active, device="cpu", **held_out)


def judge_of(given: recommender._Data) -> partial[float]:
    return partial(recommender._judge, given)


def worker(rank: int, folder: Path) -> None:
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"file://{folder / 'meet'}", rank=rank, world_size=WORKERS)
    given = data()
    shard = shards(given.train[:, given.active], given.social, WORKERS)[rank]
    judge = judge_of(given) if rank == 0 else None
    for number, config in enumerate(CASES.values()):
        trial = train_shard(config, shard, judge, 5, judged=True)
        if rank == 0:
            checkpoint = Checkpoint(folder / str(number), "")
            checkpoint.save({"table": trial.table}, {"value": trial.value, "history": trial.history})
    blind = train_shard(CONFIG, shard, None, 5, judged=False)
    if rank == 1:
        Checkpoint(folder / "blind", "").save({"table": blind.table}, {})
    dist.destroy_process_group()
    leave()


def leave() -> None:
    """End a process whose work is done: gloo's own threads now and then abort it, or keep it, as it ends by itself."""
    os._exit(0)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of what two processes came to."""
    folder = tmp_path_factory.mktemp("trained")
    mp.spawn(worker, (folder,), WORKERS)
    return folder


@pytest.mark.parametrize("case", CASES)
def test_two_processes_come_to_the_table_of_one(trained: Path, case: str) -> None:
    saved = Checkpoint(trained / str(list(CASES).index(case)), "").load()
    assert saved is not None
    tensors, state = saved
    expected = recommender._train(CASES[case], data(), 5)
    assert torch.allclose(tensors["table"], expected.table, atol=1e-5, rtol=0)
    assert [row["step"] for row in state["history"]] == [row["step"] for row in expected.history]
    assert np.argmax([row["validation"] for row in state["history"]]) == np.argmax(
        [row["validation"] for row in expected.history]
    )
    assert state["value"] == pytest.approx(expected.value, abs=1e-6)


def test_one_case_stops_before_its_last_pass() -> None:
    assert recommender._train(CASES["stops early"], data(), 5).history[-1]["step"] < CONFIG.steps


def test_without_a_judge_the_last_pass_is_taken_by_all(trained: Path) -> None:
    saved = Checkpoint(trained / "blind", "").load()
    assert saved is not None
    expected = recommender._train(CONFIG, replace(data(), sample=np.arange(0)), 5)
    assert torch.allclose(saved[0]["table"], expected.table, atol=1e-5, rtol=0)


def search() -> tuple[RecommenderConfig, sp.csr_matrix, SocialGraph, sp.csr_matrix, int]:
    """Return the arguments of a fit that searches."""
    given = data()
    ties = np.stack(given.social.nonzero(), axis=1)
    return replace(CONFIG, search=True), given.train, SocialGraph(ties, USERS, True), given.validation, 5


def searcher(rank: int, folder: Path) -> None:
    def trainer(
        config: RecommenderConfig, train: sp.csr_matrix, social: sp.csr_matrix, judge: RowJudge | None, seed: int
    ) -> Trial:
        return train_shard(config, shards(train, social, 1)[0], judge, seed, judged=judge is not None)

    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"file://{folder / 'meet'}", rank=rank, world_size=1)
    found = fit_recommender(*search(), trainer=trainer)
    tables = {"users": found.recommender.user_table, "items": found.recommender.item_table}
    steps = [(row["trial"], row["step"]) for row in found.history]
    np.savez(folder / "found.npz", config=repr(found.config), steps=steps, **tables)
    leave()


def test_a_search_in_shares_chooses_what_one_process_chooses(tmp_path: Path) -> None:
    mp.spawn(searcher, (tmp_path,), 1)
    there, here = np.load(tmp_path / "found.npz"), fit_recommender(*search())
    assert str(there["config"]) == repr(here.config)
    assert [tuple(each) for each in there["steps"]] == [(row["trial"], row["step"]) for row in here.history]
    np.testing.assert_allclose(there["users"], here.recommender.user_table, atol=1e-5, rtol=0)
    np.testing.assert_allclose(there["items"], here.recommender.item_table, atol=1e-5, rtol=0)


@pytest.mark.parametrize("workers", [1, 2, 3, 60])
def test_every_node_and_entry_is_held_once(workers: int) -> None:
    given = data()
    train = given.train[:, given.active]
    parts = shards(train, given.social, workers)
    layout = NodeLayout(USERS, train.shape[1], workers)
    assert len(np.unique(layout.places)) == USERS + train.shape[1]
    assert layout.places.max() < workers * layout.block
    pairs = sp.vstack([part.pairs for part in parts]).tocsr()[layout.places][:, layout.places]
    assert (pairs[:USERS, USERS:] != train).nnz == 0
    ties = sp.vstack([part.social for part in parts]).tocsr()[layout.places][:, layout.places]
    assert abs(ties[:USERS, :USERS] - (given.social + given.social.T) / 2).nnz == 0
    assert sum(part.pairs.nnz for part in parts) == 2 * train.nnz

"""The training loop: it learns, it selects on validation, and a broken run ends as an unbroken one, bit for bit."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp
import torch

from recdiff.config import PaperConfig
from recdiff.errors import ArtifactError
from recdiff.paper.encoder import Graphs
from recdiff.paper.fit import fit_paper
from recdiff.paper.network import PaperModel
from recdiff.storage.checkpoint import Checkpoint

ROOT = Path(__file__).resolve().parents[2]
SETTINGS = PaperConfig(
    width=8, time_width=4, steps=5, noise_scale=20.0, batch_size=64, epochs=12, evaluate_every=2, patience=4
)


def data(users: int = 40, items: int = 60) -> tuple[sp.csr_matrix, sp.csr_matrix, sp.csr_matrix]:
    """Return train, validation (U, I) and social (U, U) of users in two halves with a taste of their own."""
    rng = np.random.default_rng(0)
    same = (np.arange(users)[:, None] < users // 2) == (np.arange(items)[None] < items // 2)
    liked = rng.random((users, items)) < np.where(same, 0.3, 0.02)
    held = liked & (rng.random(liked.shape) < 0.25)
    friends = (np.arange(users)[:, None] < users // 2) == (np.arange(users)[None] < users // 2)
    upper = np.triu(friends & (rng.random(friends.shape) < 0.2), 1)
    parts = (liked & ~held, held, upper | upper.T)
    return tuple(sp.csr_matrix(part.astype(np.float32)) for part in parts)  # type: ignore[return-value]


def hits(user: np.ndarray, item: np.ndarray) -> float:
    """Return how much higher held-out items score than average ones."""
    scores = user @ item.T
    _, held, _ = data()
    return float(scores[held.toarray() > 0].mean() - scores.mean())


Result = tuple[PaperModel, Graphs, list[dict[str, float]]]


def fit(config: PaperConfig = SETTINGS, seed: int = 0, **options: Any) -> Result:
    train, _, social = data()
    return fit_paper(config, train, social, options.pop("validate", hits), seed, **options)


def assert_same(first: Result, second: Result) -> None:
    state = second[0].state_dict()
    for name, tensor in first[0].state_dict().items():
        assert torch.equal(tensor, state[name]), name
    assert first[2] == second[2]


def test_training_learns_what_held_out_items_look_like() -> None:
    model, graphs, history = fit()
    user, item, _ = model.embeddings(graphs)
    assert hits(user.numpy(), item.numpy()) > 2 * abs(history[0]["validation"])
    assert history[-1]["bpr"] < history[0]["bpr"]
    assert [row["epoch"] for row in history] == [2, 4, 6, 8, 10, 12]
    assert all(set(row) == {"epoch", "validation", "bpr", "diffusion", "norm"} for row in history)


def test_the_best_validation_epoch_is_returned() -> None:
    seen: list[np.ndarray] = []

    def validate(user: np.ndarray, item: np.ndarray) -> float:
        seen.append(user.copy())
        return [0.1, 0.5, 0.3, 0.5, 0.2, 0.1][len(seen) - 1]

    model, graphs, _ = fit(validate=validate)
    assert np.array_equal(model.embeddings(graphs)[0].numpy(), seen[1])


def test_patience_ends_a_fit_that_no_longer_gains() -> None:
    values = iter([0.5, 0.1, 0.1, 0.1, 0.1, 0.1])
    _, _, history = fit(replace(SETTINGS, patience=2), validate=lambda *_: next(values))
    assert [row["epoch"] for row in history] == [2, 4, 6]


def test_the_last_epoch_is_always_judged() -> None:
    _, _, history = fit(replace(SETTINGS, epochs=5))
    assert [row["epoch"] for row in history] == [2, 4, 5]


def test_the_seed_decides_everything() -> None:
    assert_same(fit(seed=3), fit(seed=3))
    other = fit(seed=4)
    assert not torch.equal(fit(seed=3)[0].encoder.users, other[0].encoder.users)


def test_learning_rates_fall_by_their_factor(monkeypatch: pytest.MonkeyPatch) -> None:
    rates: list[tuple[float, int]] = []
    step = torch.optim.Adam.step

    def watched(self: torch.optim.Adam, *arguments: Any) -> Any:
        rates.append((self.param_groups[0]["lr"], len(self.param_groups[0]["params"])))
        return step(self, *arguments)

    monkeypatch.setattr(torch.optim.Adam, "step", watched)
    fit(replace(SETTINGS, epochs=3, batch_size=10_000))
    expected = [rate * 0.985**epoch for epoch in range(3) for rate in (5e-3, 1e-3)]
    assert [rate for rate, _ in rates] == pytest.approx(expected, rel=1e-12)


def test_every_interaction_is_a_positive_once_an_epoch(monkeypatch: pytest.MonkeyPatch) -> None:
    batches: list[np.ndarray] = []
    losses = PaperModel.losses

    def watched(self: PaperModel, graphs: Graphs, users: Any, positives: Any, negatives: Any, generator: Any) -> Any:
        batches.append(np.stack([users.numpy(), positives.numpy(), negatives.numpy()], axis=1))
        return losses(self, graphs, users, positives, negatives, generator)

    monkeypatch.setattr(PaperModel, "losses", watched)
    fit(replace(SETTINGS, epochs=1))
    rows = np.concatenate(batches)
    train = data()[0].tocoo()
    assert sorted(map(tuple, rows[:, :2].tolist())) == sorted(zip(train.row.tolist(), train.col.tolist(), strict=True))
    assert not train.toarray()[rows[:, 0], rows[:, 2]].any()
    assert [len(part) for part in batches[:-1]] == [64] * (len(batches) - 1)


def test_a_random_social_graph_has_the_same_degrees() -> None:
    _, given, _ = fit(replace(SETTINGS, epochs=1))
    _, random, _ = fit(replace(SETTINGS, epochs=1, social="random"))
    _, again, _ = fit(replace(SETTINGS, epochs=1, social="random"))
    degree = [np.diff(graphs.social.forward.crow_indices().numpy()) for graphs in (given, random)]
    assert np.array_equal(*degree)
    assert not torch.equal(given.social.forward.to_dense(), random.social.forward.to_dense())
    assert torch.equal(again.social.forward.to_dense(), random.social.forward.to_dense())


class KilledError(Exception):
    """Stands for a process that ends where it is."""


@pytest.mark.parametrize("epoch", [1, 2, 5, 12])
@pytest.mark.parametrize("denoising", ["diffusion", "none"])
def test_a_broken_fit_ends_as_an_unbroken_one(tmp_path: Path, epoch: int, denoising: Any) -> None:
    config = replace(SETTINGS, denoising=denoising)
    checkpoint = Checkpoint(tmp_path / "paper.safetensors", "same")
    done: list[int] = []

    def report(stage: str, now: int, total: int) -> None:
        done.append(now)
        if now == epoch and len(done) == epoch:
            raise KilledError

    with pytest.raises(KilledError):
        fit(config, checkpoint=checkpoint, report=report)
    resumed = fit(config, checkpoint=checkpoint, report=report)
    assert done[epoch] == (epoch // 2) * 2 + 1 or epoch == 12
    assert_same(resumed, fit(config))


def test_a_fit_broken_again_and_again_ends_the_same(tmp_path: Path) -> None:
    checkpoint = Checkpoint(tmp_path / "paper.safetensors", "same")

    def report(stage: str, now: int, total: int) -> None:
        if now % 3 == 0 and now < 12:
            raise KilledError

    breaks = 0
    while True:
        try:
            resumed = fit(checkpoint=checkpoint, report=report if breaks < 4 else lambda *_: None)
            break
        except KilledError:
            breaks += 1
    assert breaks == 4
    assert_same(resumed, fit())


def test_the_checkpoint_of_another_fit_is_refused(tmp_path: Path) -> None:
    fit(replace(SETTINGS, epochs=2), checkpoint=Checkpoint(tmp_path / "paper.safetensors", "one"))
    with pytest.raises(ArtifactError, match="another configuration or other data"):
        fit(checkpoint=Checkpoint(tmp_path / "paper.safetensors", "two"))


CHILD = """
import sys, time
from pathlib import Path
from recdiff.storage.checkpoint import Checkpoint
from tests.paper.test_fit import fit
def report(stage, now, total):
    print(now, flush=True)
    time.sleep(float(sys.argv[2]))
fit(checkpoint=Checkpoint(Path(sys.argv[1]), "same"), report=report)
"""


def test_a_killed_process_resumes_to_the_same_weights(tmp_path: Path) -> None:
    file = tmp_path / "paper.safetensors"
    environment = os.environ | {"PYTHONPATH": f"{ROOT / 'sdk'}{os.pathsep}{ROOT}"}
    command = [sys.executable, "-c", CHILD, str(file), "0.2"]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        for line in child.stdout:
            if int(line) == 5:
                break
        child.send_signal(signal.SIGKILL)
    assert child.returncode == -signal.SIGKILL
    assert file.is_file()
    done: list[int] = []
    resumed = fit(checkpoint=Checkpoint(file, "same"), report=lambda stage, now, total: done.append(now))
    assert done[0] == 5
    assert_same(resumed, fit())


def test_reports_name_the_stage_and_end_at_the_total() -> None:
    seen: list[tuple[str, int, int]] = []
    fit(replace(SETTINGS, epochs=3), report=lambda *row: seen.append(row))
    assert seen == [("train", 1, 3), ("train", 2, 3), ("train", 3, 3), ("train", 3, 3)]

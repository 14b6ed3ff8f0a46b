"""Tuning: only validation decides, the outcome is never worse than the start, and a killed search ends the same."""

from __future__ import annotations

import sys
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp

from recdiff import tuning
from recdiff.config import Config, PaperConfig
from recdiff.config.recommender import RecommenderConfig
from recdiff.data.dataset import SocialDataset
from recdiff.errors import UsageError
from recdiff.tuning import PAPER_SPACE, RECOMMENDER_SPACE, Interval, tuned, with_settings

pytest.importorskip("optuna", reason="needs optuna: pip install '.[tune]'")
SHORT = RecommenderConfig(width=8, steps=10, search=False)


def best_possible(config: Config, *_: Any) -> float:
    """A stand-in for a fit: best at regularisation 1 and learning rate 0.02."""
    held = config.recommender
    return -abs(np.log(held.regularisation)) - abs(np.log(held.learning_rate / 0.02))


def test_the_best_of_the_trials_is_returned(sample_dataset: SocialDataset, tmp_path: Path) -> None:
    config = Config(recommender=SHORT, device="cpu")
    seen: list[tuple[str, int, int]] = []
    found = tuned(config, sample_dataset, 3, tmp_path, lambda *step: seen.append(step))
    assert seen == [("tune", done, 3) for done in range(4)]
    start, end = (tuning._problem(each, sample_dataset)[1](each) for each in (config, found))
    assert end >= start
    assert not found.recommender.search
    assert found == tuned(config, sample_dataset, 3, tmp_path, silent_or_fail)


def silent_or_fail(stage: str, done: int, total: int) -> None:
    assert done == total, "a finished search ran again"


def test_more_trials_come_nearer(
    sample_dataset: SocialDataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tuning, "_recommender_value", best_possible)
    config = Config(recommender=replace(SHORT, regularisation=9.0, learning_rate=0.006))
    few, many = (tuned(config, sample_dataset, trials, tmp_path / str(trials)) for trials in (3, 40))
    assert best_possible(config) < best_possible(few) < best_possible(many)


def test_a_start_that_nothing_beats_is_kept(
    sample_dataset: SocialDataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tuning, "_recommender_value", best_possible)
    config = Config(recommender=replace(SHORT, regularisation=1.0, learning_rate=0.02, search=True))
    assert tuned(config, sample_dataset, 5, tmp_path) == config


def test_a_killed_search_ends_the_same(
    sample_dataset: SocialDataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tuning, "_recommender_value", best_possible)
    config = Config(recommender=replace(SHORT, regularisation=9.0))
    whole = tuned(config, sample_dataset, 14, tmp_path / "whole")
    calls = 0

    def killed(config: Config, *rest: Any) -> float:
        nonlocal calls
        calls += 1
        if calls == 12:
            raise KeyboardInterrupt
        return best_possible(config)

    monkeypatch.setattr(tuning, "_recommender_value", killed)
    with pytest.raises(KeyboardInterrupt):
        tuned(config, sample_dataset, 14, tmp_path / "cut")
    assert tuned(config, sample_dataset, 14, tmp_path / "cut") == whole
    assert calls == 12 + 3


def test_other_data_or_settings_start_anew(
    sample_dataset: SocialDataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[Config] = []

    def counted(config: Config, *rest: Any) -> float:
        calls.append(config)
        return best_possible(config)

    monkeypatch.setattr(tuning, "_recommender_value", counted)
    config = Config(recommender=SHORT)
    for each, dataset in (
        (config, sample_dataset),
        (replace(config, seed=1), sample_dataset),
        (config, sample_dataset.replace_edges(sample_dataset.edges[1:])),
    ):
        tuned(each, dataset, 2, tmp_path)
    assert len(calls) == 6
    assert calls[1] != calls[3], "another seed draws other settings"


def test_the_test_split_decides_nothing(sample_dataset: SocialDataset, tmp_path: Path) -> None:
    blind = replace(sample_dataset, test=sp.csr_matrix(sample_dataset.test.shape, dtype=np.float32))
    config = Config(recommender=SHORT, device="cpu")
    assert tuned(config, sample_dataset, 3, tmp_path / "a") == tuned(config, blind, 3, tmp_path / "b")


def test_the_published_model_has_a_space_of_its_own(sample_dataset: SocialDataset, tmp_path: Path) -> None:
    short = PaperConfig(width=8, time_width=4, epochs=2, evaluate_every=1)
    config = Config(preset="paper", device="cpu", paper=short)
    found = tuned(config, sample_dataset, 2, tmp_path)
    assert found.recommender == config.recommender
    values = [tuning._problem(config, sample_dataset)[1](each) for each in (config, found)]
    assert values[1] >= values[0]


@pytest.mark.parametrize(
    ("space", "section", "preset"),
    [(RECOMMENDER_SPACE, RecommenderConfig, "default"), (PAPER_SPACE, PaperConfig, "paper")],
)
def test_the_space_is_of_settings_that_exist_and_is_documented(space: Any, section: Any, preset: Any) -> None:
    assert set(space) <= {field.name for field in fields(section)}
    page = (Path(__file__).parent.parent / "docs" / "tuning.md").read_text(encoding="utf-8")
    for name, span in space.items():
        low, high = (span.low, span.high) if isinstance(span, Interval) else (span[0], span[-1])
        for value in (low, high):
            with_settings(Config(preset=preset), {name: value})
        shown = f"{low:g} to {high:g}" if isinstance(span, Interval) else ", ".join(map(str, span))
        assert f"| `{name}` | {shown} |" in page


def test_what_cannot_be_tuned_is_refused(
    sample_dataset: SocialDataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(UsageError, match="trials = 0: at least 1 is needed"):
        tuned(Config(), sample_dataset, 0, tmp_path)
    empty = sp.csr_matrix(sample_dataset.validation.shape, dtype=np.float32)
    with pytest.raises(UsageError, match="these data have none; fit without --tune"):
        tuned(Config(), replace(sample_dataset, validation=empty), 1, tmp_path)
    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(UsageError, match=r"pip install '\.\[tune\]'"):
        tuned(Config(), sample_dataset, 1, tmp_path)
    assert not any(tmp_path.iterdir())

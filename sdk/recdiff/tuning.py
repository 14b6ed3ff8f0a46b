"""Searching settings on validation: a small space, a seeded sampler, a journal that a killed search goes on from.

The first trial is the settings as given, so that the outcome is never worse on validation than not searching. Each
further trial is drawn by a tree-structured Parzen estimator (Bergstra et al., 2011) from what the trials before it
showed. Test interactions are never looked at.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from recdiff.config import Config
from recdiff.data.dataset import SocialDataset
from recdiff.errors import UsageError
from recdiff.evaluation.ranking_report import validation_score
from recdiff.extras import install_with
from recdiff.fit import fingerprint
from recdiff.machine.device import resolve_device
from recdiff.machine.progress import Report, silent
from recdiff.paper.fit import fit_paper
from recdiff.recommender.fit import fit_recommender

INSTALL = install_with("tune")
JOURNAL = "tuning.jsonl"


@dataclass(frozen=True)
class Interval:
    """All numbers from ``low`` to ``high``, evenly in their logarithm where ``log``."""

    low: float
    high: float
    log: bool = False


Space = Mapping[str, Interval | tuple[int, ...]]

# Settings of `config.recommender`; its own search (regularisation, tie_weight, layers) is off in trials.
RECOMMENDER_SPACE: Space = {
    "width": (32, 64, 128),
    "layers": (1, 2, 3, 4),
    "tie_weight": Interval(0.0, 1.0),
    "background": Interval(0.01, 0.5, log=True),
    "regularisation": Interval(0.1, 10.0, log=True),
    "learning_rate": Interval(0.005, 0.08, log=True),
}
# Settings of `config.paper`, around what its authors searched.
PAPER_SPACE: Space = {
    "layers": (1, 2, 3),
    "social_layers": (1, 2, 3),
    "steps": (5, 10, 20, 50, 100),
    "noise_scale": Interval(0.1, 1.0, log=True),
    "dropout": Interval(0.0, 0.7),
    "learning_rate": Interval(1e-3, 1e-2, log=True),
    "denoiser_learning_rate": Interval(3e-4, 3e-3, log=True),
    "regularisation": Interval(1e-4, 1e-1, log=True),
}


def tuned(config: Config, dataset: SocialDataset, trials: int, folder: Path, report: Report = silent) -> Config:
    """Return the settings of the best of ``trials`` trials by recall@20 + ndcg@20 on validation.

    The same configuration, data and number of trials give the same answer, in one go or killed and continued.

    Args:
        folder: keeps ``tuning.jsonl``; a search that it holds for this configuration and these data goes on.

    Raises:
        UsageError: optuna is not installed, ``trials`` is below 1, or there is nothing to choose by.
        DeviceError: for device "cuda" where there is none.
    """
    if trials < 1:
        raise UsageError(f"trials = {trials}: at least 1 is needed")
    if dataset.train.nnz == 0 or dataset.validation.nnz == 0:
        raise UsageError("tuning chooses by validation interactions, and these data have none; fit without --tune")
    optuna = _optuna()
    space, value = _problem(config, dataset)
    with _quiet(optuna):
        study = _study(optuna, folder, fingerprint(config, dataset))
        done = len(study.get_trials(states=(optuna.trial.TrialState.COMPLETE,)))
        report("tune", min(done, trials), trials)
        for number in range(done, trials):
            # A sampler of its own for each trial: one that went on would start anew after a kill.
            seed = int(np.random.SeedSequence([config.seed, number]).generate_state(1)[0])
            study.sampler = optuna.samplers.TPESampler(seed=seed, constant_liar=False)
            trial = study.ask()
            settings = {} if number == 0 else {name: _drawn(trial, name, span) for name, span in space.items()}
            study.tell(trial, value(with_settings(config, settings)))
            report("tune", number + 1, trials)
        return with_settings(config, study.best_params)


def with_settings(config: Config, settings: Mapping[str, Any]) -> Config:
    """Return ``config`` with ``settings`` in the section of its preset; none: as it is."""
    if not settings:
        return config
    if config.preset == "paper":
        return replace(config, paper=replace(config.paper, **settings))
    return replace(config, recommender=replace(config.recommender, **settings, search=False))


def _problem(config: Config, dataset: SocialDataset) -> tuple[Space, Callable[[Config], float]]:
    """Return the space of the preset, and what judges a configuration of it on validation."""
    device = resolve_device(config.device)
    if config.preset == "paper":
        return PAPER_SPACE, lambda changed: _published_value(changed, dataset, device)
    return RECOMMENDER_SPACE, lambda changed: _recommender_value(changed, dataset, device)


def _recommender_value(config: Config, dataset: SocialDataset, device: torch.device) -> float:
    made = fit_recommender(
        config.recommender,
        dataset.train,
        dataset.graph,
        validation=dataset.validation,
        seed=config.seed,
        device=device,
    )
    return max(row["validation"] for row in made.history)


def _published_value(config: Config, dataset: SocialDataset, device: torch.device) -> float:
    social = dataset.graph.adjacency()
    judge = validation_score(dataset.train, dataset.validation, config.seed)
    _, _, history = fit_paper(config.paper, dataset.train, social, judge, config.seed, device=device)
    return max(row["validation"] for row in history)


def _drawn(trial: Any, name: str, span: Interval | tuple[int, ...]) -> Any:
    if isinstance(span, Interval):
        return trial.suggest_float(name, span.low, span.high, log=span.log)
    return trial.suggest_categorical(name, span)


def _study(optuna: Any, folder: Path, name: str) -> Any:
    folder.mkdir(parents=True, exist_ok=True)
    backend = optuna.storages.journal.JournalFileBackend(str(folder / JOURNAL))
    storage = optuna.storages.JournalStorage(backend)
    study = optuna.create_study(storage=storage, study_name=name, direction="maximize", load_if_exists=True)
    for trial in study.get_trials(states=(optuna.trial.TrialState.RUNNING,)):
        # It was running when the search was killed.
        study.tell(trial.number, state=optuna.trial.TrialState.FAIL)
    return study


def _optuna() -> Any:
    try:
        import optuna
    except ImportError as error:
        raise UsageError(f"--tune needs optuna ({error}); install it: {INSTALL}") from error
    return optuna


@contextmanager
def _quiet(optuna: Any) -> Iterator[None]:
    """Keep optuna's lines per trial off the screen: progress is reported by the caller."""
    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    try:
        yield
    finally:
        optuna.logging.set_verbosity(before)

"""A baseline of the registry as a contender."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

from recdiff.baselines.task import Judge, Task
from recdiff.data.dataset import SocialDataset
from recdiff.metrics.ranking import Score
from recdiff.studies.systems.contender import Contender, History


def fit_registered(
    fit: Callable[..., Score],
    dataset: SocialDataset,
    settings: Mapping[str, Any],
    *,
    seed: int,
    epochs: int | None,
    judge: Judge,
    every: int,
) -> Contender:
    """Fit a baseline by its function.

    Args:
        fit: fit(task, **settings) -> scores.
        epochs: at most so many; None leaves the baseline its own number.
        every: epochs between two judgements.
    """
    history = History(judge, every)
    task = Task(dataset.train, dataset.graph, history, seed)
    own = inspect.signature(fit).parameters.get("epochs")
    limit = {} if own is None or epochs is None else {"epochs": min(epochs, own.default)}
    score = fit(task, **settings, **limit)
    seconds = history.seconds
    if not history.rows:
        # It has no epochs: what it is came in one.
        history.every = 1
        history(score)
    return Contender(score, history.rows, seconds, history.best)

"""A model of somebody's own as a contender: given a copy of what there is to learn from, its answers checked.

Letters: U users, B users of a block, I items.
"""

from __future__ import annotations

import random
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, redirect_stdout
from threading import Lock
from typing import Any

import numpy as np
import scipy.sparse as sp
import torch
from numpy.typing import NDArray

from recdiff.arrays import Int64
from recdiff.baselines.task import Judge, Task, validation_judge
from recdiff.data.dataset import SocialDataset
from recdiff.errors import RecDiffError, UsageError
from recdiff.graph.social_graph import SocialGraph
from recdiff.metrics.ranking import Score
from recdiff.studies.systems.contender import Contender, History
from recdiff.studies.systems.own_model import OwnModel, told


def fit_own(
    own: OwnModel, dataset: SocialDataset, *, settings: Mapping[str, Any], seed: int, epochs: int | None, judge: Judge
) -> Contender:
    """Fit a model of somebody's own on a copy of training interactions and ties; no test interaction is in it.

    Whatever the model judged on the way, what counts on validation is what its last scores are worth.

    Raises:
        UsageError: the model failed, or its scores are none; the message names model, method and shape.
    """
    train, own_judge = dataset.train.copy(), _own_judge(own, dataset)
    graph = SocialGraph(dataset.edges.copy(), len(dataset.users), dataset.directed)
    with _apart(seed):
        model = _called(own, "__init__", own.made, **settings)
        history = History(own_judge, 1)
        _called(own, "fit", model.fit, Task(train, graph, history, seed, epochs=epochs))
        seconds = history.seconds
    score = _checked_scores(own, "scores", model.scores, dataset.train.shape[1])
    value = judge(score)
    rows = history.rows or [{"epoch": 1, "validation": value, "seconds": seconds}]
    return Contender(score, rows, seconds, value)


def _own_judge(own: OwnModel, dataset: SocialDataset) -> Judge:
    """Return a judge that holds copies, so that nothing reached through it is anybody else's."""
    judge = validation_judge(dataset.train.copy(), dataset.validation.copy())
    items = dataset.train.shape[1]

    def judged(score: Any) -> float:
        if not callable(score):
            raise UsageError(
                f"--model {own.path}: fit gave task.judge {type(score).__name__}; give it a function of users, such as "
                "self.scores"
            )
        return judge(_checked_scores(own, "what fit gave task.judge", score, items))

    return judged


@contextmanager
def _apart(seed: int) -> Iterator[None]:
    """Seed the random generators that a process has for all, and leave them and torch's settings as they were."""
    state, numbers = random.getstate(), np.random.get_state()
    threads, kind = torch.get_num_threads(), torch.get_default_dtype()
    with torch.random.fork_rng(devices=[]):
        random.seed(seed)
        np.random.seed(seed)
        torch.manual_seed(seed)
        try:
            yield
        finally:
            random.setstate(state)
            np.random.set_state(numbers)
            torch.set_num_threads(threads)
            torch.set_default_dtype(kind)


def _called(own: OwnModel, what: str, method: Callable[..., Any], *values: Any, **settings: Any) -> Any:
    try:
        # What it prints is none of the study's results.
        with redirect_stdout(sys.stderr):
            return method(*values, **settings)
    except RecDiffError:
        raise
    except Exception as error:
        raise told(own.path, error, what) from error


def _checked_scores(own: OwnModel, what: str, method: Callable[..., Any], items: int) -> Score:
    """Return scores that are asked one block at a time, copied, and refused where they are none."""
    lock = Lock()

    def score(users: Int64) -> Any:
        with lock:
            given = _called(own, what, method, users.copy())
            return _numbers(own, what, given, (len(users), items))

    return score


def _numbers(own: OwnModel, what: str, given: Any, shape: tuple[int, int]) -> NDArray[Any]:
    """Return ``given`` as a new array of floats (B, I)."""
    if isinstance(given, torch.Tensor):
        given = given.detach().cpu().numpy()
    try:
        values = np.array(given)
    except ValueError:
        values = np.array(None)
    where = f"--model {own.path}: {what}"
    if values.dtype.kind not in "fiub" or sp.issparse(given):
        raise UsageError(f"{where} gave {type(given).__name__}; expected an array of numbers of shape {shape}")
    if values.shape != shape:
        raise UsageError(
            f"{where} gave shape {values.shape} for {shape[0]} users and {shape[1]} items; expected {shape}"
        )
    if values.dtype not in (np.float32, np.float64):
        values = values.astype(np.float64)
    bad = np.isnan(values) | (values == np.inf)
    if bad.any():
        row, column = np.argwhere(bad)[0]
        raise UsageError(
            f"{where} gave {values[row, column]} for {int(bad.sum())} of {shape} scores, first in row {row}, item "
            f"{column}; give every item a finite score, or -inf to leave it out"
        )
    return values

"""The models that studies compare, all behind one call: fit on a data set, judged on validation, then score items."""

from __future__ import annotations

import inspect
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from recdiff.baselines.pairwise import JUDGE_EVERY
from recdiff.baselines.registry import BASELINES, Baseline, baseline
from recdiff.baselines.task import Judge, Task
from recdiff.config import PaperConfig
from recdiff.data.dataset import SocialDataset
from recdiff.metrics.ranking import Score, by_tables
from recdiff.paper.fit import fit_paper
from recdiff.recommender.fit import RecommenderConfig, fit_recommender

OURS, PUBLISHED = "recdiff", "recdiff-paper"
LABELS: Mapping[str, str] = {
    OURS: "recdiff-sdk, default preset",
    PUBLISHED: "RecDiff as published",
    "popularity": "Popularity",
    "item-knn": "ItemKNN",
    "user-knn": "UserKNN",
    "user-knn-tfidf": "UserKNN, TF-IDF",
    "user-knn-ties": "UserKNN + ties",
    "p3alpha": "P3alpha",
    "rp3beta": "RP3beta",
    "ease": "EASE",
    "ease-ties": "EASE + ties",
    "bpr-mf": "BPR-MF",
    "als": "ALS",
    "lightgcn": "LightGCN",
    "lightgcn-ties": "LightGCN + ties",
    "xsimgcl": "XSimGCL",
    "diffnet": "DiffNet",
    "mhcn": "MHCN",
    "ngcf": "NGCF",
    "graphrec": "GraphRec",
    "dsl": "DSL",
    "kcgn": "KCGN",
    "dgrec": "DGRec",
}


@dataclass
class History:
    """The validation scores of a fit, with the training seconds that led there (judging not counted)."""

    judge: Judge
    every: int
    rows: list[dict[str, float]] = field(default_factory=list)
    began: float = field(default_factory=time.perf_counter)
    judged: float = 0.0

    def __call__(self, score: Score) -> float:
        """Judge ``score`` after ``every`` more epochs."""
        seconds = self.seconds
        start = time.perf_counter()
        value = self.judge(score)
        self.judged += time.perf_counter() - start
        self.rows.append({"epoch": self.every * (len(self.rows) + 1), "validation": value, "seconds": seconds})
        return value

    @property
    def best(self) -> float:
        """The highest validation score so far."""
        return max(row["validation"] for row in self.rows)

    @property
    def seconds(self) -> float:
        """Seconds of training so far."""
        return time.perf_counter() - self.began - self.judged


@dataclass(frozen=True)
class Contender:
    """A model that was fitted to be compared.

    Attributes:
        score: all items for some users.
        history: epoch, validation and seconds of each evaluation; a single one for models without epochs.
        seconds: of training, without judging.
        validation: the score of what was chosen.
    """

    score: Score
    history: list[dict[str, float]]
    seconds: float
    validation: float


def names() -> tuple[str, ...]:
    """Return every model, simple ones first."""
    return (*(each.name for each in BASELINES), PUBLISHED, OURS)


def label(name: str) -> str:
    """Return what a model is called in tables."""
    return LABELS.get(name, name)


def candidates(name: str, trials: int) -> list[dict[str, Any]]:
    """Return the settings to try; the published model has its published ones, ours chooses within each fit."""
    return [{}] if name in (OURS, PUBLISHED) else baseline(name).candidates(trials)


def is_seeded(name: str) -> bool:
    """Return whether another seed gives another result."""
    return name in (OURS, PUBLISHED) or baseline(name).seeded


def fit_contender(
    name: str, dataset: SocialDataset, settings: Mapping[str, Any], seed: int, epochs: int | None, judge: Judge
) -> Contender:
    """Fit the model called ``name``.

    Args:
        epochs: at most so many; None leaves every model its own number.

    Raises:
        UsageError: no model has that name.
    """
    if name == PUBLISHED:
        return _fit_published(dataset, settings, seed, epochs, judge)
    if name == OURS:
        return _fit_ours(dataset, settings, seed, epochs, judge)
    return _fit_baseline(baseline(name), dataset, settings=settings, seed=seed, epochs=epochs, judge=judge)


def _fit_baseline(
    model: Baseline, dataset: SocialDataset, settings: Mapping[str, Any], seed: int, epochs: int | None, judge: Judge
) -> Contender:
    history = History(judge, JUDGE_EVERY)
    task = Task(dataset.train, dataset.graph, history, seed)
    own = inspect.signature(model.fit).parameters.get("epochs")
    limit = {} if own is None or epochs is None else {"epochs": min(epochs, own.default)}
    score = model.fit(task, **settings, **limit)
    seconds = history.seconds
    if not history.rows:
        # It has no epochs: what it is came in one.
        history.every = 1
        history(score)
    return Contender(score, history.rows, seconds, history.best)


def _fit_ours(
    dataset: SocialDataset, settings: Mapping[str, Any], seed: int, epochs: int | None, judge: Judge
) -> Contender:
    """Fit the default recommender; ``settings`` are fields of RecommenderConfig, an epoch is one of its passes."""
    config = replace(RecommenderConfig(), **settings)
    if epochs is not None:
        config = replace(config, steps=min(epochs, config.steps))
    began = time.perf_counter()
    made = fit_recommender(config, dataset.train, graph=dataset.graph, validation=dataset.validation, seed=seed)
    whole = time.perf_counter() - began
    began = time.perf_counter()
    judge(made.recommender.score)
    # It judges itself, every time as long as this once.
    seconds = max(0.0, whole - len(made.history) * (time.perf_counter() - began))
    trial = [row for row in made.history if row["trial"] == made.history[-1]["trial"]]
    passes = sum(max(r["step"] for r in made.history if r["trial"] == t) for t in {r["trial"] for r in made.history})
    rows = [
        {"epoch": row["step"], "validation": row["validation"], "seconds": seconds * row["step"] / passes}
        for row in trial
    ]
    best = max(row["validation"] for row in made.history)
    return Contender(made.recommender.score, rows, seconds, best)


def _fit_published(
    dataset: SocialDataset, settings: Mapping[str, Any], seed: int, epochs: int | None, judge: Judge
) -> Contender:
    """Fit the published model; ``settings`` are fields of PaperConfig.

    ``settings["inference"]`` = "mean" puts the mean of all users' denoised social embeddings in the place of each,
    after training: a denoiser that tells users apart must lose by that.
    """
    config = replace(PaperConfig(), **{name: settings[name] for name in settings if name != "inference"})
    if epochs is not None:
        config = replace(config, epochs=min(epochs, config.epochs))
    social = dataset.graph.adjacency()
    history = History(judge, config.evaluate_every)
    model, graphs, _ = fit_paper(
        config, dataset.train, social, lambda users, items: history(by_tables(users, items)), seed
    )
    seconds = history.seconds
    users, items, social_rows = (part.cpu() for part in model.embeddings(graphs))
    if settings.get("inference") == "mean":
        denoised = model.denoise(social_rows)
        users = users - denoised + denoised.mean(dim=0)
    return Contender(by_tables(users.numpy(), items.numpy()), history.rows, seconds, history.best)

"""Variants of a model, fitted with every seed, in one table and compared with one of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from recdiff.metrics.ranking import CUTOFFS, METRICS
from recdiff.metrics.significance import Difference
from recdiff.studies.lab.bench import Bench
from recdiff.studies.lab.cell import Result
from recdiff.studies.lab.contenders import is_seeded
from recdiff.studies.lab.edge_change import GIVEN
from recdiff.studies.lab.kept_ranking import Repeated, unpack
from recdiff.studies.lab.trial import trial_cell
from recdiff.studies.page.tidy import Row


@dataclass(frozen=True)
class Variant:
    """One thing to fit.

    Attributes:
        label: what it is called in tables.
        model: a name of ``contenders``.
        settings: of the model.
        change: of the social graph.
    """

    label: str
    model: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    change: Mapping[str, Any] = field(default_factory=lambda: GIVEN)


@dataclass(frozen=True)
class Outcome:
    """A variant with its results, one per seed.

    Attributes:
        variant: what was fitted.
        results: in the order of the seeds.
        test: rankings of the test split, in the order of the seeds.
    """

    variant: Variant
    results: tuple[Result, ...]
    test: Repeated

    @property
    def label(self) -> str:
        """What the variant is called."""
        return self.variant.label

    @property
    def validation(self) -> float:
        """Recall@20 + NDCG@20 on validation, seeds averaged."""
        return float(np.mean([result.values["validation"] for result in self.results]))

    @property
    def seconds(self) -> float:
        """Training seconds, seeds averaged."""
        return float(np.mean([result.values["seconds"] for result in self.results]))

    def mean(self, metric: str, k: int) -> float:
        """Return the mean over users and seeds on test."""
        return self.test.mean(metric, k)

    def sd(self, metric: str, k: int) -> float:
        """Return the standard deviation over seeds on test, 0 for a single one."""
        return self.test.sd(metric, k)

    def against(self, other: Outcome, metric: str, k: int, resamples: int) -> Difference:
        """Return how much better this variant is than ``other`` on test, paired over users."""
        return self.test.against(other.test, metric, k, resamples)


def fit_variants(bench: Bench, variants: Sequence[Variant], stage: str) -> list[Outcome]:
    """Fit every variant with every seed of the budget, one where seeds change nothing, and judge it on test."""
    budget = bench.budget
    cells = [
        trial_cell(bench.fingerprint, each.model, each.settings, seed, budget.epochs, change=each.change, final=True)
        for each in variants
        for seed in _seeds(each, budget.seeds)
    ]
    results = iter(bench.results(cells, stage))
    outcomes = []
    for variant in variants:
        own = tuple(next(results) for _ in _seeds(variant, budget.seeds))
        outcomes.append(Outcome(variant, own, Repeated(tuple(unpack(result.values["test"]) for result in own))))
    return outcomes


def _seeds(variant: Variant, seeds: tuple[int, ...]) -> tuple[int, ...]:
    """Return the seeds that make a difference: of the model, or of the change of its edges."""
    return seeds if is_seeded(variant.model) or variant.change != GIVEN else seeds[:1]


def metric_rows(outcomes: Sequence[Outcome], column: str = "variant") -> list[Row]:
    """Return one row per variant, seed, metric and cutoff."""
    return [
        {
            column: outcome.label,
            "seed": result.cell.seed,
            "metric": metric,
            "k": k,
            "value": ranking.mean(metric, k),
            "validation": result.values["validation"],
        }
        for outcome in outcomes
        for result, ranking in zip(outcome.results, outcome.test.seeds, strict=True)
        for metric in METRICS
        for k in CUTOFFS
    ]

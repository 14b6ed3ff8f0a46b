"""All baselines by name, each with the small space it is tuned over."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from recdiff.baselines.diffnet import fit_diffnet
from recdiff.baselines.ease import fit_ease, fit_tied_ease
from recdiff.baselines.factorisation import fit_als, fit_bpr
from recdiff.baselines.lightgcn import fit_lightgcn, fit_xsimgcl
from recdiff.baselines.mhcn import fit_mhcn
from recdiff.baselines.neighbours import fit_item_neighbours, fit_tied_neighbours, fit_user_neighbours
from recdiff.baselines.neural.dgrec import fit_dgrec
from recdiff.baselines.neural.dsl import fit_dsl
from recdiff.baselines.neural.gdmsr import fit_gdmsr
from recdiff.baselines.neural.graphrec import fit_graphrec
from recdiff.baselines.neural.kcgn import fit_kcgn
from recdiff.baselines.neural.ngcf import fit_ngcf
from recdiff.baselines.neural.samn import fit_samn
from recdiff.baselines.neural.smin import fit_smin
from recdiff.baselines.popularity import fit_popularity
from recdiff.baselines.task import Task
from recdiff.baselines.walks import fit_p3alpha, fit_rp3beta
from recdiff.errors import UsageError
from recdiff.metrics.ranking import Score

Space = Mapping[str, Sequence[Any]]
# Settings tried per model; no space below holds more, so that none is tuned harder than another.
TRIALS = 8


@dataclass(frozen=True)
class Baseline:
    """A model that anyone can run beside ours.

    Attributes:
        name: as printed.
        fit: fit(task, **settings) -> scores.
        space: setting -> the values tried, at most ``TRIALS`` combinations.
        social: whether it uses edges.
        seeded: whether the result depends on the seed.
    """

    name: str
    fit: Callable[..., Score]
    space: Space = field(hash=False)
    social: bool = False
    seeded: bool = False

    def candidates(self, trials: int = TRIALS, seed: int = 0) -> list[dict[str, Any]]:
        """Return at most ``trials`` settings of the space: all of them, or a seeded choice without repetition."""
        if trials < 1:
            raise UsageError(f"trials = {trials}: at least 1 is needed")
        grid = [dict(zip(self.space, values, strict=True)) for values in itertools.product(*self.space.values())]
        if len(grid) <= trials:
            return grid
        chosen = np.random.default_rng(seed).choice(len(grid), trials, replace=False)
        return [grid[index] for index in np.sort(chosen)]


_NEIGHBOURS: Space = {"neighbours": (100, 300), "shrink": (0.0, 5.0, 30.0, 100.0)}
_PENALTY = (1e-3, 3e-3, 1e-2, 3e-2)

BASELINES: tuple[Baseline, ...] = (
    Baseline("popularity", fit_popularity, {}),
    Baseline("item-knn", fit_item_neighbours, _NEIGHBOURS),
    Baseline("user-knn", fit_user_neighbours, {**_NEIGHBOURS, "weights": ("none",)}),
    Baseline("user-knn-tfidf", fit_user_neighbours, {**_NEIGHBOURS, "weights": ("tfidf",)}),
    Baseline(
        "user-knn-ties",
        fit_tied_neighbours,
        {"neighbours": (300,), "shrink": (5.0, 30.0), "weights": ("tfidf",), "tie_weight": (0.01, 0.03, 0.1, 0.3)},
        social=True,
    ),
    Baseline("p3alpha", fit_p3alpha, {"alpha": (0.4, 0.6, 0.8, 1.0), "neighbours": (100, 500)}),
    Baseline("rp3beta", fit_rp3beta, {"alpha": (0.6, 1.0), "beta": (0.2, 0.4), "neighbours": (100, 500)}),
    Baseline("ease", fit_ease, {"ridge": (10.0, 30.0, 100.0, 200.0, 500.0, 1000.0, 3000.0, 10000.0)}),
    Baseline(
        "ease-ties", fit_tied_ease, {"ridge": (30.0, 100.0, 300.0, 1000.0), "tie_weight": (0.3, 1.0)}, social=True
    ),
    Baseline(
        "bpr-mf", fit_bpr, {"regularisation": (1e-3, 1e-2, 3e-2, 1e-1), "learning_rate": (5e-3, 2e-2)}, seeded=True
    ),
    Baseline(
        "als", fit_als, {"width": (64,), "background": (0.1, 0.3), "regularisation": (0.3, 1.0, 3.0, 10.0)}, seeded=True
    ),
    Baseline("lightgcn", fit_lightgcn, {"layers": (2, 3), "regularisation": _PENALTY}, seeded=True),
    Baseline(
        "lightgcn-ties",
        fit_lightgcn,
        {"layers": (2,), "regularisation": _PENALTY, "tie_weight": (0.1, 0.3)},
        social=True,
        seeded=True,
    ),
    Baseline(
        "xsimgcl",
        fit_xsimgcl,
        {"layers": (2,), "regularisation": (1e-3, 1e-2), "noise": (0.1, 0.2), "contrast": (0.05, 0.2)},
        seeded=True,
    ),
    Baseline("diffnet", fit_diffnet, {"depth": (1, 2), "regularisation": _PENALTY}, social=True, seeded=True),
    Baseline(
        "mhcn", fit_mhcn, {"regularisation": _PENALTY, "self_supervision": (0.001, 0.01)}, social=True, seeded=True
    ),
    Baseline("ngcf", fit_ngcf, {"layers": (2, 3), "regularisation": _PENALTY}, seeded=True),
    Baseline(
        "graphrec", fit_graphrec, {"regularisation": _PENALTY, "learning_rate": (1e-3, 3e-3)}, social=True, seeded=True
    ),
    Baseline(
        "dsl", fit_dsl, {"layers": (2,), "regularisation": _PENALTY, "tie_loss": (0.01, 0.1)}, social=True, seeded=True
    ),
    Baseline("kcgn", fit_kcgn, {"regularisation": _PENALTY, "informax": (0.01, 0.1)}, social=True, seeded=True),
    Baseline("smin", fit_smin, {"regularisation": _PENALTY, "informax": (0.01, 0.06)}, social=True, seeded=True),
    Baseline("dgrec", fit_dgrec, {"regularisation": _PENALTY, "learning_rate": (2e-3, 1e-2)}, social=True, seeded=True),
    Baseline("samn", fit_samn, {"regularisation": _PENALTY, "learning_rate": (5e-3, 2e-2)}, social=True, seeded=True),
    Baseline("gdmsr", fit_gdmsr, {"regularisation": _PENALTY, "alpha": (0.1, 0.3)}, social=True, seeded=True),
)


def baseline(name: str) -> Baseline:
    """Return the baseline called ``name``.

    Raises:
        UsageError: none has that name.
    """
    for each in BASELINES:
        if each.name == name:
            return each
    raise UsageError(f"baseline {name!r}: accepted are {', '.join(each.name for each in BASELINES)}")


def tune(model: Baseline, task: Task, trials: int = TRIALS) -> tuple[dict[str, Any], list[float]]:
    """Return the settings that ``task.judge`` likes best, and what it said of each candidate."""
    candidates = model.candidates(trials)
    values = [task.judge(model.fit(task, **settings)) for settings in candidates]
    return candidates[int(np.argmax(values))], values

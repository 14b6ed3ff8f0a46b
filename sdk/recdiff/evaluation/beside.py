"""What a published system makes of the fitted edges, judged beside the fake score where somebody asks for it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from recdiff.arrays import Float64
from recdiff.baselines.neural.gdmsr import CONFIDENCE_EPOCHS, tie_confidence
from recdiff.baselines.task import Task
from recdiff.data.problems import did_you_mean
from recdiff.errors import DataError, UsageError
from recdiff.machine.progress import Report, Steps
from recdiff.model.fitted import Fitted

SEED = 0
EPOCHS = CONFIDENCE_EPOCHS


def _gdmsr(fitted: Fitted) -> Float64:
    """Return GDMSR's confidence in each edge, its sign turned; it learned with all of them as real."""
    task = Task(fitted.trained, fitted.graph, lambda score: 0.0, seed=SEED)
    return -tie_confidence(task, epochs=EPOCHS)


SYSTEMS: Mapping[str, Callable[[Fitted], Float64]] = {"gdmsr": _gdmsr}


def require_systems(names: Iterable[str], fitted: Fitted) -> None:
    """Refuse what cannot stand beside the fake scores of ``fitted``, before any work is done.

    Raises:
        UsageError: a name is none of ``SYSTEMS``.
        DataError: the model learned from no interactions, and all of them learn from these.
    """
    for name in names:
        if name not in SYSTEMS:
            raise UsageError(f"--beside {name}{did_you_mean(name, SYSTEMS)}: accepted are {', '.join(SYSTEMS)}")
        if not fitted.trained.nnz:
            raise DataError(f"--beside {name}: it learns from interactions, and this model was fitted without any")


def beside_scores(names: Iterable[str], fitted: Fitted, report: Report) -> dict[str, Float64]:
    """Return the scores of the systems ``names`` for all fitted edges, (E,) each; larger looks more fake.

    A system is trained here and now, from the interactions and edges of the fit, which takes minutes.
    """
    found = {}
    for name in dict.fromkeys(names):
        steps = Steps(report, name, 1)
        found[name] = SYSTEMS[name](fitted)
        steps.one()
    return found

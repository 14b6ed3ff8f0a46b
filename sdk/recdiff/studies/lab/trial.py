"""One fit of one model: chosen on validation and, only where a final fit asks for it, judged on test."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from recdiff.baselines.task import validation_judge
from recdiff.errors import UsageError
from recdiff.metrics.ranking import rank
from recdiff.studies.lab.cell import Cell
from recdiff.studies.lab.contenders import code, fit_contender
from recdiff.studies.lab.edge_change import GIVEN, changed
from recdiff.studies.lab.kept_ranking import pack
from recdiff.studies.lab.source import Source
from recdiff.studies.systems.own_model import is_own

TASK, TIMED = "trial", "timed-trial"


def trial_cell(
    data: str,
    model: str,
    settings: Mapping[str, Any],
    seed: int,
    epochs: int | None,
    *,
    change: Mapping[str, Any] = GIVEN,
    final: bool,
    timed: bool = False,
) -> Cell:
    """Return the cell of a fit.

    Args:
        data: fingerprint of the data set.
        model: a name of ``contenders``.
        settings: of the model.
        epochs: at most so many; None leaves the model its own number.
        change: of the social graph, see ``edge_change``.
        final: whether the test split is read; a trial that selects settings never reads it.
        timed: whether its seconds are a result, so that a fit that shared the machine will not do.
    """
    parts = {"model": model, "settings": dict(settings), "epochs": epochs, "change": dict(change), "final": final}
    return Cell(TIMED if timed else TASK, parts, seed, data, _code(model, change))


def _code(model: str, change: Mapping[str, Any]) -> str:
    return code(model, [__name__] if change == GIVEN else [__name__, changed.__module__])


def run_trial(cell: Cell, source: Source) -> dict[str, Any]:
    """Fit, selecting by Recall@20 + NDCG@20 on validation, and judge."""
    wanted = cell.settings
    if is_own(wanted["model"]) and cell.code != _code(wanted["model"], wanted["change"]):
        raise UsageError(f"--model {wanted['model']}: its source changed while the study ran; run the study again")
    dataset = changed(source.read(), wanted["change"], cell.seed).dataset
    judge = validation_judge(dataset.train, dataset.validation)
    fitted = fit_contender(
        wanted["model"], dataset, settings=wanted["settings"], seed=cell.seed, epochs=wanted["epochs"], judge=judge
    )
    values: dict[str, Any] = {"validation": fitted.validation, "history": fitted.history, "seconds": fitted.seconds}
    if wanted["final"]:
        values["test"] = pack(rank(fitted.score, dataset.train, dataset.test))
    return values

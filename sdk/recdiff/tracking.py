"""A fit in an MLflow run: its settings, its metrics and the model folder.

Settings are parameters by their dotted names, ``scorer.table.iterations``. MLflow allows no "@" in names, so recall@20
on test is ``test/recall_at_20``; ``test_low`` and ``test_high`` hold the ends of its interval, ``popularity`` and so on
the baselines.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from contextlib import redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from recdiff.config import Config
from recdiff.errors import UsageError, WriteError
from recdiff.extras import install_with
from recdiff.machine.environment import defaults
from recdiff.model.fitted import Fitted
from recdiff.version import VERSION

INSTALL = install_with("mlflow")
EXPERIMENT = "recdiff"
MODEL = "model"
MOST = 100
"""Parameters that MLflow takes at a time; of metrics it takes more."""
SOON = {"MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2", "MLFLOW_HTTP_REQUEST_TIMEOUT": "15"}
"""Before the fit. MLflow's own patience, four minutes for a server that is not there, is for what a fit hands in."""


@dataclass(frozen=True)
class Tracker:
    """An MLflow store that answered.

    Attributes:
        uri: of a server, or of a database or folder of this machine.
        client: asks it.
        experiment: the id of ours.
    """

    uri: str
    client: Any
    experiment: str

    @classmethod
    def reached(cls, uri: str) -> Tracker:
        """Return the store at ``uri``, in which the experiment "recdiff" is made where there is none.

        Raises:
            UsageError: MLflow is not installed, or there is no store at ``uri``.
        """
        try:
            from mlflow import MlflowClient
        except ModuleNotFoundError:
            raise UsageError(f"--mlflow needs MLflow; run: {INSTALL}") from None
        try:
            with defaults(SOON):
                client = MlflowClient(tracking_uri=uri)
                found = client.get_experiment_by_name(EXPERIMENT)
                experiment = client.create_experiment(EXPERIMENT) if found is None else found.experiment_id
        except failures() as error:
            raise UsageError(f"--mlflow {uri}: {said(error)}") from None
        return cls(uri, client, experiment)

    def log(self, config: Config, fitted: Fitted, folder: Path) -> str:
        """Write a run with what ``folder``, the model folder, holds, and return its id.

        What MLflow prints of it goes to stderr: stdout holds results alone.

        Raises:
            WriteError: the store did not take it; the run is marked as failed where the store can be reached.
        """
        try:
            with redirect_stdout(sys.stderr):
                return self._written(config, fitted, folder)
        except failures() as error:
            raise WriteError(f"{folder} is written, but --mlflow {self.uri} did not take it: {said(error)}") from None

    def _written(self, config: Config, fitted: Fitted, folder: Path) -> str:
        run = self.client.create_run(self.experiment, run_name=folder.name, tags={"recdiff.version": VERSION})
        name: str = run.info.run_id
        try:
            self._write(name, config, fitted, folder)
        except BaseException:
            self.client.set_terminated(name, "FAILED")
            raise
        self.client.set_terminated(name)
        return name

    def _write(self, run: str, config: Config, fitted: Fitted, folder: Path) -> None:
        from mlflow.entities import Metric, Param

        settings = [Param(name, str(value)) for name, value in flat(config.to_dict())]
        figures = [Metric(name, value, 0, 0) for name, value in measured(fitted)]
        figures += [
            Metric("training/validation", float(row["validation"]), 0, step) for step, row in enumerate(fitted.history)
        ]
        for start in range(0, len(settings), MOST):
            self.client.log_batch(run, params=settings[start : start + MOST])
        for start in range(0, len(figures), MOST):
            self.client.log_batch(run, metrics=figures[start : start + MOST])
        self.client.log_artifacts(run, str(folder), MODEL)


def failures() -> tuple[type[Exception], ...]:
    """Return what MLflow raises where a store fails; a database's own errors come through it as they are."""
    from mlflow.exceptions import MlflowException

    try:
        from sqlalchemy.exc import SQLAlchemyError
    except ModuleNotFoundError:  # With the small MLflow, which opens no database.
        return MlflowException, ModuleNotFoundError, OSError
    return MlflowException, ModuleNotFoundError, OSError, SQLAlchemyError


def said(error: Exception) -> str:
    """Return the first line of what an error says: more is a page of HTML, or a statement of SQL."""
    return next(iter(str(error).splitlines()), type(error).__name__)


def flat(settings: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, Any]]:
    """Yield every setting by its dotted name."""
    for name, value in settings.items():
        if isinstance(value, Mapping):
            yield from flat(value, f"{before}{name}.")
        else:
            yield f"{before}{name}", list(value) if isinstance(value, tuple) else value


def measured(fitted: Fitted) -> Iterator[tuple[str, float]]:
    """Yield every figure of a fit by the name that MLflow takes it under."""
    metrics = fitted.metrics
    parts: dict[str, Any] = {name: metrics[name] for name in ("validation", "test") if name in metrics}
    parts |= metrics.get("baselines", {})
    for place, end in enumerate(("test_low", "test_high")):
        parts[end] = {name: ends[place] for name, ends in metrics.get("interval", {}).items()}
    for part, values in parts.items():
        for name, value in values.items():
            yield f"{part}/{name.replace('@', '_at_')}", float(value)
    share = fitted.calibration.get("fake_share", {})
    for name in ("low", "estimate", "high"):
        if name in share:
            yield f"fake_share/{name}", float(share[name])
    for name, value in fitted.calibration.get("shares", {}).items():
        yield f"share_of/{name}", float(value)

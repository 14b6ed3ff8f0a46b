"""Where the decisions about a model's data are: the model notes the way from its folder to the data's."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from recdiff.audit.decisions import decisions_file
from recdiff.audit.names import NOTED
from recdiff.errors import UsageError

if TYPE_CHECKING:
    from recdiff.model.fitted import Fitted


def noted(fitted: Fitted, data: Path, model: Path) -> Fitted:
    """Return the model with a note of where its ``data`` are, seen from the folder ``model`` that it is saved to."""
    return replace(fitted, calibration={**fitted.calibration, NOTED: way(model, data)})


def decisions_of(fitted: Fitted, model: Path, data: Path | None) -> Path | None:
    """Return the file of decisions about a model's data; see ``decisions_by``."""
    return decisions_by(fitted.calibration.get(NOTED), model, data)


def decisions_by(told: str | None, model: Path, data: Path | None) -> Path | None:
    """Return the file of decisions, which need not exist; None where nobody knows where the data are.

    Args:
        told: what the model notes. model: its folder. data: where the data are, where somebody says so.

    Raises:
        UsageError: nothing is at ``data``.
    """
    if data is not None:
        if not data.exists():
            raise UsageError(f"--data {data}: there is nothing; name the data folder that the model was fitted on")
        return decisions_file(data)
    place = None if told is None else model / told
    return decisions_file(place) if place is not None and place.exists() else None


def way(start: Path, target: Path) -> str:
    """Return the way from the folder ``start`` to ``target``, relative where there is one."""
    try:
        return Path(os.path.relpath(target.resolve(), start.resolve())).as_posix()
    except ValueError:  # On another drive.
        return target.resolve().as_posix()

"""A model knows the way to its data, and with it to the decisions about them."""

from __future__ import annotations

from pathlib import Path

import pytest

from recdiff.audit.decisions import decisions_file
from recdiff.audit.place import decisions_of, noted, way
from recdiff.errors import UsageError
from recdiff.estimator import RecDiff


def test_the_way_is_relative_so_that_both_can_move_together(tmp_path: Path) -> None:
    assert way(tmp_path / "models" / "one", tmp_path / "data") == "../../data"


def test_decisions_lie_beside_the_data_that_were_noted(fitted: RecDiff, tmp_path: Path) -> None:
    data, model = tmp_path / "data", tmp_path / "model"
    for folder in (data, model):
        folder.mkdir()
    told = noted(fitted.fitted_, data, model)
    found = decisions_of(told, model, None)
    assert found is not None
    assert found.resolve() == decisions_file(data).resolve()
    assert decisions_of(fitted.fitted_, model, None) is None
    data.rmdir()
    assert decisions_of(told, model, None) is None


def test_where_the_data_are_can_be_said(fitted: RecDiff, tmp_path: Path) -> None:
    assert decisions_of(fitted.fitted_, tmp_path / "model", tmp_path) == decisions_file(tmp_path)
    with pytest.raises(UsageError, match="there is nothing; name the data folder"):
        decisions_of(fitted.fitted_, tmp_path / "model", tmp_path / "gone")

"""A cell's result is found again by everything it depends on, and by nothing else."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from recdiff.errors import ArtifactError
from recdiff.studies.lab import cell as cells
from recdiff.studies.lab.cell import Cache, Cell, Result

CELL = Cell("trial", {"model": "ease", "settings": {"ridge": 10.0}}, 0, "data")


def test_equal_cells_have_one_key() -> None:
    same = Cell("trial", {"settings": {"ridge": 10.0}, "model": "ease"}, 0, "data")
    assert same.key == CELL.key


@pytest.mark.parametrize(
    "other",
    [
        replace(CELL, task="timed-trial"),
        replace(CELL, settings={"model": "ease", "settings": {"ridge": 11.0}}),
        replace(CELL, seed=1),
        replace(CELL, data="other data"),
        replace(CELL, code="other code"),
    ],
)
def test_whatever_a_result_depends_on_changes_the_key(other: Cell, tmp_path: Path) -> None:
    cache = Cache(tmp_path)
    cache.save(Result(CELL, {"x": 1}, 0.5))
    assert other.key != CELL.key
    assert cache.load(other) is None


def test_another_version_of_the_package_computes_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    before = CELL.key
    monkeypatch.setattr(cells, "VERSION", "9.9.9")
    assert replace(CELL).key != before


def test_a_saved_result_comes_back(tmp_path: Path) -> None:
    result = Result(CELL, {"numbers": [1, 2.5, None], "name": "é"}, 0.25)
    Cache(tmp_path).save(result)
    assert Cache(tmp_path).load(CELL) == result
    assert [file.name for file in tmp_path.iterdir()] == [f"{CELL.key}.json"]


def test_a_damaged_result_is_refused_by_name(tmp_path: Path) -> None:
    cache = Cache(tmp_path)
    cache.save(Result(CELL, {"x": 1}, 0.5))
    file = cache.file(CELL)
    file.write_text(file.read_text()[:-5])
    with pytest.raises(ArtifactError, match=rf"{file.name}: damaged result .* delete the file to compute it again"):
        cache.load(CELL)


def test_a_result_under_a_wrong_name_is_refused(tmp_path: Path) -> None:
    cache, other = Cache(tmp_path), replace(CELL, seed=1)
    cache.save(Result(other, {"x": 1}, 0.5))
    cache.file(other).rename(cache.file(CELL))
    with pytest.raises(ArtifactError, match="holds the result of another configuration"):
        cache.load(CELL)

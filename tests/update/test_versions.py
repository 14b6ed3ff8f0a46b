"""The model before an update stays beside the new one, and comes back with the same bytes, whenever it is killed."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from recdiff.errors import ArtifactError, UsageError
from recdiff.estimator import RecDiff
from recdiff.storage.manifest import BUNDLE
from recdiff.update import versions
from recdiff.update.grown import updated
from recdiff.update.versions import undo, update_folder
from tests.attack.crash import DONE, KILLED, Bomb, child, ended, state, visible_state
from tests.update.quick import fit, frame

NEW = np.array([[1, 0], [1, 2], [3, 1], [0, 100]])


@pytest.fixture
def model(tmp_path: Path) -> Path:
    fit(False).save(tmp_path / "model")
    return tmp_path / "model"


def test_an_update_keeps_the_old_model_and_its_undoing_brings_the_same_bytes_back(model: Path) -> None:
    (model / BUNDLE).mkdir()
    (model / BUNDLE / "scorer.onnx").write_bytes(b"of the old scores")
    before = state(model.parent)
    found = update_folder(model, frame(NEW), None)
    assert found.kept == model.with_name("model.v1")
    assert found.unbundled
    assert not (model / BUNDLE).exists()
    assert state(found.kept) == {name.removeprefix("model/"): each for name, each in before.items()}
    loaded = RecDiff.load(model)
    assert (loaded.fitted_.rows_of(loaded.fitted_.users.index(NEW.ravel()).reshape(-1, 2)) >= 0).all()
    assert undo(model) == found.kept
    assert state(model.parent) == before


def test_a_link_is_followed_and_stays(model: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    link = tmp_path / "elsewhere" / "link"
    link.symlink_to(model)
    before = state(model)
    assert update_folder(link, frame(NEW), None).kept == model.with_name("model.v1")
    assert link.is_symlink()
    assert undo(link) == model.with_name("model.v1")
    assert state(model) == before


def test_nothing_new_writes_nothing(model: Path) -> None:
    before = state(model.parent)
    found = update_folder(model, frame(fit(False).edges_.select(["src", "dst"]).to_pandas().to_numpy()[:20]), None)
    assert found.kept is None
    assert [each.kind for each in found.notices] == ["known_edges"]
    assert state(model.parent) == before


def test_updates_are_undone_one_after_the_other(model: Path) -> None:
    held = [state(model)]
    for row in range(2):
        update_folder(model, frame(NEW[row : row + 1]), None)
        held.append(state(model))
    assert sorted(each.name for each in model.parent.iterdir()) == ["model", "model.v1", "model.v2"]
    assert state(model.with_name("model.v2")) == held[1]
    for wanted in reversed(held[:-1]):
        undo(model)
        assert state(model) == wanted
    with pytest.raises(UsageError, match="no update to undo"):
        undo(model)


def test_what_else_lies_there_is_neither_replaced_nor_taken_for_ours(model: Path) -> None:
    other = model.with_name("model.v1")
    other.mkdir()
    (other / "mine.txt").write_text("mine", encoding="utf-8")
    assert update_folder(model, frame(NEW), None).kept == model.with_name("model.v2")
    assert [each.name for each in other.iterdir()] == ["mine.txt"]
    shutil.rmtree(model.with_name("model.v2"))
    after = state(model)
    with pytest.raises(UsageError, match="not beside it any more"):
        undo(model)
    assert state(model) == after


def test_a_damaged_old_model_does_not_come_back(model: Path) -> None:
    kept = update_folder(model, frame(NEW), None).kept
    assert kept is not None
    (kept / "history.json").unlink()
    (kept / "history.json").write_text("[1]\n", encoding="utf-8")
    after = state(model)
    with pytest.raises(ArtifactError, match=r"history\.json was changed"):
        undo(model)
    assert state(model) == after


@pytest.mark.skipif(not hasattr(os, "fork"), reason="processes are forked, which this system cannot")
@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_a_killed_update_leaves_the_old_model_or_the_new_and_runs_again(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pq.write_table(pa.table(frame(NEW)), tmp_path / "new.parquet")
    start, place = tmp_path / "start", tmp_path / "work"
    start.mkdir()
    model.rename(start / "model")
    shutil.copytree(start, place)
    update_folder(place / "model", tmp_path / "new.parquet", None)
    old, new = visible_state(start), visible_state(place)
    between = old | {f"model.v1/{name.removeprefix('model/')}": each for name, each in old.items()}

    # Computed once: what is looked at here is the writing.
    made = updated(fit(False).fitted_, fit(False).config_, tmp_path / "new.parquet", None)
    monkeypatch.setattr(versions, "updated", lambda *_: made)

    def killed(point: int, back: bool) -> int:
        def work() -> None:
            undo(place / "model") if back else update_folder(place / "model", tmp_path / "new.parquet", None)

        return ended(child(work, Bomb(place, point)))

    for back, first, last in ((False, old, new), (True, new, old)):
        source = tmp_path / f"from-{back}"
        shutil.copytree(place if back else start, source)
        for point in range(1, 200):
            shutil.rmtree(place)
            shutil.copytree(source, place)
            code = killed(point, back)
            assert visible_state(place) in (first, last, between), f"killed at {point}"
            if code == DONE:
                break
            assert code == KILLED
        assert point > 5
        assert visible_state(place) == last
        shutil.rmtree(place)
        shutil.copytree(source, place)
        assert killed(200, back) == DONE
        if not back:
            assert visible_state(place) == new

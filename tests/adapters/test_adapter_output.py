from __future__ import annotations

import stat
from pathlib import Path

import pytest

from recdiff_adapters import AdapterError
from recdiff_adapters.output import whole_database, whole_file, whole_folder


def test_a_file_appears_whole_and_with_ordinary_rights(tmp_path: Path) -> None:
    target = tmp_path / "new" / "out.csv"
    with whole_file(target) as temporary:
        temporary.write_text("new")
        assert not target.exists()
    (tmp_path / "plain").write_text("")
    assert target.read_text() == "new"
    assert stat.S_IMODE(target.stat().st_mode) == stat.S_IMODE((tmp_path / "plain").stat().st_mode)
    assert [entry.name for entry in target.parent.iterdir()] == ["out.csv"]


def test_an_interrupted_file_leaves_the_old_one_and_nothing_else(tmp_path: Path) -> None:
    target = tmp_path / "out.csv"
    target.write_text("old")
    with pytest.raises(KeyboardInterrupt), whole_file(target) as temporary:  # noqa: PT012
        temporary.write_text("half")
        raise KeyboardInterrupt
    assert target.read_text() == "old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["out.csv"]


def test_a_disk_error_names_the_target(tmp_path: Path) -> None:
    target = tmp_path / "out.csv"
    with pytest.raises(AdapterError, match=r"cannot write .*out\.csv: No space left"), whole_file(target):
        raise OSError(28, "No space left on device")


def test_a_file_target_that_is_a_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(AdapterError, match="is a folder; this format is one file"), whole_file(tmp_path):
        pass


def test_a_folder_is_replaced_whole(tmp_path: Path) -> None:
    target = tmp_path / "out"
    for text in ("first", "second"):
        with whole_folder(target, {"a", "b"}) as temporary:
            (temporary / "a").write_text(text)
            (temporary / "b").write_text(text)
        assert (target / "a").read_text() == (target / "b").read_text() == text
    assert [entry.name for entry in tmp_path.iterdir()] == ["out"]


def test_an_interrupted_folder_leaves_the_old_one(tmp_path: Path) -> None:
    target = tmp_path / "out"
    target.mkdir()
    (target / "a").write_text("old")
    with pytest.raises(KeyboardInterrupt), whole_folder(target, {"a"}) as temporary:  # noqa: PT012
        (temporary / "a").write_text("half")
        raise KeyboardInterrupt
    assert (target / "a").read_text() == "old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["out"]


def test_a_swap_that_fails_puts_the_old_folder_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = tmp_path / "out"
    target.mkdir()
    (target / "a").write_text("old")
    rename = Path.rename

    def fails_once(self: Path, to: Path) -> Path:
        if to == target and (self / "a").read_text() == "new":
            raise OSError(5, "Input/output error")
        return rename(self, to)

    monkeypatch.setattr(Path, "rename", fails_once)
    with pytest.raises(AdapterError, match="Input/output error"), whole_folder(target, {"a"}) as temporary:
        (temporary / "a").write_text("new")
    assert (target / "a").read_text() == "old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["out"]


def test_a_folder_with_other_files_is_never_replaced(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("years of work")
    with (
        pytest.raises(AdapterError, match=r"holds 'thesis\.tex', which this format does not write"),
        whole_folder(tmp_path, {"a"}),
    ):
        pass
    assert (tmp_path / "thesis.tex").read_text() == "years of work"


def test_a_folder_target_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("")
    with pytest.raises(AdapterError, match="is a file; this format is a folder"), whole_folder(tmp_path / "out", {"a"}):
        pass


def test_a_database_that_exists_is_opened_in_place(tmp_path: Path) -> None:
    target = tmp_path / "out.sqlite"
    with whole_database(target) as place:
        assert place != target
        place.write_text("new")
    with whole_database(target) as place:
        assert place == target

"""A folder, or the files in it, is replaced whole or not at all."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from recdiff.storage.whole import replaced_files, replaced_folder

ROOT = Path(__file__).resolve().parents[2]


def old_folder(place: Path) -> Path:
    target = place / "model"
    target.mkdir()
    (target / "old.txt").write_text("old", encoding="utf-8")
    return target


def contents(folder: Path) -> list[str]:
    return sorted(file.name for file in folder.iterdir())


def test_a_new_folder_appears_with_its_parents(tmp_path: Path) -> None:
    target = tmp_path / "a" / "b"
    with replaced_folder(target) as new:
        assert not target.exists()
        (new / "file").write_text("x", encoding="utf-8")
    assert contents(target) == ["file"]
    assert contents(target.parent) == ["b"]


def test_an_old_folder_is_replaced_whole(tmp_path: Path) -> None:
    target = old_folder(tmp_path)
    with replaced_folder(target) as new:
        (new / "new.txt").write_text("new", encoding="utf-8")
        assert contents(target) == ["old.txt"]
    assert contents(target) == ["new.txt"]
    assert contents(tmp_path) == ["model"]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_an_exception_leaves_the_old_folder_and_nothing_else(tmp_path: Path, error: type[BaseException]) -> None:
    target = old_folder(tmp_path)

    def write_and_fail() -> None:
        with replaced_folder(target) as new:
            (new / "new.txt").write_text("new", encoding="utf-8")
            raise error

    with pytest.raises(error):
        write_and_fail()
    assert contents(target) == ["old.txt"]
    assert contents(tmp_path) == ["model"]


def test_a_failing_rename_puts_the_old_folder_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = old_folder(tmp_path)
    rename = Path.rename

    def failing(self: Path, other: Path) -> Path:
        if self.suffix == ".tmp":
            raise OSError("disk gone")
        return rename(self, other)

    monkeypatch.setattr(Path, "rename", failing)
    with pytest.raises(OSError, match="disk gone"), replaced_folder(target) as new:
        (new / "new.txt").write_text("new", encoding="utf-8")
    assert contents(target) == ["old.txt"]
    assert contents(tmp_path) == ["model"]


def test_files_are_replaced_in_a_folder_that_stays(tmp_path: Path) -> None:
    target = old_folder(tmp_path)
    (target / "mine.txt").write_text("mine", encoding="utf-8")
    place = target.stat().st_ino
    with replaced_files(target, [target / "old.txt"]) as new:
        (new / "new.txt").write_text("new", encoding="utf-8")
        assert (target / "old.txt").is_file()
    assert contents(target) == ["mine.txt", "new.txt"]
    assert target.stat().st_ino == place


@pytest.mark.parametrize("moved", [0, 1, 2])
def test_an_error_while_files_change_places_puts_the_old_ones_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, moved: int
) -> None:
    target = old_folder(tmp_path)
    rename, calls = Path.rename, []

    def failing(self: Path, other: Path) -> Path:
        calls.append(self.name)
        if len(calls) == moved + 1:
            raise OSError("disk gone")
        return rename(self, other)

    def replace() -> None:
        with replaced_files(target, [target / "old.txt"]) as new:
            for name in ("new.txt", "old.txt"):
                (new / name).write_text("newer", encoding="utf-8")

    monkeypatch.setattr(Path, "rename", failing)
    with pytest.raises(OSError, match="disk gone"):
        replace()
    assert contents(target) == ["old.txt"]
    assert (target / "old.txt").read_text(encoding="utf-8") == "old"


CHILD = """
import sys, time
from pathlib import Path
from recdiff.storage.whole import replaced_folder
with replaced_folder(Path(sys.argv[1])) as new:
    (new / "half.txt").write_text("half")
    print("half", flush=True)
    time.sleep(60)
"""


def test_a_killed_process_leaves_the_old_folder(tmp_path: Path) -> None:
    target = old_folder(tmp_path)
    command = [sys.executable, "-c", CHILD, str(target)]
    environment = os.environ | {"PYTHONPATH": str(ROOT / "sdk")}
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "half\n"
        child.send_signal(signal.SIGKILL)
    assert contents(target) == ["old.txt"]
    with replaced_folder(target) as new:
        (new / "new.txt").write_text("new", encoding="utf-8")
    assert contents(target) == ["new.txt"]

"""A folder, or the files in it, is replaced whole or not at all."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from recdiff.errors import UsageError, WriteError
from recdiff.storage import whole
from recdiff.storage.tensors import write_tensors
from recdiff.storage.whole import linked_copy, removed_folder, replaced_file, replaced_folder

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


@pytest.mark.parametrize("exchanges", [True, False])
def test_a_failing_rename_leaves_the_old_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, exchanges: bool
) -> None:
    """Also where the system cannot exchange two folders in one step, and the old one stands aside for a moment."""
    target = old_folder(tmp_path)
    rename = Path.rename

    def failing(self: Path, other: Path) -> Path:
        if self.suffix == ".tmp":
            raise OSError("disk gone")
        return rename(self, other)

    def unable(*_: object) -> bool:
        if exchanges:
            raise OSError("disk gone")
        return False

    monkeypatch.setattr(whole, "_exchanged", unable)
    monkeypatch.setattr(Path, "rename", failing)
    with pytest.raises(OSError, match="disk gone"), replaced_folder(target) as new:
        (new / "new.txt").write_text("new", encoding="utf-8")
    assert contents(target) == ["old.txt"]
    assert contents(tmp_path) == ["model"]


def test_without_an_exchange_the_new_folder_takes_the_place_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = old_folder(tmp_path)
    monkeypatch.setattr(whole, "_exchanged", lambda *_: False)
    with replaced_folder(target) as new:
        (new / "new.txt").write_text("new", encoding="utf-8")
    assert contents(target) == ["new.txt"]
    assert contents(tmp_path) == ["model"]


def test_a_reader_never_finds_nothing_while_folders_change_places(tmp_path: Path) -> None:
    target = old_folder(tmp_path)
    done = threading.Event()

    def write() -> None:
        for _ in range(60):
            with replaced_folder(target) as new:
                (new / "old.txt").write_text("new", encoding="utf-8")
        done.set()

    writer = threading.Thread(target=write)
    writer.start()
    looks = 0
    while not done.is_set():
        assert (target / "old.txt").exists()
        looks += 1
    writer.join()
    assert looks > 100


def test_the_second_writer_is_told_who_the_first_is(tmp_path: Path) -> None:
    target = old_folder(tmp_path)
    with (
        replaced_folder(target) as new,
        pytest.raises(UsageError, match=rf"is being written by process {os.getpid()} \(.*\) since "),
        replaced_folder(target),
    ):
        pass
    assert new.name.startswith(".model.")
    with replaced_folder(target) as again:
        (again / "again.txt").touch()
    assert contents(target) == ["again.txt"]


def test_a_link_stays_and_what_it_names_is_replaced(tmp_path: Path) -> None:
    target = old_folder(tmp_path)
    (tmp_path / "link").symlink_to(target)
    with replaced_folder(tmp_path / "link") as new:
        (new / "new.txt").touch()
    assert (tmp_path / "link").is_symlink()
    assert contents(target) == ["new.txt"]


def test_a_mount_point_is_refused_before_anything_is_written() -> None:
    said = pytest.raises(UsageError, match="/proc is a mount point, which cannot be replaced")
    with said, replaced_folder(Path("/proc")):
        pass


def test_a_file_appears_whole_and_an_error_leaves_the_old_one(tmp_path: Path) -> None:
    target = tmp_path / "scores.parquet"
    with replaced_file(target) as draft:
        draft.write_text("first", encoding="utf-8")
        assert not target.exists()

    def fail() -> None:
        with replaced_file(target) as draft:
            draft.write_text("second", encoding="utf-8")
            raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        fail()
    assert target.read_text(encoding="utf-8") == "first"
    assert contents(tmp_path) == ["scores.parquet"]


def test_the_folder_one_works_in_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = old_folder(tmp_path)
    (target / "inside").mkdir()
    for place in (target, target / "inside"):
        monkeypatch.chdir(place)
        with pytest.raises(UsageError, match="is the folder you work in"), replaced_folder(target):
            pass
    assert contents(target) == ["inside", "old.txt"]


@pytest.mark.parametrize("writer", [replaced_folder, replaced_file])
def test_an_error_of_the_disk_names_the_target(tmp_path: Path, writer: Any) -> None:
    """Whether the library says which file, or (NumPy) not even which error."""
    for error in (OSError(28, "No space left on device"), OSError("1000 requested and 12 written")):
        with pytest.raises(WriteError, match=rf"{tmp_path}/model: cannot be written: (No space|1000)"):  # noqa: SIM117
            with writer(tmp_path / "model"):
                raise error
    assert contents(tmp_path) == []


def test_an_error_about_another_file_stays_what_it_is(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="/nowhere/input"), replaced_folder(tmp_path / "model"):
        Path("/nowhere/input").read_bytes()


def test_a_place_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(WriteError, match=rf"{tmp_path}/file/model: cannot be written"):  # noqa: SIM117
        with replaced_folder(tmp_path / "file" / "model"):
            pass


FULL = """
import resource, sys
from pathlib import Path
import numpy as np
from recdiff.storage.tensors import write_tensors
from recdiff.storage.whole import replaced_folder
resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
try:
    with replaced_folder(Path(sys.argv[1])) as new:
        if sys.argv[2] == "tensors":
            write_tensors(new / "weights", {"a": np.zeros(100_000)})
        else:
            np.zeros(100_000).tofile(new / "weights")
except Exception as error:
    print(type(error).__name__, error)
"""


@pytest.mark.parametrize("what", ["tensors", "array"])
def test_a_disk_that_fills_is_an_error_of_ours(tmp_path: Path, what: str) -> None:
    target = old_folder(tmp_path)
    command = [sys.executable, "-c", FULL, str(target), what]
    environment = os.environ | {"PYTHONPATH": str(ROOT / "sdk")}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.startswith(f"WriteError {target}: cannot be written: "), done.stdout + done.stderr
    assert contents(target) == ["old.txt"]
    assert contents(tmp_path) == ["model"]


def test_weights_have_the_rights_of_their_neighbours(tmp_path: Path) -> None:
    (tmp_path / "plain").touch()
    write_tensors(tmp_path / "weights", {"a": np.zeros(3)})
    assert (tmp_path / "weights").stat().st_mode == (tmp_path / "plain").stat().st_mode


def test_a_copy_is_whole_and_independent_of_what_it_is_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = old_folder(tmp_path)
    (source / "within").mkdir()
    linked_copy(source, tmp_path / "one")

    def refused(*_: object) -> None:
        raise PermissionError("no links here")

    monkeypatch.setattr(os, "link", refused)
    linked_copy(source, tmp_path / "two")
    removed_folder(source)
    assert contents(tmp_path) == ["one", "two"]
    for name in ("one", "two"):
        assert contents(tmp_path / name) == ["old.txt", "within"]
        assert (tmp_path / name / "old.txt").read_text(encoding="utf-8") == "old"


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

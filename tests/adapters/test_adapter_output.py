from __future__ import annotations

import signal
import stat
import subprocess
import sys
from contextlib import AbstractContextManager
from pathlib import Path

import pytest
from filelock import FileLock

from recdiff.storage import lock, whole
from recdiff_adapters import AdapterError, OptionError, output
from recdiff_adapters.output import Proof, unproven, whole_database


def whole_file(path: Path, ours: Proof = lambda _: True, *, force: bool = False) -> AbstractContextManager[Path]:
    return output.whole_file(path, ours, force=force)


def whole_folder(path: Path, names: set[str], ours: Proof = lambda _: True) -> AbstractContextManager[Path]:
    return output.whole_folder(path, names, ours)


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
    monkeypatch.setattr(output, "_exchanged", lambda *_: False)
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


def test_a_file_that_is_not_ours_stays_unless_it_is_empty_the_same_or_forced(tmp_path: Path) -> None:
    target = tmp_path / "shop.inter"
    target.touch()
    for text in ("mine", "mine"):
        with output.whole_file(target, unproven) as temporary:
            temporary.write_text(text)
    with (
        pytest.raises(OptionError, match=r"shop\.inter is there already and does not show that recdiff-sdk wrote it"),
        output.whole_file(target, unproven) as temporary,
    ):
        temporary.write_text("new")
    assert target.read_text() == "mine"
    assert [entry.name for entry in tmp_path.iterdir()] == ["shop.inter"]
    with output.whole_file(target, unproven, force=True) as temporary:
        temporary.write_text("new")
    assert target.read_text() == "new"


def test_a_folder_that_is_not_ours_stays_though_its_names_are(tmp_path: Path) -> None:
    (tmp_path / "users.csv").write_text("years of work")
    with pytest.raises(OptionError, match="does not show"), whole_folder(tmp_path, {"users.csv"}, unproven):
        pass
    assert (tmp_path / "users.csv").read_text() == "years of work"


def test_a_link_stays_and_what_it_names_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "out.csv").write_text("old")
    (tmp_path / "out.csv").symlink_to(tmp_path / "real" / "out.csv")
    with whole_file(tmp_path / "out.csv") as temporary:
        temporary.write_text("new")
    assert (tmp_path / "out.csv").is_symlink()
    assert (tmp_path / "real" / "out.csv").read_text() == "new"


CHILD = """
import sys, time
from pathlib import Path
from recdiff_adapters.output import unproven, whole_file
with whole_file(Path(sys.argv[1]), unproven) as new:
    new.write_text("half")
    print("half", flush=True)
    time.sleep(60)
"""


def test_a_second_writer_is_refused_and_a_dead_ones_draft_is_cleared(tmp_path: Path) -> None:
    target = tmp_path / "out.csv"
    command = [sys.executable, "-c", CHILD, str(target)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "half\n"
        with pytest.raises(OptionError, match="is being written by another process"), whole_file(target):
            pass
        child.send_signal(signal.SIGKILL)
    (dead,) = tmp_path.iterdir()
    assert whole.DRAFT.fullmatch(dead.name)
    with whole_file(target) as temporary:
        temporary.write_text("new")
    assert [entry.name for entry in tmp_path.iterdir()] == ["out.csv"]


def test_locks_and_drafts_are_those_of_the_sdk(tmp_path: Path) -> None:
    """The package imports nothing of ours, so that its writer is a second one; the two keep out of each other's way."""
    target = (tmp_path / "out").resolve()
    assert output.lock_file(target) == lock.lock_file(target)
    assert output.DRAFT == whole.DRAFT
    with FileLock(lock.lock_file(target), timeout=0), pytest.raises(OptionError), whole_file(target):
        pass
    assert list(tmp_path.iterdir()) == []

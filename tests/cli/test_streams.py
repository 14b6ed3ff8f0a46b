"""Streams that are closed, full or no longer read, and signals: no traceback, and an exit code of the table."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

psutil = pytest.importorskip("psutil", reason="a process is watched with psutil")

ROOT = Path(__file__).resolve().parent.parent.parent
COMMAND = [sys.executable, "-c", "from recdiff_cli.main import main; main()"]
SHELL = f"{sys.executable} -c 'from recdiff_cli.main import main; main()'"
pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="POSIX streams and signals")


def shell(line: str, folder: Path) -> tuple[int, str, str]:
    """Run a line of bash and return its exit code, stdout and stderr."""
    words = ["bash", "-o", "pipefail", "-c", line.replace("recdiff-sdk", SHELL)]
    done = subprocess.run(words, capture_output=True, text=True, timeout=60, check=False, cwd=folder)
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize("words", ["--help", "fit --help", "--version", "doctor", "validate DATA --json"])
@pytest.mark.parametrize("reader", ["| true", "| head -c 1 > /dev/null", "2>&1 | true"])
def test_a_reader_that_leaves_ends_the_command_quietly(
    words: str, reader: str, sample_folder: Path, tmp_path: Path
) -> None:
    code, _, err = shell(f"recdiff-sdk {words.replace('DATA', str(sample_folder))} {reader}", tmp_path)
    assert code in (0, 141)  # 0 where all of it fitted into the pipe before the reader left
    # What a command has to say at its end comes where it ended before the reader left.
    assert [line for line in err.splitlines() if not line.startswith("note: ") and line != "all well"] == []


def test_what_does_not_fit_into_the_pipe_ends_with_141(tmp_path: Path) -> None:
    code = (
        "import sys; from recdiff_cli.streams import streams\n"
        "with streams():\n for _ in range(100_000): print('a line that is long enough')"
    )
    done = subprocess.run(
        ["bash", "-o", "pipefail", "-c", f'{sys.executable} -c "$0" | head -1', code],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (141, "a line that is long enough\n", "")


@pytest.mark.parametrize("closed", [">&-", "2>&-", ">&- 2>&-", "<&- >&- 2>&-"])
def test_closed_streams_are_led_nowhere(closed: str, sample_folder: Path, tmp_path: Path) -> None:
    code, out, err = shell(f"recdiff-sdk validate {sample_folder} {closed}", tmp_path)
    assert code == 0, err
    assert "Traceback" not in out + err
    # What was meant for a closed stream is not in another one, nor in a file.
    if closed == "2>&-":
        assert "error" not in out
    code, _, err = shell(f"recdiff-sdk sample here --users 150 {closed}", tmp_path)
    assert code == 0, err
    expected = {path.name: path.read_bytes() for path in (tmp_path / "here").iterdir()}
    assert shell("recdiff-sdk sample there --users 150", tmp_path)[0] == 0
    assert {path.name: path.read_bytes() for path in (tmp_path / "there").iterdir()} == expected


def test_an_error_is_not_printed_to_stdout_where_stderr_is_closed(tmp_path: Path) -> None:
    assert shell("recdiff-sdk validate nowhere 2>&-", tmp_path)[:2] == (3, "")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
@pytest.mark.parametrize("words", ["--version", "doctor --json", "validate DATA"])
def test_a_full_disk_is_an_error_of_the_system(words: str, sample_folder: Path, tmp_path: Path) -> None:
    code, _, err = shell(f"recdiff-sdk {words.replace('DATA', str(sample_folder))} > /dev/full", tmp_path)
    assert (code, err.splitlines()[-1]) == (1, "error: output: No space left on device")
    assert "Traceback" not in err


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_command_that_is_told_to_end_does_so_in_order(
    number: signal.Signals, code: int, sample_folder: Path, tmp_path: Path
) -> None:
    fit = [*COMMAND, "fit", str(sample_folder), "--out", str(tmp_path / "model"), "--epochs", "100000"]
    process = subprocess.Popen(fit, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    while psutil.Process(process.pid).cpu_times().user < 3:
        time.sleep(0.05)
    process.send_signal(number)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (code, "")
    assert "Traceback" not in err
    assert not (tmp_path / "model").exists()


STUDY = """
import os, sys, time
from multiprocessing import get_context
from recdiff_cli import main
def wait(): open(sys.argv[1], "w").close(); time.sleep(600)
def work():
    child = get_context("fork").Process(target=wait)
    child.start()
    print(child.pid, flush=True)
    child.join()
main.app = work
main.main()
"""


def test_processes_that_compute_for_a_command_end_with_it(tmp_path: Path) -> None:
    ran = [sys.executable, "-c", STUDY, str(tmp_path / "at work")]
    with subprocess.Popen(ran, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        child = psutil.Process(int(process.stdout.readline()))
        while not (tmp_path / "at work").exists():
            time.sleep(0.02)
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 143
    psutil.wait_procs([child], timeout=10)
    assert not child.is_running()


def test_every_code_is_in_the_table() -> None:
    page = (ROOT / "docs" / "cli.md").read_text(encoding="utf-8")
    told = {int(code) for code in re.findall(r"^\| (\d+) \|", page, re.MULTILINE)}
    assert told == {0, 1, 2, 3, 4, 5, 130, 141, 143}

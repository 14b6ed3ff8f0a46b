"""Bombs do not go off: each is refused by name, or read within bounds, in little memory and time."""

from __future__ import annotations

import os
import resource
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from recdiff.errors import RecDiffError
from recdiff.machine.memory import at_most
from tests.attack.bombs import ALL, BombFile
from tests.attack.tally import Tally

pytestmark = [
    pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="memory is measured as Linux tells it"),
    pytest.mark.filterwarnings("ignore:This process:DeprecationWarning"),
]
ALLOWED = 256 << 20
# What a child may grow by: the bound, and what is taken before it is seen.
MOST_GROWTH = 900 << 20
SECONDS = 60
SHORT = (
    "gzip without a line break",
    "gzip with an open quote over lines",
    "gzip of blank lines",
    "gzip of blank lines only",
    "gzip of comment",
    "zstd of rows",
    "a hole for text",
    "Parquet of one long text",
    "pickle of a large shape",
    "pickle of keys in keys",
    "streamed Parquet of one long text",
    "settings nested deep",
    "summary nested deep",
    "users of a hole",
)


def kilobytes(name: str) -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(name))


def met(bomb: BombFile, folder: Path) -> tuple[str, int]:
    """Let a child process read the bomb; return what it said, and by how many bytes its memory grew."""
    reader, writer = os.pipe()
    number = os.fork()
    if number == 0:
        os.close(reader)
        os.write(writer, told(lambda: bomb.read(folder)))
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader, "rb") as stream:
        growth, _, said = stream.read().decode(errors="replace").partition("\n")
    code = os.waitstatus_to_exitcode(os.waitpid(number, 0)[1])
    assert code == 0, f"ended with {code}"
    return said, int(growth)


def told(read: Callable[[], object]) -> bytes:
    """Read under limits and return the growth of this process and what came of it."""
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.alarm(SECONDS)
    room = kilobytes("VmData") * 1024 + 2 * MOST_GROWTH
    resource.setrlimit(resource.RLIMIT_DATA, (room, room))
    Path("/proc/self/clear_refs").write_text("5")
    before = kilobytes("VmRSS")
    try:
        with at_most(ALLOWED):
            read()
        said = "read"
    except RecDiffError as error:
        said = f"refused: {error}"
    except BaseException as error:
        said = f"went off: {type(error).__name__}: {error}"
    return f"{1024 * (kilobytes('VmHWM') - before)}\n{said}".encode()[:10_000]


def check(name: str, folder: Path) -> None:
    folder.mkdir()
    ALL[name].lay(folder)
    said, growth = met(ALL[name], folder)
    print(f"{name}: {growth >> 20} MB, {said[:150]}")
    assert said.startswith("refused: ") or (ALL[name].passes and said == "read"), said
    assert str(folder) in said or said == "read"
    assert growth < MOST_GROWTH


@pytest.mark.parametrize("name", SHORT)
def test_a_bomb_does_not_go_off(tmp_path: Path, name: str) -> None:
    check(name, tmp_path / "in")


@pytest.mark.attack
@pytest.mark.parametrize("name", ALL)
def test_no_bomb_goes_off(tmp_path: Path, tally: Tally, name: str) -> None:
    check(name, tmp_path / "in")
    tally.add("bombs", 1)


def test_the_limit_is_an_option_and_a_variable(
    run: Callable[..., tuple[int, str, str]], sample_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    code, _, said = run("validate", sample_folder, "--max-memory", "10kB")
    assert code == 3
    assert "10.0 kB are allowed" in said
    assert "--max-memory SIZE" in said
    assert run("validate", sample_folder, "--max-memory", "1GiB")[0] == 0
    assert run("validate", sample_folder, "--max-memory", "much")[0] == 2
    monkeypatch.setenv("RECDIFF_MAX_MEMORY", "10kB")
    assert run("validate", sample_folder)[0] == 3
    assert run("validate", sample_folder, "--max-memory", "1g")[0] == 0

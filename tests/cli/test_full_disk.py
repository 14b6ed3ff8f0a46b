"""A disk that fills while a command writes: an error that names the place and the cause, and the old result stays."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

resource = pytest.importorskip("resource", reason="the size of files is limited with POSIX limits")

ROOM = 2048
COMMANDS = {
    "sample": "sample OUT --users 300",
    "corrupt": "corrupt data --kind uniform --share 0.1 --out OUT",
    "fit": "fit data --epochs 1 --out OUT",
    "fit --resume": "fit data --epochs 1 --resume --out OUT",
    "export": "export --onnx --out OUT",
    "clean-edges": "clean-edges --threshold 0.3 --out OUT",
    "clean-edges, streamed": "clean-edges --threshold 0.3 --edges data/social.csv --out OUT",
    "clean-edges of a format": "clean-edges --threshold 0.3 --format npz --out OUT.npz",
    "clean-edges into SQLite": "clean-edges --threshold 0.3 --format sqlite --out OUT.db",
    "clean-edges into DuckDB": "clean-edges --threshold 0.3 --format duckdb --out OUT.duckdb",
    "recommend": "recommend --out OUT.parquet",
    "recommend of a format": "recommend --format csv --out OUT.csv",
    "accounts": "accounts --out OUT.csv",
    "audit": "audit --size 200 --out OUT.csv",
}


@contextmanager
def full_after(room: int) -> Iterator[None]:
    """Let no file of this process grow beyond ``room`` bytes: a write fails as it does on a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize("command", COMMANDS.values(), ids=COMMANDS.keys())
@pytest.mark.usefixtures("quick_scorer")
def test_a_disk_that_fills_is_named_and_nothing_is_left(
    place: Path, run: Callable[..., tuple[int, str, str]], command: str
) -> None:
    before = set(place.iterdir())
    with full_after(ROOM):
        code, _, err = run(*command.replace("OUT", "new").split())
    said = [line for line in err.splitlines() if line.startswith("error: ")]
    assert (code, len(said)) == (1, 1), err
    # What streams makes the bundle that is missing first.
    assert re.search(r"\bnew\b|recdiff-model/onnx", said[0]), said
    assert "File too large" in said[0] or "SQLite cannot write new.db: disk I/O error" in said[0]
    # A fit goes on from its checkpoints.
    assert [path.name for path in set(place.iterdir()) - before if not path.name.endswith(".checkpoints")] == []
    code, _, err = run(*command.replace("OUT", "new").split())
    assert code == 0, err

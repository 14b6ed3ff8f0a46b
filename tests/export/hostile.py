"""Bundles that someone damaged, by accident or on purpose, and a child process that opens them one after the other.

    python -m tests.export.hostile FOLDER

tells of every bundle in FOLDER, one JSON object a line, what came of it.
"""

from __future__ import annotations

import io
import json
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from recdiff_export.bundle.manifest import record

Change = Callable[[Path], None]


def make(bundle: Path, home: Path, changes: dict[str, Change]) -> None:
    """Copy ``bundle`` once per change, hard links where a file stays."""
    for name, change in changes.items():
        folder = home / name.replace("/", "|")
        shutil.copytree(bundle, folder)
        change(folder)


def edited(name: str, edit: Callable[[bytes], bytes], *, honest: bool = False) -> Change:
    """Return the change of one file's bytes; ``honest``: the manifest keeps the old hash, which gives it away."""

    def change(folder: Path) -> None:
        (folder / name).write_bytes(edit((folder / name).read_bytes()))
        if not honest:
            relist(folder, name)

    return change


def relist(folder: Path, name: str) -> None:
    """Make the manifest agree with the file ``name`` as it is."""
    said = json.loads((folder / "manifest.json").read_bytes())
    said["files"][name] = vars(record(folder / name))
    (folder / "manifest.json").write_text(json.dumps(said))


def said(edit: Callable[[dict[str, Any]], object]) -> Change:
    """Return a change of what the manifest says."""

    def change(folder: Path) -> None:
        held = json.loads((folder / "manifest.json").read_bytes())
        edit(held)
        (folder / "manifest.json").write_text(json.dumps(held))

    return change


def flipped(data: bytes, place: int) -> bytes:
    """Return ``data`` with one bit turned."""
    at = bytearray(data)
    at[place // 8 % max(len(data), 1)] ^= 1 << place % 8
    return bytes(at)


def npy(values: np.ndarray) -> bytes:
    """Return a .npy file."""
    file = io.BytesIO()
    np.save(file, values, allow_pickle=True)
    return file.getvalue()


def arrow(**columns: Any) -> bytes:
    """Return an Arrow file."""
    table, sink = pa.table(columns), io.BytesIO()
    with pa.ipc.new_file(sink, table.schema) as writer:
        writer.write_table(table)
    return sink.getvalue()


def outcomes(home: Path) -> Iterator[dict[str, str]]:
    """Open every bundle, ask it everything, and yield what came of it."""
    from recdiff.errors import ArtifactError, DataError
    from recdiff_export import OnnxScorer

    for folder in sorted(home.iterdir()):
        print(json.dumps({"begun": folder.name}), flush=True)
        try:
            with OnnxScorer.open(folder, provider="cpu", threads=1) as scorer:
                users, drawn = scorer.users.values, np.random.default_rng(0)
                pairs = drawn.integers(0, max(len(users), 1), (2, 20_000 if len(users) else 0))
                scorer.score(users.take(pa.array(pairs[0])), users.take(pa.array(pairs[1])), unknown="null")
                _ = scorer.threshold
                # The manifest may say that there is none.
                with suppress(DataError):
                    scorer.recommend(users, 5)
                with suppress(DataError):
                    scorer.denoise(np.ones((3, 16), np.float32))
            yield {"name": folder.name, "came": "works"}
        except ArtifactError as error:
            yield {"name": folder.name, "came": "refused", "said": str(error)}
        except BaseException as error:
            yield {"name": folder.name, "came": "raw", "said": f"{type(error).__name__}: {error}"}


if __name__ == "__main__":
    for outcome in outcomes(Path(sys.argv[1])):
        print(json.dumps(outcome), flush=True)

"""Model folders that somebody spoiled, by accident or on purpose."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import safetensors.numpy

from recdiff.model.folder import CONTENTS, MANIFEST

Change = Callable[[Path], object]


def flipped(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)


def folder_instead(file: Path) -> None:
    file.unlink()
    file.mkdir()


def link_instead(file: Path) -> None:
    file.unlink()
    file.symlink_to("/etc/hostname")


PLAIN: dict[str, Change] = {
    "flipped": flipped,
    "cut": lambda file: file.write_bytes(file.read_bytes()[:-1]),
    "half": lambda file: file.write_bytes(file.read_bytes()[: file.stat().st_size // 2]),
    "emptied": lambda file: file.write_bytes(b""),
    "longer": lambda file: file.write_bytes(file.read_bytes() + b"\0"),
    "removed": lambda file: file.unlink(),
    "folder": folder_instead,
    "link": link_instead,
    "foreign": lambda file: file.with_name(f"{file.name}.pkl").write_bytes(b"\x80\x04."),
}


def spoil(model: Path, place: Path, name: str) -> Iterator[Path]:
    """Yield copies of a model folder, in each of which one file is spoiled."""
    for file in (*CONTENTS, MANIFEST):
        if file == MANIFEST and name in ("cut", "longer"):
            continue  # A line break more or less.
        folder = place / "model"
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(model, folder)
        PLAIN[name](folder / file)
        if (file, name) == (MANIFEST, "flipped"):
            (folder / MANIFEST).write_bytes(b"{" + (folder / MANIFEST).read_bytes())
        yield folder


def _json(name: str, change: Callable[[dict[str, object]], object]) -> Change:
    def apply(folder: Path) -> None:
        value = json.loads((folder / name).read_text())
        change(value)
        (folder / name).write_text(json.dumps(value))

    return apply


def _text(name: str, text: str) -> Change:
    return lambda folder: (folder / name).write_text(text)


def _weights(change: Callable[[dict[str, np.ndarray]], object]) -> Change:
    def apply(folder: Path) -> None:
        arrays = safetensors.numpy.load_file(folder / "weights.safetensors")
        change(arrays)
        safetensors.numpy.save_file(arrays, folder / "weights.safetensors")

    return apply


def _table(name: str, change: Callable[[pa.Table], pa.Table]) -> Change:
    return lambda folder: pq.write_table(change(pq.read_table(folder / name)), folder / name)


CONSISTENT: dict[str, Change] = {
    "configuration of nonsense": _text("config.json", "[1, 2]"),
    "configuration with another setting": _json("config.json", lambda value: value.update(evil=1)),
    "configuration nested deep": _text("config.json", "[" * 100_000 + "]" * 100_000),
    "calibration emptied": _text("calibration.json", "{}"),
    "calibration of nonsense": _text("calibration.json", "[]"),
    "weights without a table": _weights(lambda arrays: arrays.pop("scorer/table")),
    "weights of other rows": _weights(lambda arrays: arrays.update({"scorer/table": arrays["scorer/table"][:3]})),
    "weights emptied": _weights(lambda arrays: arrays.clear()),
    "ids without kinds": _table("ids.parquet", lambda table: table.drop_columns(["kind"])),
    "ids fewer": _table("ids.parquet", lambda table: table.slice(5)),
    "edges without scores": _table("edges.parquet", lambda table: table.drop_columns(["fake_score"])),
    "edges of nobody": _table(
        "edges.parquet", lambda table: table.set_column(0, "src", [pa.array([10**6] * len(table))])
    ),
}


def deceive(model: Path, folder: Path, name: str) -> Path:
    """Return a copy of a model folder with false content and hashes that fit it."""
    shutil.copytree(model, folder)
    CONSISTENT[name](folder)
    manifest = json.loads((folder / MANIFEST).read_text())
    for file in CONTENTS:
        content = (folder / file).read_bytes()
        manifest["files"][file] = {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
    (folder / MANIFEST).write_text(json.dumps(manifest))
    return folder

"""Model folders that somebody spoiled, by accident or on purpose."""

from __future__ import annotations

import hashlib
import json
import random
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import safetensors.numpy

from recdiff.model.folder import CONTENTS
from recdiff.storage.manifest import MANIFEST

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
    return hashed(folder)


def hashed(folder: Path) -> Path:
    """Make the manifest agree with the files as they are, and return the folder."""
    manifest = json.loads((folder / MANIFEST).read_text())
    for file in CONTENTS:
        content = (folder / file).read_bytes()
        manifest["files"][file] = {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
    (folder / MANIFEST).write_text(json.dumps(manifest))
    return folder


ODD: tuple[Any, ...] = (None, True, 0, -1, 1.5, 10**12, float("nan"), "", "x", [], {}, [1], {"a": 1}, "\x1b[2J", 1e308)
KINDS = (pa.string(), pa.int8(), pa.float64(), pa.int64(), pa.binary(), pa.bool_())


def chance(model: Path, folder: Path, seed: int) -> Path:
    """Return a copy of a model folder with one thing in it changed at random, and hashes that fit it."""
    rng = random.Random(seed)
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(model, folder, ignore=shutil.ignore_patterns("onnx"))
    name = rng.choice((*CONTENTS, MANIFEST))
    file = folder / name
    if rng.random() < 0.15:
        content = bytearray(file.read_bytes())
        content[rng.randrange(len(content))] = rng.randrange(256)
        file.write_bytes(content)
    elif name.endswith(".json"):
        value = json.loads(file.read_text())
        file.write_text(json.dumps(replaced(value, rng)))
    elif name.endswith(".parquet"):
        pq.write_table(turned(pq.read_table(file), rng), file)
    else:
        arrays = safetensors.numpy.load_file(file)
        which = rng.choice(sorted(arrays))
        bent(arrays, which, rng)
        safetensors.numpy.save_file({key: np.ascontiguousarray(each) for key, each in arrays.items()}, file)
    return folder if name == MANIFEST else hashed(folder)


def replaced(value: Any, rng: random.Random) -> Any:
    """Return JSON with one value in it replaced, or one key gone."""
    if isinstance(value, dict) and value and rng.random() < 0.9:
        key = rng.choice(sorted(value))
        if rng.random() < 0.2:
            return {other: each for other, each in value.items() if other != key}
        return {**value, key: replaced(value[key], rng)}
    if isinstance(value, list) and value and rng.random() < 0.8:
        at = rng.randrange(len(value))
        return [*value[:at], replaced(value[at], rng), *value[at + 1 :]]
    return rng.choice(ODD)


def turned(table: pa.Table, rng: random.Random) -> pa.Table:
    """Return a table with rows, a column or its type changed."""
    at = rng.randrange(table.num_columns)
    name, column = table.column_names[at], table.column(at)
    kind = rng.choice(KINDS)
    changes: list[Callable[[], pa.Table]] = [
        lambda: table.drop_columns([name]),
        lambda: table.slice(0, rng.randrange(len(table))),
        lambda: pa.concat_tables([table, table.slice(0, 3)]),
        lambda: table.set_column(at, name, pa.nulls(len(table), column.type)),
        lambda: table.set_column(at, name, pa.nulls(len(table), kind)),
        lambda: table.set_column(at, name, pa.array([rng.choice((-1, 10**6, 2**40))] * len(table))),
        lambda: table.set_column(at, name, pa.array([rng.choice((float("nan"), 7.5, -1e300))] * len(table))),
        lambda: table.set_column(at, name, pa.array(["x"] * len(table))),
        lambda: table.take(pa.array(rng.sample(range(len(table)), len(table)))),
        lambda: table.rename_columns([*table.column_names[:at], "odd", *table.column_names[at + 1 :]]),
    ]
    return rng.choice(changes)()


def bent(arrays: dict[str, np.ndarray], name: str, rng: random.Random) -> None:
    """Change one array: its shape, its type or its values."""
    held = arrays[name]
    full = np.full(held.shape, rng.choice((np.nan, np.inf, 1e30, -5)), np.float64)
    with np.errstate(all="ignore"):
        changes: list[Callable[[], object]] = [
            lambda: arrays.pop(name),
            lambda: arrays.update({name: held.ravel()}),
            lambda: arrays.update({name: held[: len(held) // 2]}),
            lambda: arrays.update({name: held[:0]}),
            lambda: arrays.update({name: held[None]}),
            lambda: arrays.update({name: held.T}),
            lambda: arrays.update({name: full.astype(held.dtype)}),
            lambda: arrays.update({name: full}),
            lambda: arrays.update({name: held.astype(np.int64)}),
            lambda: arrays.update({f"{name}/odd": held}),
            lambda: arrays.update({name: np.concatenate([held, held])}),
        ]
        rng.choice(changes)()

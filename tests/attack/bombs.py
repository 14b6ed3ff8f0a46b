"""Small inputs that take any amount of memory, or of time, when they are read without a bound."""

from __future__ import annotations

import gzip
import pickle
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import scipy.sparse as sp

from recdiff.cleaning.folder import restore_edges
from recdiff.config import load_config
from recdiff.data.dataset import SocialDataset
from recdiff.data.ids import Ids
from recdiff.data.labels import read_labels
from recdiff.model.folder import read_artifact
from recdiff_cli.recommend import _users
from recdiff_export.bundle.manifest import read_manifest
from recdiff_export.stream.source import EdgeSource

GIGA = 1 << 30
# Of one piece: as many pieces as one likes cost nothing to write.
PIECE = 1 << 22


@dataclass(frozen=True)
class BombFile:
    """``lay(folder)`` lays the bomb; ``read(folder)`` is what meets it; ``passes``: it may also be read, in bounds."""

    lay: Callable[[Path], object]
    read: Callable[[Path], object]
    passes: bool = False


def data(folder: Path) -> object:
    return SocialDataset.read(folder)


def labels(folder: Path) -> object:
    return read_labels(next(folder.iterdir()), Ids(pa.array([1, 2])))


def stream(folder: Path) -> object:
    source = EdgeSource.open(next(folder.iterdir()), {}, integers=False)
    return sum(batch.num_rows for segment in source.segments() for batch in source.batches(segment))


def settings(folder: Path) -> object:
    return load_config(folder / "settings.toml", environment={})


def users(folder: Path) -> object:
    return _users(str(folder / "users.txt"), None)  # type: ignore[arg-type]


def cleaned(folder: Path) -> object:
    return restore_edges(folder, [("1", "2")])


def packed(name: str, start: bytes, more: bytes, size: int = GIGA) -> Callable[[Path], object]:
    """Lay a compressed file that unpacks to ``start`` and then ``more`` for ``size`` bytes."""

    def lay(folder: Path) -> None:
        pack = gzip.compress if name.endswith(".gz") else pa.Codec("zstd").compress
        piece = more * (PIECE // len(more))
        whole = [pack(start) if name.endswith(".gz") else pack(start, asbytes=True)]
        one = pack(piece) if name.endswith(".gz") else pack(piece, asbytes=True)
        (folder / name).write_bytes(b"".join([*whole, *[one] * (size // len(piece))]))

    return lay


def hole(name: str, start: bytes = b"", size: int = 64 * GIGA) -> Callable[[Path], object]:
    """Lay a file of zeros that takes no room on the disk."""

    def lay(folder: Path) -> None:
        with (folder / name).open("wb") as file:
            file.write(start)
            file.truncate(size)

    return lay


def text(name: str, content: str) -> Callable[[Path], object]:
    return lambda folder: (folder / name).write_text(content)


def parquet(name: str, table: pa.Table, times: int = 1, **how: Any) -> Callable[[Path], object]:
    def lay(folder: Path) -> None:
        with pq.ParquetWriter(folder / name, table.schema, **how) as writer:
            for _ in range(times):
                writer.write_table(table)

    return lay


def same(value: object, rows: int, kind: pa.DataType | None = None) -> pa.Array:
    """Return one value, ``rows`` times."""
    coded = pa.DictionaryArray.from_arrays(pa.array(np.zeros(rows, np.int32)), pa.array([value]))
    return coded if kind is None else coded.cast(kind)


def pair(column: pa.Array) -> pa.Table:
    return pa.table({"src": column, "dst": column})


def many_rows(name: str) -> Callable[[Path], object]:
    return parquet(name, pair(pa.array(np.ones(1_000_000, np.int64))), times=60)


def long_text(name: str, rows: int = 100_000) -> Callable[[Path], object]:
    return parquet(name, pair(same("x" * 1_000_000, rows)), store_schema=False)


def wide(name: str) -> Callable[[Path], object]:
    return lambda folder: pq.write_table(
        pa.table({f"c{at}": pa.array([1]) for at in range(12_000)} | {"src": ["a"], "dst": ["b"]}), folder / name
    )


def nested_type(folder: Path) -> None:
    kind = pa.int64()
    for _ in range(200):
        kind = pa.list_(kind)
    pq.write_table(pa.table({"src": pa.nulls(1, kind), "dst": pa.nulls(1, kind)}), folder / "social.parquet")


def matrix(shape: tuple[int, int]) -> Any:
    return sp.coo_matrix((np.zeros(0), (np.zeros(0, np.int64), np.zeros(0, np.int64))), shape=shape)


def pickled(content: object) -> Callable[[Path], object]:
    return lambda folder: (folder / "dataset.pkl").write_bytes(
        pickle.dumps(content, 4) if not isinstance(content, bytes) else content
    )


def of_shape(users_: int, items: int) -> Callable[[Path], object]:
    parts = {name: matrix((users_, items)) for name in ("train", "val", "test")}
    return pickled({**parts, "trust": matrix((users_, users_))})


def with_shape(shape: object) -> bytes:
    broken = matrix((2, 2))
    broken.__dict__["_shape"] = shape
    return pickle.dumps({"train": broken}, 4)


def doubled(before: bytes, after: bytes) -> bytes:
    """Return a pickle with a tuple of pairs of itself, sixty deep: 2**60 values to whoever goes through them."""
    return b"\x80\x04" + before + b"K\x01" + b"2\x86" * 60 + after


def zipped(folder: Path) -> None:
    with (
        zipfile.ZipFile(folder / "dataset.pkl.zip", "w", zipfile.ZIP_DEFLATED) as archive,
        archive.open("dataset.pkl", "w") as file,
    ):
        for _ in range(64):
            file.write(bytes(PIECE))


def bad_summary(content: str) -> Callable[[Path], object]:
    def lay(folder: Path) -> None:
        for name in ("kept.parquet", "removed.parquet"):
            pq.write_table(pair(pa.array(["1"])), folder / name)
        (folder / "summary.json").write_text(content)

    return lay


def cleaned_bomb(folder: Path) -> None:
    bad_summary('{"removed": 1, "edges": 2}')(folder)
    long_text("kept.parquet")(folder)


ROWS = b"src,dst\n"
DEEP = "[" * 100_000 + "]" * 100_000
ALL: Mapping[str, BombFile] = {
    "gzip without a line break": BombFile(packed("social.csv.gz", b"", b"a"), data),
    "gzip with rows that end nowhere": BombFile(packed("social.csv.gz", ROWS, b"a"), data),
    "gzip with a header of commas": BombFile(packed("social.csv.gz", b"src,dst", b","), data),
    "gzip with an open quote": BombFile(packed("social.csv.gz", ROWS + b'"', b"a"), data),
    "gzip with an open quote over lines": BombFile(packed("social.csv.gz", ROWS + b'"', b"a\n"), data),
    "gzip with an open quote in the header": BombFile(packed("social.csv.gz", b'"src', b"a,\n"), data),
    "gzip of rows": BombFile(packed("social.csv.gz", ROWS, b"1,2\n"), data),
    "gzip of blank lines": BombFile(packed("social.csv.gz", ROWS, b"\n"), data),
    "gzip of blank lines only": BombFile(packed("social.csv.gz", b"", b"\n"), data),
    "gzip of comment": BombFile(packed("social.csv.gz", b"", b"#\n"), data),
    "gzip of broken rows": BombFile(packed("social.csv.gz", ROWS, b"x\n"), data),
    "zstd without a line break": BombFile(packed("social.csv.zst", ROWS, b"a"), data),
    "zstd with an open quote": BombFile(packed("social.csv.zst", ROWS + b'"', b"a\n"), data),
    "zstd of rows": BombFile(packed("social.csv.zst", ROWS, b"1,2\n"), data),
    "a hole for text": BombFile(hole("social.csv", ROWS), data),
    "a hole for Parquet": BombFile(hole("social.parquet", b"PAR1"), data),
    "a hole for a pickle": BombFile(hole("dataset.pkl", b"\x80\x04"), data),
    "Parquet of 60 M rows": BombFile(many_rows("social.parquet"), data),
    "Parquet of one long text": BombFile(long_text("social.parquet"), data, passes=True),
    "Parquet of long texts": BombFile(
        parquet("social.parquet", pair(pa.array(["x" * 1_000_000] * 50)), 20, use_dictionary=False, compression="zstd"),
        data,
    ),
    "Parquet of many columns": BombFile(wide("social.parquet"), data, passes=True),
    "Parquet of a deep type": BombFile(nested_type, data),
    "pickle of a large shape": BombFile(of_shape(10**8, 10**8), data),
    "pickle of a fairly large shape": BombFile(of_shape(10**7, 10**7), data),
    "pickle of keys in keys": BombFile(pickled(doubled(b"}", b"K\x01s.")), data),
    "pickle of sets in sets": BombFile(pickled(doubled(b"\x8f(", b"\x90.")), data),
    "pickle of a shape in shapes": BombFile(pickled(with_shape(((((1,) * 9,) * 9,) * 9,) * 9)), data),
    "pickle of lists in lists": BombFile(pickled(b"\x80\x04" + b"]" * 10**6 + b"a" * (10**6 - 1) + b"."), data),
    "pickle of a long number": BombFile(pickled(with_shape((1 << 8 * 10**6, 2))), data),
    "pickle that promises a terabyte": BombFile(pickled(b"\x80\x04\x8e" + (1 << 40).to_bytes(8, "little")), data),
    "zip of a pickle": BombFile(zipped, data),
    "labels without a line break": BombFile(packed("labels.csv.gz", b"src,dst,label\n", b"a"), labels),
    "labels by the gigabyte": BombFile(packed("labels.csv.gz", b"src,dst,label\n", b"1,2,1\n"), labels),
    "labels of one long text": BombFile(long_text("labels.parquet"), labels),
    "labels of 60 M rows": BombFile(many_rows("labels.parquet"), labels),
    "streamed text without a line break": BombFile(packed("edges.csv.gz", ROWS, b"a"), stream),
    "streamed text with an open quote": BombFile(packed("edges.csv.zst", ROWS + b'"', b"a\n"), stream),
    "streamed Parquet of one long text": BombFile(long_text("edges.parquet"), stream),
    "streamed Parquet of many columns": BombFile(wide("edges.parquet"), stream),
    "settings nested deep": BombFile(text("settings.toml", f"a = {DEEP}"), settings),
    "settings of dots": BombFile(text("settings.toml", "a." * 100_000 + "a = 1"), settings),
    "settings of a hole": BombFile(hole("settings.toml"), settings),
    "summary nested deep": BombFile(bad_summary(DEEP), cleaned),
    "summary of a long number": BombFile(bad_summary("1" * 10**6), cleaned),
    "cleaned edges of one long text": BombFile(cleaned_bomb, cleaned),
    "model's manifest nested deep": BombFile(text("manifest.json", DEEP), read_artifact),
    "model's manifest of a hole": BombFile(hole("manifest.json"), read_artifact),
    "bundle's manifest nested deep": BombFile(text("manifest.json", DEEP), read_manifest),
    "bundle's manifest of a hole": BombFile(hole("manifest.json"), read_manifest),
    "users of a hole": BombFile(hole("users.txt"), users),
}

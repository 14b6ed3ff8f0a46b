"""Every Arrow type that is accepted goes the whole way: data folder, streamed cleaning, scorer and all adapters.

What a type check admits must run, and what it does not admit is refused with the cast to make. A data set that equals
that of plain ids gives the same fit, so one fit stands for all of them.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import recdiff_adapters as adapters
from recdiff.data.dataset import SocialDataset
from recdiff.data.labels import read_account_labels, read_labels
from recdiff.errors import DataError
from recdiff.studies.lab.source import fingerprint
from recdiff_adapters import EDGE_FORMATS, AdapterError
from recdiff_export import OnnxScorer
from recdiff_export.stream.local import clean_stream
from tests.export.test_stream import outputs, ties

Make = Callable[[list[int]], pa.Array]
ROWS = 60
SMALL = pa.int32()
WHOLE = (pa.int16(), pa.int32(), pa.int64(), pa.uint16(), pa.uint32(), pa.uint64())
TEXT = (pa.string(), pa.large_string(), pa.string_view())
MEMORY = {"pandas": "pandas", "polars": "polars", "networkx": "networkx", "igraph": "igraph", "pyg": "torch_geometric"}


def text_of(kind: pa.DataType) -> Make:
    return lambda ids: pa.array([str(each) for each in ids]).cast(kind)


def whole_of(kind: pa.DataType) -> Make:
    return lambda ids: pa.array(ids).cast(kind)


def coded(make: Make, index: pa.DataType = SMALL) -> Make:
    """Return what codes an array by a dictionary that holds a value which no row uses."""

    def code(ids: list[int]) -> pa.Array:
        used = sorted(set(ids))
        places = {each: place for place, each in enumerate(used)}
        return pa.DictionaryArray.from_arrays(pa.array([places[each] for each in ids], index), make([*used, 999]))

    return code


TYPES: dict[str, Make] = {str(kind): whole_of(kind) for kind in WHOLE}
TYPES |= {str(kind): text_of(kind) for kind in TEXT}
TYPES |= {f"coded {kind}": coded(whole_of(kind)) for kind in (pa.int64(), pa.int32(), pa.uint64())}
TYPES |= {f"coded {kind}": coded(text_of(kind)) for kind in TEXT}
TYPES |= {f"coded by {index}": coded(text_of(pa.string()), index) for index in (pa.int8(), pa.uint8(), pa.int64())}


def writable(values: pa.Array) -> bool:
    """Tell whether Arrow itself can put ``values`` into Parquet."""
    try:
        pq.write_table(pa.table({"values": values}), pa.BufferOutputStream())
    except pa.ArrowNotImplementedError:
        return False
    return True


UNWRITABLE = [name for name, make in TYPES.items() if not writable(make([1]))]
"""These come from memory only: text coded from views, and in older versions views too."""


def hand_on(table: pa.Table, place: Path) -> bytes:
    """Give ``table`` to every adapter that needs no server; return what one of them wrote."""
    place.mkdir()
    for name in sorted(set(EDGE_FORMATS) - {"postgres"}):
        if name == "duckdb" and find_spec("duckdb") is None:
            continue
        assert adapters.write(name, table, place / f"out-{name}{EDGE_FORMATS[name].suffix}")
    for name, library in MEMORY.items():
        if find_spec(library) is not None:
            assert getattr(adapters, f"to_{name}")(table) is not None
    return (place / "out-csv.csv").read_bytes()


@pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning")  # PyTorch Geometric compiles at import.
@pytest.mark.parametrize("kind", TYPES)
def test_ids_of_every_type_go_the_whole_way(tmp_path: Path, onnx_scorer: OnnxScorer, kind: str) -> None:
    # A graph file holds an edge once.
    plain = ties(ROWS).group_by(["src", "dst"], use_threads=False).aggregate([])
    src, dst = (plain[name].to_pylist() for name in ("src", "dst"))
    made = {"src": TYPES[kind](src), "dst": TYPES[kind](dst)}
    text = isinstance(made["src"][0].as_py(), str)
    scores = onnx_scorer.score(plain["src"], plain["dst"])
    assert np.array_equal(onnx_scorer.score(made["src"], made["dst"]), scores)
    told = pa.table({**made, "fake_score": scores, "keep": scores < 0.5})
    usual = told.set_column(0, "src", text_of(pa.string())(src) if text else pa.array(src))
    usual = usual.set_column(1, "dst", text_of(pa.string())(dst) if text else pa.array(dst))
    assert hand_on(told, tmp_path / "handed") == hand_on(usual, tmp_path / "usual")
    if kind in UNWRITABLE:
        with pytest.raises(pa.ArrowNotImplementedError):
            pq.write_table(pa.table(made), tmp_path / "social.parquet")
        return
    for name, table in (("given", pa.table(made)), ("plain", usual.select(["src", "dst"]))):
        (tmp_path / name).mkdir()
        pq.write_table(table, tmp_path / name / "social.parquet")
    given, expected = (SocialDataset.read(tmp_path / name) for name in ("given", "plain"))
    assert fingerprint(given) == fingerprint(expected)
    edges = tmp_path / "edges.parquet"
    pq.write_table(pa.table({**made, "note": made["src"]}), edges)
    clean_stream(onnx_scorer, edges, tmp_path / "cleaned", threshold=0.5, unknown="error")
    kept, removed = outputs(tmp_path / "cleaned")
    expected_src = [str(each) if text else each for each in src]
    assert kept["src"].to_pylist() == [each for each, score in zip(expected_src, scores, strict=True) if score < 0.5]
    assert kept["note"].to_pylist() == kept["src"].to_pylist()
    assert np.array_equal(removed["fake_score"].to_numpy(), scores[scores >= 0.5])


REFUSED: dict[str, tuple[Callable[[int], Any], pa.DataType, str]] = {
    "binary": (lambda each: str(each).encode(), pa.binary(), "string"),
    "large_binary": (lambda each: str(each).encode(), pa.large_binary(), "string"),
    "fixed_size_binary": (lambda each: f"{each:03d}".encode(), pa.binary(3), "string"),
    "decimal": (Decimal, pa.decimal128(10, 0), "int64"),
    "float": (float, pa.float64(), "int64"),
    "float16": (np.float16, pa.float16(), "int64"),
    "bool": (bool, pa.bool_(), "int64"),
    "date": (lambda each: date.fromordinal(each + 1), pa.date32(), "string"),
    "uuid": (lambda each: uuid.UUID(int=each).bytes, pa.uuid(), "string"),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_ids_of_other_types_are_refused_with_the_cast_to_make(
    tmp_path: Path, onnx_scorer: OnnxScorer, kind: str
) -> None:
    of, arrow, cast = REFUSED[kind]
    src, dst = (ties(20)[name].to_pylist() for name in ("src", "dst"))
    made = {name: pa.array([of(each) for each in ids], arrow) for name, ids in (("src", src), ("dst", dst))}
    pq.write_table(pa.table(made), tmp_path / "social.parquet")
    with pytest.raises(
        DataError, match=f"column 'src': has type .*; accepted: whole numbers or text; cast it to {cast}"
    ):
        SocialDataset.read(tmp_path)
    with pytest.raises(DataError, match=f"; cast it to {cast}"):
        clean_stream(onnx_scorer, tmp_path / "social.parquet", tmp_path / "out", threshold=0.5)
    told = pa.table({**made, "fake_score": [0.5] * 20, "keep": [True] * 20})
    with pytest.raises(AdapterError, match=r"column src .*(ids are int64 or string|cast it first)"):
        adapters.to_csv(told, tmp_path / "out.csv")


DAY = 86_400
TIMES: dict[str, pa.Array] = {
    **{
        str(kind): pa.array([0, DAY, 2 * DAY]).cast(kind) for kind in (pa.int32(), pa.int64(), pa.uint32(), pa.uint64())
    },
    **{str(kind): pa.array([0.0, DAY, 2 * DAY], kind) for kind in (pa.float32(), pa.float64())},
    **{
        f"timestamp {unit} {zone}": pa.array([0, DAY, 2 * DAY], pa.int64())
        .cast(pa.timestamp("s"))
        .cast(pa.timestamp(unit, zone))
        for unit in ("s", "ms", "us", "ns")
        for zone in (None, "UTC", "Europe/Berlin")
    },
    "date32": pa.array([0, 1, 2], pa.int32()).cast(pa.date32()),
    "date64": pa.array([0, 1, 2], pa.int32()).cast(pa.date32()).cast(pa.date64()),
    **{str(kind): pa.array(["1970-01-01", "1970-01-02T00:00:00Z", str(2 * DAY)], kind) for kind in TEXT},
    "coded text": pa.array(["1970-01-01", str(DAY), str(2 * DAY)]).dictionary_encode(),
    "decimal": pa.array([Decimal(0), Decimal(DAY), Decimal(2 * DAY)], pa.decimal128(12, 2)),
}
TIMES = {name: times for name, times in TIMES.items() if writable(times)}


@pytest.mark.parametrize("kind", TIMES)
def test_times_of_every_type_are_the_same_seconds(tmp_path: Path, kind: str) -> None:
    pq.write_table(pa.table({"src": [1, 2, 3], "dst": [2, 3, 4], "tied_at": TIMES[kind]}), tmp_path / "social.parquet")
    times = SocialDataset.read(tmp_path).edge_times
    assert times is not None
    assert times.tolist() == [0, DAY, 2 * DAY]


@pytest.mark.parametrize(
    "kind",
    [
        *WHOLE,
        pa.int8(),
        pa.uint8(),
        pa.float16(),
        pa.float32(),
        pa.float64(),
        pa.decimal128(10, 2),
        pa.decimal256(50, 1),
    ],
)
def test_numbers_of_every_type_are_checked(tmp_path: Path, kind: pa.DataType) -> None:
    values = [Decimal(1), Decimal(2), None] if pa.types.is_decimal(kind) else [1, 2, None]
    weight = pa.array([np.float16(1), np.float16(2), None], kind) if kind == pa.float16() else pa.array(values, kind)
    pq.write_table(pa.table({"src": [1, 2, 3], "dst": [2, 3, 4], "weight": weight}), tmp_path / "social.parquet")
    with pytest.raises(DataError, match="row 3, column 'weight': None is not a finite number"):
        SocialDataset.read(tmp_path)
    assert len(SocialDataset.read(tmp_path, skip_bad=0.5).edges) == 2


LABELS = {
    "is_fake": (
        pa.array([True, False, True]),
        pa.array([1, 0, 1], pa.uint8()),
        pa.array([1.0, 0.0, 1.0]),
        pa.array([Decimal(1), Decimal(0), Decimal(1)], pa.decimal128(3, 0)),
        pa.array(["True", "false", " 1"], pa.large_string()),
        pa.array(["fake", "real", "bad"], pa.string_view()),
        pa.array(["fake", "real", "fake"]).dictionary_encode(),
        pa.array([True, False, True]).cast(pa.int8()).dictionary_encode(),
    ),
    "label": (
        pa.array([-1, 1, -1], pa.int8()),
        pa.array([-1.0, 1.0, -1.0], pa.float32()),
        pa.array(["-1", "real", "bad"], pa.large_string()).dictionary_encode(),
    ),
}
WRITABLE_LABELS = [(name, each) for name, some in LABELS.items() for each in some if writable(each)]


@pytest.mark.parametrize(("name", "values"), WRITABLE_LABELS, ids=str)
def test_labels_of_every_type_mean_the_same(
    tmp_path: Path, onnx_scorer: OnnxScorer, name: str, values: pa.Array
) -> None:
    ids = onnx_scorer.lookup.ids
    src, dst = ids.values[:3], ids.values[3:6]
    pq.write_table(pa.table({"src": src, "dst": dst, name: values}), tmp_path / "edges.parquet")
    assert read_labels(tmp_path / "edges.parquet", ids).is_fake.tolist() == [True, False, True]
    pq.write_table(pa.table({"user_id": src, name: values}), tmp_path / "accounts.parquet")
    accounts = read_account_labels(tmp_path / "accounts.parquet")
    assert accounts is not None
    assert accounts.is_fake.tolist() == [True, False, True]


@pytest.mark.parametrize("kind", [kind for kind in TYPES if kind not in UNWRITABLE])
def test_rows_are_left_out_whatever_the_type_of_their_ids(tmp_path: Path, kind: str) -> None:
    made = TYPES[kind]([*range(1, 9)])
    if pa.types.is_dictionary(made.type):
        nulled = pa.DictionaryArray.from_arrays(
            pa.array([*made.indices[:7].to_pylist(), None], made.indices.type), made.dictionary
        )
    else:
        nulled = pa.array([*made[:7].to_pylist(), None], made.type)
    pq.write_table(pa.table({"src": TYPES[kind]([*range(2, 10)]), "dst": nulled}), tmp_path / "social.parquet")
    with pytest.raises(DataError, match="row 8, column 'dst': the id is null"):
        SocialDataset.read(tmp_path)
    read = SocialDataset.read(tmp_path, skip_bad=0.2)
    assert len(read.edges) == 7
    assert [row.row for row in read.left_out] == [8]

"""Ids on their way through a streamed cleaning: looked up as they are spelled, written back as they came."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from recdiff.errors import DataError
from recdiff_export import OnnxScorer, export_bundle
from recdiff_export.stream.local import clean_stream
from tests.export.export_parts import parts

ODD = ["007", " 7", "7 ", "+7", "0x7", "7.0", "NA", "null", "nan", "-", "bob", "9223372036854775808", "1" * 40]


def cleaned(tmp_path: Path, scorer: OnnxScorer, edges: Path, unknown: str = "keep") -> pa.Table:
    summary = clean_stream(scorer, edges, tmp_path / "out", threshold=1.0, unknown=unknown)  # type: ignore[arg-type]
    table = pq.read_table(tmp_path / "out" / "kept.parquet")
    assert len(table) == summary.kept
    return table


def test_text_that_looks_like_a_known_number_is_an_unknown_user(tmp_path: Path, onnx_scorer: OnnxScorer) -> None:
    (tmp_path / "edges.csv").write_text("src,dst\n7,10\n" + "".join(f"{text},10\n" for text in ODD))
    kept = cleaned(tmp_path, onnx_scorer, tmp_path / "edges.csv")
    assert kept["src"].to_pylist() == ["7", *ODD]
    assert kept["dst"].to_pylist() == ["10"] * len(kept)
    assert [score is None for score in kept["fake_score"].to_pylist()] == [False] + [True] * len(ODD)
    assert kept["fake_score"][0].as_py() == pytest.approx(float(onnx_scorer.score([7], [10])[0]), abs=1e-7)
    assert cleaned(tmp_path, onnx_scorer, tmp_path / "edges.csv", "drop")["src"].to_pylist() == ["7"]


def test_the_row_of_an_unknown_user_in_text_is_its_line(tmp_path: Path, onnx_scorer: OnnxScorer) -> None:
    (tmp_path / "edges.csv").write_text("src,dst\n\n7,10\nbob,10\n")
    with pytest.raises(DataError, match=r"edges\.csv, row 4: users that the model does not know: 'bob'"):
        cleaned(tmp_path, onnx_scorer, tmp_path / "edges.csv", "error")
    (tmp_path / "edges.csv").write_text("7,10\nbob,10\n")
    mapping = {"src": "0", "dst": "1"}
    with pytest.raises(DataError, match=r"edges\.csv, row 2: users that the model does not know: 'bob'"):
        clean_stream(
            onnx_scorer, tmp_path / "edges.csv", tmp_path / "out", threshold=1.0, unknown="error", mapping=mapping
        )


@pytest.mark.parametrize("kind", [pa.uint64(), pa.int8(), pa.string(), pa.large_string()])
def test_every_kind_of_parquet_column_is_written_back(
    tmp_path: Path, onnx_scorer: OnnxScorer, kind: pa.DataType
) -> None:
    huge = 2**63 if kind == pa.uint64() else 1
    table = pa.table({"src": pa.array([7, 10, huge], pa.uint64()).cast(kind), "dst": pa.array([10, 7, 7]).cast(kind)})
    pq.write_table(table, tmp_path / "edges.parquet")
    kept = cleaned(tmp_path, onnx_scorer, tmp_path / "edges.parquet")
    assert kept.select(["src", "dst"]).to_pylist() == table.to_pylist()
    assert kept["src"].type == kind
    assert [score is None for score in kept["fake_score"].to_pylist()] == [False, False, True]


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda path: path.write_text("src,dst\n7,10\n\n,10\n"), r"edges\.csv, row 4, column 'src': the id is empty"),
        (
            lambda path: pq.write_table(pa.table({"src": [7, None], "dst": [10, 10]}), path),
            r"edges\.parquet, row 2, column 'src': the id is null",
        ),
        (
            lambda path: pq.write_table(pa.table({"src": ["7", "7"], "dst": ["10", ""]}), path),
            r"edges\.parquet, row 2, column 'dst': the id is empty",
        ),
        (lambda path: path.write_text("src,dst,note,note\n7,10,1,2\n"), r"column 'note': appears more than once"),
        (
            lambda path: pq.write_table(pa.table([[7], [10], [1], [2]], names=["src", "dst", "a", "a"]), path),
            r"column 'a': appears more than once",
        ),
        (lambda path: path.write_bytes("src,dst\n7,10\n".encode("utf-16")), r"edges\.csv: the file is UTF-16"),
        (lambda path: path.write_text("src,dst\n7,10\n7,10,3\n"), r"edges\.csv, row 3: '7,10,3' has too many fields"),
        (lambda path: path.write_text('src,dst\n7,10\n"7,10\n7,10\n'), r"edges\.csv, row 3: a quote opened here"),
        (lambda path: path.write_bytes(b"src,dst\n7,\xff\n"), r"edges\.csv, row 2: bytes ff are not UTF-8"),
    ],
)
def test_what_is_no_edge_is_named_in_our_words(
    tmp_path: Path, onnx_scorer: OnnxScorer, make: Callable[[Path], object], said: str
) -> None:
    path = tmp_path / ("edges.parquet" if "parquet" in said or "'a'" in said else "edges.csv")
    make(path)
    with pytest.raises(DataError, match=said):
        cleaned(tmp_path, onnx_scorer, path)
    assert list(tmp_path.iterdir()) == [path]


def test_one_part_with_columns_of_one_name_stops_the_run_before_the_others_are_written(
    tmp_path: Path, onnx_scorer: OnnxScorer
) -> None:
    (tmp_path / "edges").mkdir()
    (tmp_path / "edges" / "a.csv").write_text("src,dst\n7,10\n")
    (tmp_path / "edges" / "b.csv").write_text("src,dst,note,note\n7,10,1,2\n")
    with pytest.raises(DataError, match=r"b\.csv, column 'note': appears more than once"):
        cleaned(tmp_path, onnx_scorer, tmp_path / "edges")
    (tmp_path / "edges" / "b.csv").write_text("src,dst,note\n7,10,1\n")
    with pytest.raises(DataError, match=r"b\.csv: its columns beside src and dst are note string; those of"):
        cleaned(tmp_path, onnx_scorer, tmp_path / "edges")
    assert [path.name for path in tmp_path.iterdir()] == ["edges"]


def test_parts_of_text_and_numbers_have_one_type_in_the_output(tmp_path: Path, onnx_scorer: OnnxScorer) -> None:
    (tmp_path / "edges").mkdir()
    (tmp_path / "edges" / "a.csv").write_text("src,dst\n007,10\n")
    pq.write_table(pa.table({"src": [7], "dst": [10]}), tmp_path / "edges" / "b.parquet")
    onnx_scorer.score_file(tmp_path / "edges", tmp_path / "scored.parquet")
    scored = pq.read_table(tmp_path / "scored.parquet")
    assert scored["src"].to_pylist() == ["007", "7"]
    assert [score is None for score in scored["fake_score"].to_pylist()] == [True, False]


def test_numbers_find_the_users_of_a_model_with_text_ids(tmp_path: Path, quick_parity: None) -> None:
    export_bundle(parts(text_ids=True), tmp_path / "onnx")
    table = pa.table({"src": pa.array([1, 2**63], pa.uint64()), "dst": pa.array([2, 2], pa.uint64())})
    pq.write_table(table, tmp_path / "edges.parquet")
    with OnnxScorer.open(tmp_path / "onnx", provider="cpu") as scorer:
        kept = cleaned(tmp_path, scorer, tmp_path / "edges.parquet")
    assert kept["src"].to_pylist() == [1, 2**63]

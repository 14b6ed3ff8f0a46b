from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given

from recdiff_adapters import AdapterError, to_jsonl
from tests.adapters import adapter_samples as samples


def read(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").split("\n")[:-1]]


def test_rows_come_back(tmp_path: Path) -> None:
    for table in (samples.edges(), samples.integer_edges(), samples.recommendations(), samples.empty_edges()):
        assert read(to_jsonl(table, tmp_path / "t.jsonl", force=True)) == table.to_pylist()


def test_polars_reads_it(tmp_path: Path) -> None:
    polars = pytest.importorskip("polars")
    frame = polars.read_ndjson(to_jsonl(samples.edges(), tmp_path / "t.jsonl"))
    assert frame.rows() == samples.rows(samples.edges())


@samples.quick
@given(samples.id_lists)
def test_any_id_comes_back(tmp_path_factory: pytest.TempPathFactory, ids: list[str]) -> None:
    path = to_jsonl(samples.ring(ids), tmp_path_factory.mktemp("jsonl") / "t.jsonl")
    assert [row["src"] for row in read(path)] == ids


def test_a_number_without_a_word_in_json_is_refused(tmp_path: Path) -> None:
    table = samples.edges(movement=[0.5, float("nan"), 1.0])
    with pytest.raises(AdapterError, match="column movement, row 2: nan: JSON has no such number"):
        to_jsonl(table, tmp_path / "t.jsonl")
    assert list(tmp_path.iterdir()) == []

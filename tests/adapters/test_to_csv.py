from __future__ import annotations

import csv
from pathlib import Path

import pytest
from hypothesis import given

from recdiff_adapters import AdapterError, to_csv
from tests.adapters import adapter_samples as samples

pandas = pytest.importorskip("pandas")


def read(path: Path) -> list[list[str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.reader(file))


def test_the_text_is_exact(tmp_path: Path) -> None:
    path = to_csv(samples.edges(), tmp_path / "edges.csv")
    assert path.read_text(encoding="utf-8") == (
        "src,dst,fake_score,keep,common_friends,note\n"
        '"007","7",0.25,true,3,""\n'
        '"7","Zoë",,true,0,\n'
        '"Zoë","007",0.875,false,,"far"\n'
    )


def test_integer_ids_are_numbers_and_come_back_exactly(tmp_path: Path) -> None:
    frame = pandas.read_csv(to_csv(samples.integer_edges(), tmp_path / "edges.csv"))
    assert frame["src"].tolist() == samples.integer_edges()["src"].to_pylist()
    assert frame["src"].dtype == "int64"


def test_pandas_reads_odd_ids_back(tmp_path: Path) -> None:
    table = samples.ring(samples.ODD_IDS)
    frame = pandas.read_csv(to_csv(table, tmp_path / "e.csv"), dtype={"src": str, "dst": str}, keep_default_na=False)
    assert frame["src"].tolist() == samples.ODD_IDS
    # By default pandas before 3.0 reads a fraction to within its last binary digit; the text itself is exact.
    assert frame["fake_score"].tolist() == pytest.approx(table["fake_score"].to_pylist(), rel=1e-15)
    assert frame["keep"].tolist() == table["keep"].to_pylist()


def test_recommendations_and_empty_tables(tmp_path: Path) -> None:
    assert read(to_csv(samples.recommendations(), tmp_path / "r.csv"))[1] == ["007", "7", "1", "2.5"]
    assert read(to_csv(samples.empty_edges(), tmp_path / "e.csv")) == [samples.edges().column_names]


@samples.quick
@given(samples.id_lists)
def test_any_id_comes_back_or_is_refused(tmp_path_factory: pytest.TempPathFactory, ids: list[str]) -> None:
    path = tmp_path_factory.mktemp("csv") / "e.csv"
    if any("\0" in name for name in ids):
        with pytest.raises(AdapterError, match="CSV cannot hold a NUL character"):
            to_csv(samples.ring(ids), path)
        assert not path.exists()
    else:
        assert [line[0] for line in read(to_csv(samples.ring(ids), path))[1:]] == ids


@samples.quick
@given(samples.id_lists)
def test_escaped_ids_start_no_formula_and_come_back(tmp_path_factory: pytest.TempPathFactory, ids: list[str]) -> None:
    safe = [name.replace("\0", "") + str(position) for position, name in enumerate(ids)]
    path = to_csv(samples.ring(safe), tmp_path_factory.mktemp("csv") / "e.csv", escape_formulas=True)
    texts = [line[0] for line in read(path)[1:]]
    assert not any(text.startswith(("=", "+", "-", "@", "\t", "\r", "\n")) for text in texts)
    assert [text.removeprefix("'") for text in texts] == safe


def test_formulas_are_escaped_on_request_only(tmp_path: Path) -> None:
    ids = ["=cmd|'/c calc'!A1", "+1", "-1", "@sum", "\tx", "＝1", "'q", "a=b"]
    table = samples.ring(ids, note=["-7"] * 8, balance=[-7] * 8)
    plain = read(to_csv(table, tmp_path / "plain.csv"))[1:]
    escaped = read(to_csv(table, tmp_path / "escaped.csv", escape_formulas=True))[1:]
    assert [line[0] for line in plain] == ids
    assert [line[0] for line in escaped] == ["'" + name for name in ids[:-1]] + ["a=b"]
    assert escaped[0][4:] == ["'-7", "-7"]

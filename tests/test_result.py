"""A table of results turns into frames, does as an Arrow table does, and is shown short."""

from __future__ import annotations

import copy
import pickle
import sys

import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from recdiff.errors import UsageError
from recdiff.estimator import RecDiff
from recdiff.extras import install_with
from recdiff.result import SHOWN, ResultTable
from recdiff_adapters import to_networkx

ARROW = pa.table(
    {
        "src": ["a", "b", "<c>"] * 3,
        "dst": ["b", "c", "a"] * 3,
        "fake_score": [0.25, None, 2 / 3] * 3,
        "keep": [True] * 9,
    }
)


@pytest.fixture
def table() -> ResultTable:
    return ResultTable(ARROW)


def test_frames_hold_what_the_table_holds(table: ResultTable) -> None:
    assert isinstance(table.to_pandas(), pd.DataFrame)
    assert isinstance(table.to_polars(), pl.DataFrame)
    assert table.to_polars().to_arrow().to_pylist() == ARROW.to_pylist()
    assert table.to_pandas()["src"].to_list() == ARROW["src"].to_pylist()
    assert table.to_pandas(types_mapper={pa.bool_(): pd.BooleanDtype()}.get)["keep"].dtype == "boolean"


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_what_is_not_installed_is_named_with_the_way_to_it(
    library: str, table: ResultTable, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(UsageError) as told:
        getattr(table, f"to_{library}")()
    assert str(told.value).endswith(f"run: {install_with(library)}")


def test_it_does_as_an_arrow_table_does(table: ResultTable) -> None:
    assert table.column_names == ARROW.column_names
    assert table.slice(1, 2).to_pylist() == ARROW.slice(1, 2).to_pylist()
    assert table["src"][1].as_py() == "b"
    assert len(table) == table.num_rows == 9
    assert table.equals(ARROW)
    assert not table.equals(ResultTable(ARROW.slice(1)))
    with pytest.raises(AttributeError):
        table.to_nothing  # noqa: B018


def test_what_reads_arrow_reads_it_and_its_metadata(table: ResultTable) -> None:
    noted = ARROW.replace_schema_metadata({b"recdiff.directed": b"false"})
    assert pa.table(ResultTable(noted)).schema.metadata == noted.schema.metadata
    assert pl.DataFrame(table).height == 9
    assert to_networkx(ResultTable(ARROW.slice(2, 1))).number_of_nodes() == 2


def test_copies_and_pickles_are_equal(table: ResultTable) -> None:
    for other in (copy.copy(table), copy.deepcopy(table), pickle.loads(pickle.dumps(table))):  # noqa: S301
        assert other.equals(table)


def test_it_is_shown_short_and_as_text(table: ResultTable) -> None:
    assert repr(table) == "ResultTable(9 rows: src, dst, fake_score, keep)"
    shown = table._repr_html_()
    assert f"the first {SHOWN} of 9 rows" in shown
    assert shown.count("<tr>") == SHOWN + 1
    assert "&lt;c&gt;" in shown
    assert "0.6667" in shown


def test_a_model_gives_such_tables(fitted: RecDiff) -> None:
    kept, removed, _ = fitted.clean_edges(threshold=0.3)
    ranked = fitted.recommend(k=2)
    given = [fitted.edges_, fitted.accounts_, fitted.groups_, kept, removed, ranked]
    given += [
        fitted.explain_recommendations(ranked),
        fitted.recommend_new(["physics-0050"][:0], fitted.fitted_.users.values[:1].to_pylist(), k=2),
    ]
    for each in given:
        assert isinstance(each, ResultTable)
        assert each.to_polars().height == len(each)

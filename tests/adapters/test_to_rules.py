"""Accounts and groups handed over: the whole-row formats, and objects for rules engines."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from recdiff_adapters import ACCOUNT_FORMATS, AdapterError, OptionError, to_csv, to_rules, write
from tests.adapters.adapter_samples import edges

NAMES = ["entity_type", "entity_id", "score", "labels", "reasons", "expiry"]


def accounts(**columns: object) -> pa.Table:
    whole = {
        "user_id": ["007", "Zoë"],
        "account_score": [0.97, 0.25],
        "edges": [12, 3],
        "group": pa.array([1, None], pa.int64()),
        "reasons": ["in a dense group cut off; uses nothing", ""],
    }
    return pa.table(whole | columns)


def groups() -> pa.Table:
    return pa.table(
        {"group": [1], "group_score": [0.6], "size": [2], "reasons": ["in a dense group cut off"], "members": ['["a"]']}
    )


def test_an_object_per_account_with_labels_reasons_and_expiry(tmp_path: Path) -> None:
    path = to_rules(accounts(), tmp_path / "a.jsonl", expiry="2030-12-31")
    first, second = map(json.loads, path.read_text(encoding="utf-8").splitlines())
    assert list(first) == NAMES
    assert first == {
        "entity_type": "user",
        "entity_id": "007",
        "score": 0.97,
        "labels": ["likely_fake_account", "group:1"],
        "reasons": ["in a dense group cut off", "uses nothing"],
        "expiry": "2030-12-31T00:00:00",
    }
    assert (second["labels"], second["reasons"], second["entity_id"]) == ([], [], "Zoë")


def test_an_object_per_group_has_its_members(tmp_path: Path) -> None:
    found = json.loads(to_rules(groups(), tmp_path / "g.jsonl").read_text(encoding="utf-8"))
    assert (found["entity_type"], found["entity_id"], found["members"]) == ("group", 1, ["a"])
    assert found["labels"] == ["possible_fake_group"]
    assert found["expiry"] is None


def test_an_expiry_that_is_no_date_and_a_table_of_edges_are_refused(tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="2030-12-31"):
        to_rules(accounts(), tmp_path / "a.jsonl", expiry="soon")
    with pytest.raises(AdapterError, match="not for edges"):
        to_rules(edges(), tmp_path / "a.jsonl")
    assert not list(tmp_path.iterdir())


def test_a_file_of_ours_is_replaced_and_another_is_not(tmp_path: Path) -> None:
    path = to_rules(accounts(), tmp_path / "a.jsonl")
    to_rules(accounts(account_score=[0.5, 0.1]), path)
    path.write_text('{"mine": 1}\n', encoding="utf-8")
    with pytest.raises(OptionError, match="not replaced"):
        to_rules(accounts(), path)


@pytest.mark.parametrize("name", ["arrow", "csv", "jsonl", "parquet", "sqlite"])
@pytest.mark.parametrize("table", [accounts(), groups()], ids=["accounts", "groups"])
def test_whole_row_formats_take_accounts_and_groups(name: str, table: pa.Table, tmp_path: Path) -> None:
    path = tmp_path / f"out{ACCOUNT_FORMATS[name].suffix}"
    for _ in range(2):  # What is ours is replaced.
        assert write(name, table, path) == path
    if name == "parquet":
        assert pq.read_table(path).to_pylist() == table.to_pylist()


def test_formats_of_graphs_are_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="format recbole is for edges, not for accounts and groups"):
        write("recbole", accounts(), tmp_path / "out")
    with pytest.raises(OptionError, match="format rules is for accounts and groups"):
        write("rules", edges(), tmp_path / "out")


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        ({"account_score": [1.5, 0.0]}, r"account_score, row 1: 1.5: account_score lies in \[0, 1\]"),
        ({"account_score": [None, 0.5]}, "account_score, row 1: None: account_score must not be null"),
        ({"user_id": ["a", None]}, "user_id, row 2: None: it must not be null"),
        ({"user_id": [0.5, 1.5]}, "column user_id is of type double"),
    ],
)
def test_faults_are_named_by_column_row_and_value(columns: dict[str, object], words: str, tmp_path: Path) -> None:
    with pytest.raises(AdapterError, match=words):
        to_csv(accounts(**columns), tmp_path / "a.csv")

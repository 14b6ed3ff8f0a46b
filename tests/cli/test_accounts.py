"""`recdiff-sdk accounts`: the queue of accounts and of groups, on screen and handed over."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from recdiff.estimator import RecDiff

Run = Callable[..., tuple[int, str, str]]


def test_accounts_are_ranked_and_written(run: Run, model_folder: Path, tmp_path: Path) -> None:
    code, out, err = run("accounts", "--model", model_folder, "--out", "a.parquet")
    assert code == 0, err
    assert "account_score" in out
    table = pq.read_table(tmp_path / "a.parquet")
    assert table.num_rows == len(RecDiff.load(model_folder).fitted_.users)
    assert (np.diff(table["account_score"].to_numpy()) <= 0).all()
    run("accounts", "--model", model_folder, "--out", "a.parquet", "--top", 7)
    assert pq.read_table(tmp_path / "a.parquet").to_pylist() == table.slice(0, 7).to_pylist()


def test_groups_are_one_line_each(run: Run, model_folder: Path) -> None:
    code, out, err = run("accounts", "--groups", "--model", model_folder, "--json")
    assert code == 0, err
    found = json.loads(out)
    assert [row["group"] for row in found["groups"]] == list(range(1, len(found["groups"]) + 1))
    assert found["rows"] == RecDiff.load(model_folder).groups_.num_rows


def test_accounts_go_to_a_rules_engine(run: Run, model_folder: Path, tmp_path: Path) -> None:
    code, _, err = run(
        "accounts", "--model", model_folder, "--format", "rules", "--top", 3, "--with", "expiry=2030-01-01"
    )
    assert code == 0, err
    rows = [json.loads(line) for line in (tmp_path / "accounts.jsonl").read_text(encoding="utf-8").splitlines()]
    assert [row["expiry"] for row in rows] == ["2030-01-01T00:00:00"] * 3


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--format", "recbole"), "format recbole is for edges"),
        (("--with", "expiry=2030-01-01"), "--with and --force are for a file"),
        (("--format", "rules", "--with", "expiry=soon"), "'soon' is no date"),
    ],
)
def test_mistakes_are_named(run: Run, model_folder: Path, options: tuple[str, ...], words: str) -> None:
    code, _, err = run("accounts", "--model", model_folder, *options)
    assert code == 2
    assert words in err

"""`audit --accounts`: from the draw to scores of accounts that match what was answered."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from recdiff.audit.decisions import read_decisions
from recdiff.estimator import RecDiff
from tests.cli.test_audit import answered as answer_edges
from tests.cli.test_audit import read, write

Run = Callable[..., tuple[int, str, str]]
DRAW = ("audit", "--accounts")
READ = ("audit", "--answers", "audit.csv")


def fakes(place: Path) -> set[str]:
    """Return the accounts that were planted: those without a real edge."""
    truth = pq.read_table(place / "data/truth.parquet").to_pylist()
    every, real = (
        {row[end] for row in truth if all_of_them or not row["is_fake"] for end in ("src", "dst")}
        for all_of_them in (True, False)
    )
    return every - real


def answered(place: Path, file: Path) -> list[dict[str, str]]:
    rows, fake = read(file), fakes(place)
    for row in rows:
        row["verdict"] = "fake" if row["user_id"] in fake else "real"
    write(file, rows)
    return rows


def test_an_audit_of_accounts_from_the_draw_to_the_queue(run: Run, place: Path) -> None:
    before = RecDiff.load(place / "recdiff-model").fitted_
    assert "(expected, not audited)" in run("accounts")[2]
    assert run("export", "--onnx")[0] == 0
    code, out, err = run(*DRAW, "--size", 120, "--json")
    assert (code, json.loads(out)["drawn"]) == (0, 120), err
    rows = answered(place, place / "audit.csv")
    assert all("edges, " in row["evidence"] and "expected to be fake" in row["evidence"] for row in rows)
    assert {row["stratum"] for row in rows} == set("0123456789")
    code, out, err = run(*READ, "--threshold", 0.1, "--json")
    assert code == 0, err
    assert "export again" in err
    found = json.loads(out)
    fake = np.isin(before.users.values.to_pylist(), list(fakes(place)))
    assert found["of"] == "account"
    # One draw's interval may miss by a little; how often it does, tests/audit/test_estimate.py counts.
    assert found["share"]["low"] - 0.02 <= fake.mean() <= found["share"]["high"] + 0.02
    assert found["precision"]["low"] <= found["precision"]["estimate"] <= found["precision"]["high"]
    code, out, err = run("accounts", "--json")
    assert json.loads(out)["account_share"] == {**found["share"], "audited": True}
    assert "audited, n = 120" in run("accounts")[2]
    after = RecDiff.load(place / "recdiff-model").fitted_
    assert (np.diff(after.accounts.score[np.argsort(before.accounts.score, kind="stable")]) >= 0).all()
    assert after.accounts.score.mean() == pytest.approx(found["share"]["estimate"], abs=1e-6)
    np.testing.assert_array_equal(after.scores, before.scores)
    np.testing.assert_allclose(sum(after.accounts.parts.values()) - after.accounts.log_odds, 3.5)
    said = read_decisions(place / "data/decisions.csv")
    assert {(each.what, each.reason) for each in said} == {("account", "audit")}
    assert {each.src for each in said if each.verdict == "fake"} == {
        row["user_id"] for row in rows if row["verdict"] == "fake"
    }
    # Edges of accounts that the audit found to be fake are removed, also where nobody knows of the decisions.
    (place / "data").rename(place / "moved")
    assert run("clean-edges", "--threshold", 1.0)[0] == 0
    gone = pq.read_table(place / "cleaned-edges/removed.parquet").to_pylist()
    known = {each.src for each in said if each.verdict == "fake"}
    assert gone
    assert all({row["src"], row["dst"]} & known for row in gone)


def test_audits_of_accounts_add_up_and_one_of_edges_between_changes_nothing(run: Run, place: Path) -> None:
    assert run(*DRAW, "--size", 60)[0] == 0
    answered(place, place / "audit.csv")
    first = json.loads(run(*READ, "--json")[1])
    assert json.loads(run(*READ, "--json")[1]) == first
    assert run("audit", "--size", 60, "--out", "edges.csv")[0] == 0
    answer_edges(place, place / "edges.csv")
    assert run("audit", "--answers", "edges.csv")[0] == 0
    score = RecDiff.load(place / "recdiff-model").fitted_.accounts.score
    code, out, _ = run(*DRAW, "--size", 150, "--out", "more.csv", "--json")
    assert (code, json.loads(out)["answered"]) == (0, 60)
    assert {row["user_id"] for row in read(place / "audit.csv")} < {row["user_id"] for row in read(place / "more.csv")}
    assert json.loads(run(*READ, "--json")[1]) == first
    np.testing.assert_allclose(RecDiff.load(place / "recdiff-model").fitted_.accounts.score, score)
    answered(place, place / "more.csv")
    second = json.loads(run("audit", "--answers", "more.csv", "--json")[1])
    assert second["share"]["answers"] == 150


def test_mistakes_are_named_and_change_nothing(run: Run, place: Path) -> None:
    assert run(*DRAW, "--size", 40)[0] == 0
    rows = answered(place, place / "audit.csv")
    before = (place / "recdiff-model/manifest.json").read_bytes()
    for changed, said in (
        ({"user_id": "nobody"}, "row 2, column 'user_id': 'nobody' was not drawn"),
        ({"inclusion_probability": "0.987"}, "row 2, column 'inclusion_probability': '0.987' was changed"),
        ({"audit": "ffff.40.0"}, "is an audit of another model"),
        ({"verdict": "perhaps"}, "row 2, column 'verdict': 'perhaps'; accepted are fake"),
    ):
        write(place / "audit.csv", [{**rows[0], **changed}, *rows[1:]])
        code, _, err = run(*READ)
        assert code == 3
        assert said in err
    assert run(*READ, "--accounts")[0] == 2
    assert (place / "recdiff-model/manifest.json").read_bytes() == before
    assert not (place / "data/decisions.csv").exists()

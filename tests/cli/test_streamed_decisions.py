"""What was decided holds for edges in files as it does for those of the fit."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pyarrow.parquet as pq

from recdiff.audit.decisions import add_decisions
from recdiff.audit.groups import group_decisions
from recdiff.cleaning.summary import Summary
from recdiff.estimator import RecDiff

Run = Callable[..., tuple[int, str, str]]
Pairs = set[tuple[str, str]]
SIDES = ("kept", "removed")
BY = ("--edges", "data/social.csv", "--threshold", 0.4)


def sides(folder: Path) -> list[set[frozenset[str]]]:
    tables = [pq.read_table(folder / f"{side}.parquet").to_pylist() for side in SIDES]
    return [{frozenset((row["src"], row["dst"])) for row in rows} for rows in tables]


def test_both_ways_of_cleaning_obey_alike(run: Run, place: Path) -> None:
    model = RecDiff.load(place / "recdiff-model")
    rows = model.edges_.sort_by([("fake_score", "descending")]).to_pylist()
    account = str(model.accounts_["user_id"][0])
    assert run("clean-edges", *BY, "--out", "before")[0] == 0
    others = [row for row in rows if account not in (row["src"], row["dst"])]
    real, fake, back = ([f"{row['src']},{row['dst']}"] for row in (others[0], others[-1], others[1]))
    own = next(row for row in rows if account in (row["src"], row["dst"]))
    for words in (
        ("fake", *fake),
        ("real", *real),
        ("fake", *back),
        ("unsure", *back),
        ("real", f"{own['src']},{own['dst']}"),
        ("fake", "--account", account),
    ):
        assert run("decide", *words)[0] == 0
    members = [str(each) for each in model.accounts_["user_id"][10:14].to_pylist()]
    add_decisions(place / "data/decisions.csv", group_decisions(members, "fake", {}), directed=False)
    assert run("clean-edges", "--threshold", 0.4)[0] == 0
    code, _, err = run("clean-edges", *BY, "--out", "streamed", "--json")
    assert code == 0, err
    found, expected = sides(place / "streamed"), sides(place / "cleaned-edges")
    assert found == expected
    assert found != sides(place / "before")
    assert frozenset((own["src"], own["dst"])) in found[0]
    assert all(not pair & set(members) for pair in found[0])
    summary = Summary.read(place / "streamed/summary.json")
    counts = Summary.read(place / "cleaned-edges/summary.json").decided
    assert counts is not None
    assert summary.decided == {word: 2 * count for word, count in counts.items()}  # The file has edges both ways.
    assert run("clean-edges", *BY, "--out", "bundle", "--model", "recdiff-model/onnx")[0] == 0
    assert sides(place / "bundle") == expected
    # What is put back is decided, for files too.
    removed = pq.read_table(place / "streamed/removed.parquet").to_pylist()[0]
    assert run("restore", f"{removed['src']},{removed['dst']}", "--out", "streamed")[0] == 0
    assert run("clean-edges", *BY, "--out", "streamed")[0] == 0
    assert frozenset((removed["src"], removed["dst"])) in sides(place / "streamed")[0]
    # A bundle that was taken along knows of no decisions but those it is told of.
    shutil.copytree(place / "recdiff-model/onnx", place / "alone")
    assert run("clean-edges", *BY, "--out", "plain", "--model", "alone")[0] == 0
    assert sides(place / "plain") == sides(place / "before")
    assert run("clean-edges", *BY, "--out", "told", "--model", "alone", "--data", "data")[0] == 0
    assert sides(place / "told") == sides(place / "streamed")


def test_answers_within_the_model_hold_for_files_where_the_data_are_gone(run: Run, place: Path) -> None:
    from tests.cli.test_audit import answered

    assert run("audit", "--size", 60)[0] == 0
    answered(place, place / "audit.csv")
    assert run("audit", "--answers", "audit.csv")[0] == 0
    shutil.move(place / "data", place / "moved")
    assert run("clean-edges", "--threshold", 0.4)[0] == 0
    code, _, err = run("clean-edges", "--edges", "moved/social.csv", "--threshold", 0.4, "--out", "streamed")
    assert code == 0
    assert "the data are no longer at" in err
    assert sides(place / "streamed") == sides(place / "cleaned-edges")


def test_a_model_that_cannot_be_read_is_refused(run: Run, place: Path) -> None:
    assert run("export", "--onnx")[0] == 0
    for damage in ("{", "[]"):
        (place / "recdiff-model/calibration.json").write_text(damage)
        code, _, err = run("clean-edges", *BY)
        assert code == 4
        assert "calibration.json" in err
    assert not (place / "cleaned-edges").exists()

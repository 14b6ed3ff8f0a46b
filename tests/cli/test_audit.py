"""`audit`, `decide` and what obeys them: the whole loop, and what is said about a table that was tampered with."""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from recdiff.audit.decisions import read_decisions
from recdiff.estimator import RecDiff

Run = Callable[..., tuple[int, str, str]]
Rows = list[dict[str, str]]


def truth_of(place: Path) -> dict[tuple[str, str], bool]:
    return {(row["src"], row["dst"]): row["is_fake"] for row in pq.read_table(place / "data/truth.parquet").to_pylist()}


def read(file: Path) -> Rows:
    with file.open(newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


def write(file: Path, rows: Rows) -> None:
    with file.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, rows[0])
        writer.writeheader()
        writer.writerows(rows)


def answered(place: Path, file: Path) -> Rows:
    """Fill in the verdicts as somebody who knows would."""
    truth, rows = truth_of(place), read(file)
    for number, row in enumerate(rows):
        words = ("Bad", "fake") if truth[row["src"], row["dst"]] else ("good", "REAL ")
        row["verdict"] = words[number % 2]
    write(file, rows)
    return rows


def test_an_audit_from_the_draw_to_the_summary(run: Run, place: Path) -> None:
    assert run("export", "--onnx")[0] == 0
    code, out, err = run("audit", "--size", 200, "--json")
    assert code == 0, err
    assert json.loads(out)["drawn"] == 200
    rows = answered(place, place / "audit.csv")
    assert "in common" in rows[0]["evidence"]
    code, out, err = run("audit", "--answers", "audit.csv", "--json")
    assert code == 0, err
    found = json.loads(out)
    share = np.mean(list(truth_of(place).values()))
    # One draw of many: coverage is counted by tests/audit/test_estimate.py.
    assert found["share"]["low"] - 0.02 <= share <= found["share"]["high"] + 0.02
    assert "export again" in err
    assert not (place / "recdiff-model/onnx").exists()
    code, _, err = run("clean-edges")
    assert code == 0
    assert "audited, n = 200" in err
    summary = json.loads((place / "cleaned-edges/summary.json").read_text())
    assert summary["fake_share"]["estimate"] == found["share"]["estimate"]
    assert abs(summary["estimated_fake_share"] - found["share"]["estimate"]) < 0.01
    assert summary["audit"]["precision"] == found["precision"]
    gone = {(row["src"], row["dst"]) for row in pq.read_table(place / "cleaned-edges/removed.parquet").to_pylist()}
    for row in rows:
        assert ((row["src"], row["dst"]) in gone) is (row["verdict"].lower() in ("bad", "fake"))
    assert len(read_decisions(place / "data/decisions.csv")) == 200


def test_every_place_gives_the_recalibrated_score(run: Run, place: Path) -> None:
    assert run("audit", "--size", 100)[0] == 0
    answered(place, place / "audit.csv")
    before = RecDiff.load(place / "recdiff-model")
    assert run("audit", "--answers", "audit.csv")[0] == 0
    after = RecDiff.load(place / "recdiff-model")
    old, new = before.score_edges(), after.score_edges()
    assert np.abs(new - old).max() > 0.02
    np.testing.assert_array_equal(np.argsort(old, kind="stable"), np.argsort(new, kind="stable"))
    row = after.edges_.slice(int(new.argmax()), 1).to_pylist()[0]
    assert f"fake_score {new.max():.3f}" in run("explain", row["src"], row["dst"])[1]
    assert run("export", "--onnx")[0] == 0
    (place / "few.csv").write_text(f"src,dst\n{row['src']},{row['dst']}\n")
    assert run("clean-edges", "--edges", "few.csv", "--out", "few", "--threshold", 0)[0] == 0
    assert abs(pq.read_table(place / "few/removed.parquet")["fake_score"][0].as_py() - new.max()) < 1e-6
    # New pairs are scored by the same change of log odds.
    audit = after.fitted_.calibration["audit"]
    far = np.array([[0, 5], [1, 9], [2, 77]])
    odds = [
        np.log(each / (1 - each)) for each in (m.fitted_.pair.score(m.fitted_.table, far)[0] for m in (before, after))
    ]
    np.testing.assert_allclose(audit["slope"] * odds[0] + audit["intercept"], odds[1], atol=1e-3)


def test_a_second_audit_adds_to_the_first_and_starts_from_the_same_scores(run: Run, place: Path) -> None:
    assert run("audit", "--size", 60)[0] == 0
    answered(place, place / "audit.csv")
    first = json.loads(run("audit", "--answers", "audit.csv", "--json")[1])
    model = place / "recdiff-model"
    once = (model / "edges.parquet").read_bytes()
    assert json.loads(run("audit", "--answers", "audit.csv", "--json")[1]) == first
    assert (model / "edges.parquet").read_bytes() == once
    code, out, _ = run("audit", "--size", 150, "--out", "more.csv", "--json")
    assert (code, json.loads(out)["answered"]) == (0, 60)
    answered(place, place / "more.csv")
    second = json.loads(run("audit", "--answers", "more.csv", "--json")[1])
    assert second["share"]["answers"] == 150
    width = [each["share"]["high"] - each["share"]["low"] for each in (first, second)]
    assert width[1] < width[0]


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda rows: rows[3].update(src="nobody"), "row 5, column 'src': 'nobody,"),
        (lambda rows: rows[3].update(inclusion_probability="0.9"), "row 5, column 'inclusion_probability': '0.9' was"),
        (lambda rows: rows[3].update(verdict="perhaps"), "row 5, column 'verdict': 'perhaps'; accepted are fake"),
        (lambda rows: rows.append(dict(rows[0])), "there twice"),
        (lambda rows: rows[4].update(audit=rows[0]["audit"] + "1"), "another audit"),
        (lambda rows: [row.update(audit=f"ffff{row['audit'][4:]}") for row in rows], "is an audit of another model"),
        (lambda rows: [row.update(audit="mine") for row in rows], "names no audit"),
        (lambda rows: [row.update(verdict="") for row in rows[10:]], "10 of 60 rows are answered; fill in"),
        (lambda rows: [row.pop("verdict") for row in rows], "has no column 'verdict'"),
    ],
)
def test_a_table_that_was_tampered_with_is_refused(
    run: Run, place: Path, spoil: Callable[[Rows], object], said: str
) -> None:
    assert run("audit", "--size", 60)[0] == 0
    rows = answered(place, place / "audit.csv")
    spoil(rows)
    write(place / "audit.csv", rows)
    before = (place / "recdiff-model/manifest.json").read_bytes()
    code, _, err = run("audit", "--answers", "audit.csv")
    assert code == 3
    assert said in err
    assert (place / "recdiff-model/manifest.json").read_bytes() == before
    assert not (place / "data/decisions.csv").exists()


def test_answers_are_never_written_over(run: Run, place: Path) -> None:
    assert run("audit", "--size", 60)[0] == 0
    assert run("audit", "--size", 40)[0] == 0
    answered(place, place / "audit.csv")
    code, _, err = run("audit", "--size", 60)
    assert code == 2
    assert "holds 40 verdicts" in err
    (place / "notes.csv").write_text("a,b\n1,2\n")
    assert run("audit", "--size", 60, "--out", "notes.csv")[0] == 2
    assert run("audit", "--answers", "audit.csv", "--size", 60)[0] == 2


def test_a_model_that_changed_meanwhile_is_not_written_over(place: Path) -> None:
    from recdiff.errors import UsageError
    from recdiff.model.folder import manifest_of

    model = RecDiff.load(place / "recdiff-model")
    with pytest.raises(UsageError, match="written this model meanwhile"):
        model.save(place / "recdiff-model", manifest_of(place / "recdiff-model") + b" ")


def test_a_guarantee_needs_known_real_edges(run: Run, place: Path) -> None:
    code, _, err = run("clean-edges", "--guarantee", 0.05)
    assert code == 2
    assert "at least 100 edges known to be real, and 0 are" in err
    assert run("audit", "--size", 400)[0] == 0
    answered(place, place / "audit.csv")
    assert run("audit", "--answers", "audit.csv")[0] == 0
    code, out, err = run("clean-edges", "--guarantee", 0.05, "--json")
    assert code == 0, err
    assert json.loads(out)["policy"]["guarantee"] == 0.05
    assert run("clean-edges", "--guarantee", 0.05, "--threshold", 0.5)[0] == 2


def test_what_is_decided_is_obeyed_for_good(run: Run, place: Path) -> None:
    assert run("clean-edges", "--remove-share", 0.1)[0] == 0
    gone = pq.read_table(place / "cleaned-edges/removed.parquet").to_pylist()
    back, kept = gone[0], pq.read_table(place / "cleaned-edges/kept.parquet").to_pylist()[0]
    assert run("restore", f"{back['src']},{back['dst']}", "--reason", "brothers")[0] == 0
    assert run("decide", "bad", f"{kept['src']},{kept['dst']}", "--who", "eva")[0] == 0
    account = gone[-1]["src"] if gone[-1]["src"] not in (back["src"], back["dst"]) else gone[-1]["dst"]
    assert run("decide", "fake", "--account", account)[0] == 0
    out = run("decide", "fake", "--account", account, "--json")[1]
    assert (json.loads(out)["added"], json.loads(out)["stood already"]) == (0, 1)
    err = run("clean-edges", "--threshold", 1.0)[2]
    assert "decided before: 1 real" in err
    again = {(row["src"], row["dst"]) for row in pq.read_table(place / "cleaned-edges/removed.parquet").to_pylist()}
    assert {(kept["src"], kept["dst"]), (kept["dst"], kept["src"])} <= again
    assert all(account in pair or kept["src"] in pair for pair in again)
    assert run("clean-edges", "--remove-share", 1.0)[0] == 0
    left = {(row["src"], row["dst"]) for row in pq.read_table(place / "cleaned-edges/kept.parquet").to_pylist()}
    assert left == {(back["src"], back["dst"]), (back["dst"], back["src"])}
    decisions = read_decisions(place / "data/decisions.csv")
    assert [(each.what, each.verdict) for each in decisions] == [
        ("edge", "real"),
        ("edge", "fake"),
        ("account", "fake"),
    ]
    assert decisions[0].reason == "brothers"
    assert decisions[1].who == "eva"


def test_a_decision_that_new_evidence_contradicts_is_shown_again(run: Run, place: Path) -> None:
    row = RecDiff.load(place / "recdiff-model").edges_.sort_by([("fake_score", "descending")]).to_pylist()[0]
    (place / "data/decisions.csv").write_text(
        "what,src,dst,who,when,verdict,reason,score\n"
        f"edge,{row['src']},{row['dst']},eva,2024-01-01T00:00:00+00:00,real,,0.001\n"
    )
    err = run("clean-edges", "--threshold", 0.5)[2]
    assert (f"look again: {row['src']},{row['dst']} was decided real" in err) is (row["fake_score"] > 0.5)


def test_mistakes_in_decisions_are_named(run: Run, place: Path) -> None:
    assert run("decide", "perhaps", "a,b")[0] == 2
    assert run("decide", "fake")[0] == 2
    assert run("decide", "fake", "nobody,nowhere")[0] == 3
    assert run("decide", "fake", "--account", "nobody")[0] == 3
    (place / "data/decisions.csv").write_text(
        "what,src,dst,who,when,verdict,reason,score\nedge,a,,eva,,fake,,\naccount,a,,eva,,dunno,,\n"
    )
    code, _, err = run("clean-edges")
    assert code == 3
    assert "row 2, column 'dst'" in err
    assert "row 3, column 'verdict': 'dunno'; accepted are fake" in err
    shutil.rmtree(place / "data")
    code, _, err = run("clean-edges")
    assert code == 0
    assert "the data are no longer at" in err
    assert run("decide", "fake", "a,b")[0] == 2


@pytest.mark.usefixtures("quick_scorer")
def test_a_fit_learns_from_decisions_and_keeps_its_level(run: Run, tmp_path: Path) -> None:
    assert run("sample", "data/", "--users", 100)[0] == 0
    truth = {frozenset(pair): fake for pair, fake in truth_of(tmp_path).items()}
    fakes = [sorted(pair) for pair, fake in truth.items() if fake]
    rows = [f"edge,{src},{dst},eva,2024-01-01T00:00:00+00:00,fake,," for src, dst in fakes[:30]]
    head = "what,src,dst,who,when,verdict,reason,score\n"
    (tmp_path / "data/decisions.csv").write_text(head + "\n".join(rows) + "\n")
    code, _, err = run("fit", "data/")
    assert code == 0, err
    assert "learned from decisions about 30 edges, 30 of them fake" in err
    model = RecDiff.load("recdiff-model")
    assert model.fitted_.calibration["fake_share"]["estimate"] < 0.5
    shutil.rmtree("data")
    assert run("clean-edges", "--threshold", 1.0)[0] == 0
    gone = {(row["src"], row["dst"]) for row in pq.read_table("cleaned-edges/removed.parquet").to_pylist()}
    assert {(src, dst) for src, dst in fakes[:30]} <= gone


def test_decisions_are_left_out_where_asked(run: Run, tmp_path: Path) -> None:
    from recdiff.data.dataset import SocialDataset
    from recdiff_cli.model import _told

    assert run("sample", "data/", "--users", 60)[0] == 0
    dataset = SocialDataset.read("data")
    src, dst = (dataset.users.take(dataset.edges[:1, side])[0].as_py() for side in (0, 1))
    head = "what,src,dst,who,when,verdict,reason,score\n"
    (tmp_path / "data/decisions.csv").write_text(f"{head}edge,{src},{dst},eva,,fake,,\n")
    assert len(_told(None, Path("data"), dataset)["decisions"]) == 1
    assert _told(None, None, dataset)["decisions"] == []
